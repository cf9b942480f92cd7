from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from photoreal.structures import FrameResult


def _moving_scene(length: int = 8, height: int = 64, width: int = 96, step: tuple[int, int] = (3, 1), seed: int = 0,
                  ) -> np.ndarray:
    """(T, H, W, 3) uint8: a camera pans over a textured plane, which moves by ``step`` pixels (x, y) a frame."""
    dx, dy = step
    span_x, span_y = abs(dx) * (length - 1), abs(dy) * (length - 1)
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 256, (height + span_y, width + span_x, 3), dtype=np.uint8)
    plane = cv2.normalize(cv2.GaussianBlur(plane, (0, 0), 2.0), None, 0, 255, cv2.NORM_MINMAX)
    plane[..., 2] //= 2  # a cast, so that channels cannot be mistaken for each other
    left = [(span_x if dx > 0 else 0) - dx * t for t in range(length)]
    top = [(span_y if dy > 0 else 0) - dy * t for t in range(length)]
    return np.stack([plane[y:y + height, x:x + width] for x, y in zip(left, top, strict=True)])


def _stream(pred: Sequence[np.ndarray], frames: Sequence[np.ndarray], domain: str = 'real', video: str = 'clip',
            image: Sequence[np.ndarray] | None = None) -> list[FrameResult]:
    """What a model hands to the metrics for one video; on the real domain the target is the frame."""
    return [FrameResult(
        pred=pred[i], frame=frames[i], target=frames[i] if domain == 'real' else None,
        image=None if image is None else image[i],
        info={'domain': domain, 'video': video, 'name': f'{i:04}', 'index': i, 'length': len(frames), 'fps': 25.0},
    ) for i in range(len(frames))]


@pytest.fixture(scope='session')
def moving_scene() -> Callable[..., np.ndarray]:
    return _moving_scene


@pytest.fixture(scope='session')
def stream() -> Callable[..., list[FrameResult]]:
    return _stream
