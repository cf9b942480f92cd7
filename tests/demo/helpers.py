"""A model and videos for the demo, small enough to test with."""

from pathlib import Path

import numpy as np
import torch

from photoreal.bundle import TrainedModel, load_untrained, save_bundle
from photoreal.datasets.video_writers import VideoWriter
from tests import tiny

COMPUTED = """
modalities = dict(_delete_=True, blur=dict(type='Blur', sigma=(1.0, 4.0)), edges=dict(type='Edges'))
"""


def make_bundle(path: Path, data_root: Path, recorded: bool = False) -> Path:
    """The bundle of a :func:`tiny_model`."""
    save_bundle(tiny_model(path.with_suffix('.py'), data_root, recorded), path)
    return path


def tiny_model(config: Path, data_root: Path, recorded: bool = False) -> TrainedModel:
    """A model that adds red; it sees blur and edges, and recorded labels too if ``recorded``."""
    model = load_untrained(tiny.write_config(config, data_root, '' if recorded else COMPUTED))
    with torch.no_grad():
        model.generator.conv_out.bias.copy_(torch.tensor([0.4, -0.2, -0.2]))
    return model


def video(length: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(T, H, W, 3) uint8: grey stripes that move."""
    x = np.arange(width)[None, None, :] + 2 * np.arange(length)[:, None, None]
    frames = (128 + 60 * np.sin(x / 5)).astype(np.uint8)
    return np.repeat(np.broadcast_to(frames, (length, height, width))[..., None], 3, axis=-1)


def write_video(path: Path, length: int = 6, **size: int) -> Path:
    with VideoWriter(path, 12.5) as writer:
        for frame in video(length, **size):
            writer.write(frame)
    return path
