"""Motion, recorded and estimated."""

import cv2
import numpy as np
import pytest
import torch

from photoreal.datasets import ClipDataset
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError
from photoreal.modalities import Flow, Precomputed
from photoreal.models import VideoGAN
from photoreal.testing.modality import ModalityContract, street_frames
from tests.datasets.helpers import to_numpy


class TestEstimated(ModalityContract):
    value_range = (-1.0, 1.0)

    def make(self):
        return Flow()


class TestRecorded(ModalityContract):
    value_range = (-1.0, 1.0)

    def make(self):
        return Flow('flow')

    def maps(self, rng, length, height, width):
        maps = rng.integers(0, 65536, (length, height, width, 3), dtype=np.uint16)
        maps[..., 2] = rng.integers(0, 2, (length, height, width))
        return maps


class TestEngine(TestRecorded):
    def make(self):
        return Flow('velocity', limit=8, unit=0.125, zero=1000, negate=True)


def seen(flow: Flow, maps: np.ndarray) -> np.ndarray:
    """(T, channels, H, W)"""
    return flow.encode(torch.from_numpy(np.moveaxis(maps, -1, 1).copy())).numpy()


def moving(dx: int, dy: int) -> np.ndarray:
    """Two frames of a textured scene that moves by so many pixels to the right and down."""
    scene = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8), (0, 0), 2)
    return np.stack([scene[16:80, 16:112], scene[16 - dy:80 - dy, 16 - dx:112 - dx]])


@pytest.mark.parametrize('dx, dy', [(5, 0), (-3, 4)])
def test_estimated_flow_points_to_where_things_were(dx, dy):
    flow = Flow(limit=16)
    found = seen(flow, flow.compute(moving(dx, dy)))
    assert (found[0] == 0).all()  # nothing is known of the first frame
    assert (found[1, 2] == 1).all()
    inner = found[1, :2, 16:-16, 16:-16].reshape(2, -1) * 16
    np.testing.assert_allclose(np.median(inner, axis=1), [-dx, -dy], atol=0.2)


def test_recorded_flow_in_pixels():
    maps = np.array([[[[32768 + 64 * 8, 32768 - 64 * 4, 1], [32768 + 64 * 90, 32768, 7], [0, 0, 0]]]], np.uint16)
    found = seen(Flow('flow', limit=16), Flow('flow').compute(maps))[0, :, 0]
    np.testing.assert_allclose(found, [[0.5, 1, 0], [-0.25, 0, 0], [1, 1, 0]])
    engine = Flow('velocity', limit=16, negate=True)
    np.testing.assert_allclose(seen(engine, engine.compute(maps))[0, :, 0, :2], [[-0.5, -1], [0.25, 0], [1, 1]])


def test_what_went_left_goes_right_in_a_mirror():
    maps = np.array([[[[32768 + 64, 32768 + 64, 1], [32768, 32768, 1]]]], np.uint16)
    np.testing.assert_array_equal(Flow('flow').flip(maps)[0, 0], [[32768, 32768, 1], [32768 - 64, 32768 + 64, 1]])


def test_flow_of_a_smaller_frame_is_shorter():
    maps = np.full((1, 4, 6, 3), 32768 + 256, np.uint16)
    np.testing.assert_array_equal(Flow('flow').shrink(maps, 2)[..., :2], np.full((1, 2, 3, 2), 32768 + 128))


def test_other_files_are_refused():
    with pytest.raises(ValueError, match='flow is stored as 2 channels of uint16.*as KITTI does'):
        Flow('flow').compute(np.zeros((1, 2, 2, 2), np.uint16))
    with pytest.raises(ConfigError, match='limit=0'):
        Flow(limit=0)


def test_clips_with_recorded_motion_run_forward_frame_by_frame(tmp_path):
    frames = street_frames(np.random.default_rng(0), 6, 16, 20)
    for i, frame in enumerate(frames):
        write_image(tmp_path / f'train/real/a/frames/{i:03d}.png', frame)
        write_image(tmp_path / f'train/real/a/flow/{i:03d}.png',
                    np.full((16, 20, 3), (32768 + 64 * i, 32768, 1), np.uint16))

    def clips(**arguments):
        return ClipDataset(tmp_path, dict(flow=dict(type='Flow', folder='flow', limit=8)), clip_length=4, crop_size=8,
                           **arguments)

    for k in range(12):
        numbers = (to_numpy(clips(flip_prob=0)[k]['maps']['flow'])[:, 0, 0, 0].astype(int) - 32768) // 64
        assert (np.diff(numbers) == 1).all(), numbers
    for arguments in (dict(strides=(1, 2)), dict(reverse_prob=0.1), dict(still_prob=0.1)):
        with pytest.raises(ConfigError, match=r"'flow' is recorded motion.*expected strides=\(1,\)"):
            clips(**arguments)


@pytest.mark.parametrize('modality', [Flow(), Flow('flow'), Precomputed('flow', Flow())])
def test_no_loss_may_have_clips_run_back(modality):
    def model(loss):
        generator = dict(type='FRNet', mid_channels=4, num_blocks=1, flow_channels=4)
        return VideoGAN(dict(flow=modality), generator, losses=dict(loss=dict(type=loss)))

    model('PixelLoss')
    with pytest.raises(ConfigError, match="'flow' tells which way time runs"):
        model('PingPongLoss')
