"""Networks in files: ONNX, TorchScript and torch.export, run on one frame at a time."""

import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from photoreal.errors import ConfigError
from photoreal.modalities.arguments import check_number
from photoreal.modalities.networks import NETWORKS, network_file

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_TORCHSCRIPT = ('.pt', '.pth', '.ts', '.torchscript')
_SUFFIXES = ('.onnx', '.pt2', *_TORCHSCRIPT)


class ImageModel:
    """A network from one RGB frame to maps. Plain data that pickles: each process opens the file at the first need.

    A TorchScript file is a program, and loading one runs it: take such files only from whom you trust.

    Args:
        path: ``.onnx``, ``.pt2`` (torch.export) or TorchScript (``.pt``, ``.pth``, ``.ts``, ``.torchscript``), or the
            name of a network that ``photoreal fetch-model`` has fetched. None: a stand-in that cannot run, where only
            maps that were computed before are read.
        size: (height, width), or one number for both, that frames are resized to; None: their own size.
        mean: Of each channel of frames in [0, 1], subtracted.
        std: Of each channel, divided by.
        output: Which output, by number or name, where there are several.

    Raises:
        ConfigError: No such file, a suffix that is none of these, an extra that is missing, or an argument of another
            kind.
    """

    def __init__(self, path: str | None, size: int | Sequence[int] | None, mean: Sequence[float],
                 std: Sequence[float], output: int | str) -> None:
        self.path = network_file(path) if path in NETWORKS else None if path is None else str(path)
        if self.path is not None:
            _check_file(Path(self.path))
        self.size = _parse_size(size)
        self.mean, self.std = _parse_triple('mean', mean), _parse_triple('std', std)
        if min(self.std) <= 0:
            raise ConfigError(f'std={std!r}: expected three numbers above 0')
        if isinstance(output, bool) or not isinstance(output, int | str):
            raise ConfigError(f'output={output!r}: expected the number or the name of one of the outputs')
        self.output = output

    def run(self, frame: np.ndarray) -> np.ndarray:
        """Put one frame through the network, alone, so that the result does not depend on its neighbours.

        Args:
            frame: (H, W, 3) uint8 RGB.

        Returns:
            (K, h, w), K = 1 where the network gives no such dimension.

        Raises:
            ConfigError: The file cannot be read or run, has no such output, or gives no maps.
        """
        if self.path is None:
            raise ConfigError('model=None: there is no network to compute maps with; give the path of one, or read '
                              "maps that were computed before: dict(type='Precomputed', folder='...', of=...)")
        if self.size is not None:
            shrinks = self.size[0] * self.size[1] < frame.shape[0] * frame.shape[1]
            frame = cv2.resize(frame, self.size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        x = (frame.astype(np.float32) / 255 - np.float32(self.mean)) / np.float32(self.std)
        x = np.ascontiguousarray(x.transpose(2, 0, 1)[None])  # (1, 3, h, w)
        network = _open(self.path, os.stat(self.path).st_mtime_ns, os.getpid())
        try:
            found = network(x)
        except Exception as error:  # each runtime raises kinds of its own
            raise ConfigError(f'{self.path}: the network cannot be run on a frame of {x.shape[3]}x{x.shape[2]} pixels, '
                              f'an array {x.shape} of float32: {error}; does it need another size?') from error
        return self._maps(found)

    def _maps(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        names = list(outputs)
        at = self.output
        if at not in outputs and not (isinstance(at, int) and 0 <= at < len(names)):
            raise ConfigError(f'{self.path}: output={at!r}: the network has {", ".join(map(repr, names))}; '
                              f'expected one of them, or 0 to {len(names) - 1}')
        found = outputs[at] if at in outputs else outputs[names[at]]
        maps = found[0] if found.ndim >= 3 and found.shape[0] == 1 else found
        maps = maps[None] if maps.ndim == 2 else maps
        if maps.ndim != 3:
            raise ConfigError(f'{self.path}: output {at!r} has the shape {found.shape}; expected (1, K, h, w) or '
                              '(1, h, w); choose another with output=')
        return maps


def _check_file(path: Path) -> None:
    if path.suffix.lower() not in _SUFFIXES:
        raise ConfigError(f"model='{path}': the suffix '{path.suffix}' is none that is known; "
                          f'expected {", ".join(_SUFFIXES)}')
    if not path.is_file():
        raise ConfigError(f"model='{path}': no such file; expected a network as ONNX, TorchScript or torch.export")
    if path.suffix.lower() == '.onnx' and importlib.util.find_spec('onnxruntime') is None:
        raise ConfigError(f"model='{path}': ONNX needs onnxruntime, which is not installed; "
                          "run: pip install '.[onnx]' in photoreal's folder")


def _parse_size(size: int | Sequence[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = size if isinstance(size, Sequence) and not isinstance(size, str) else (size, size)
    if len(sides) != 2:
        raise ConfigError(f'size={size!r}: expected (height, width), one number for both, or None')
    return tuple(check_number(f'size[{i}]', side, 1, integer=True) for i, side in enumerate(sides))


def _parse_triple(name: str, values: Sequence[float]) -> tuple[float, ...]:
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 3:
        raise ConfigError(f'{name}={values!r}: expected three numbers, for R, G and B')
    return tuple(check_number(f'{name}[{i}]', value) for i, value in enumerate(values))


class _Network(ABC):
    """An opened file."""

    @abstractmethod
    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """(1, 3, h, w) float32 -> every output by its name, or by its number as text where it has none."""


class _Onnx(_Network):
    def __init__(self, path: str) -> None:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        # One thread sums in one order; workers are the parallelism.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        found = self._session.run(None, {self._session.get_inputs()[0].name: x})
        return {output.name: value for output, value in zip(self._session.get_outputs(), found, strict=True)}


class _Torch(_Network):
    def __init__(self, path: str) -> None:
        if path.lower().endswith('.pt2'):
            self._module = torch.export.load(path).module()
        else:
            self._module = torch.jit.load(path, map_location='cpu').eval()

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            found: Any = self._module(torch.from_numpy(x))
        if isinstance(found, torch.Tensor):
            found = [found]
        pairs = found.items() if isinstance(found, dict) else ((str(i), value) for i, value in enumerate(found))
        return {name: value.numpy() for name, value in pairs}


@lru_cache(maxsize=4)
def _open(path: str, stamp: int, process: int) -> _Network:
    """The network in a file, kept open.

    Args:
        path: The file.
        stamp: When it was changed; a file that was written anew is opened anew.
        process: Id of the process; a runtime taken along by a fork would have lost its threads.
    """
    try:
        return _Onnx(path) if path.lower().endswith('.onnx') else _Torch(path)
    except Exception as error:  # each runtime raises kinds of its own
        raise ConfigError(f'{path} cannot be read as a network: {error}; export it anew') from error
