"""How the prediction moves: tOF against the real motion or the input's, warping error and flicker along the latter.

Flow is backward flow in pixels, (H, W, 2) as (x, y): it takes a pixel of the current frame to where it was in the
previous one, so that ``current(x)`` equals ``previous(x + flow(x))``.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from mmengine.registry import METRICS

from photoreal.metrics.base import VideoMetric
from photoreal.metrics.fidelity import ground_truth
from photoreal.metrics.protocols import get_protocol
from photoreal.structures import FrameResult

MIN_FLOW_SIDE = 12
MAX_FLOW_SIDE = 640
NO_CLASS = 255


def estimate_flow(current: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Backward flow by dense inverse search (Kroeger et al., "Fast optical flow using DIS", ECCV 2016).

    Args:
        current: (H, W) uint8 grey.
        previous: (H, W) uint8 grey.

    Returns:
        (H, W, 2) float32. Swap the arguments for the flow that runs forward.

    Raises:
        ValueError: The images are too small to find motion in.
    """
    if min(current.shape) < MIN_FLOW_SIDE:
        raise ValueError(f'an image of {current.shape[1]}x{current.shape[0]} pixels is too small for optical flow: '
                         f'expected at least {MIN_FLOW_SIDE}x{MIN_FLOW_SIDE}')
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(current, previous, None)


def warp(previous: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Sample an image where the flow points to, bilinearly; outside the image its border goes on.

    Args:
        previous: (H, W) or (H, W, C), uint8 or float32.
        flow: (H, W, 2) float32.

    Returns:
        The image as it would look in the current frame, shape and dtype of ``previous``.
    """
    return cv2.remap(previous, _pixels(flow) + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def visibility(backward: np.ndarray, forward: np.ndarray) -> np.ndarray:
    """Which pixels of the current frame were visible in the previous one, by the forward-backward check.

    There and back again has to end near the start: |b + f|^2 <= 0.01 (|b|^2 + |f|^2) + 0.5 (Sundaram et al., "Dense
    point trajectories by GPU-accelerated large displacement optical flow", ECCV 2010). What points out of the
    image was not visible.

    Args:
        backward: (H, W, 2) float32, current to previous.
        forward: (H, W, 2) float32, previous to current.

    Returns:
        (H, W) bool.
    """
    height, width = backward.shape[:2]
    origin = _pixels(backward) + backward
    # A pixel reaches half a pixel beyond its centre; without that, rounding would take the rim of a still image away.
    inside = ((origin >= -0.5) & (origin <= (width - 0.5, height - 0.5))).all(-1)
    forward = warp(forward, backward)
    mismatch = np.square(backward + forward).sum(-1)
    length = np.square(backward).sum(-1) + np.square(forward).sum(-1)
    return inside & (mismatch <= 0.01 * length + 0.5)


def warp_error(current: np.ndarray, previous: np.ndarray, flow: np.ndarray, visible: np.ndarray) -> float:
    """Mean squared difference of a frame to its warped predecessor, over visible pixels and channels.

    Args:
        current: (H, W, 3) uint8.
        previous: (H, W, 3) uint8.
        flow: (H, W, 2) float32.
        visible: (H, W) bool, somewhere true.

    Returns:
        Squared levels of 255.
    """
    return _mean_square(_change(current, previous, flow), visible)


def _change(current: np.ndarray, previous: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """A frame less its warped predecessor, (H, W, 3) float32."""
    return current.astype(np.float32) - warp(previous.astype(np.float32), flow)


def _mean_square(difference: np.ndarray, visible: np.ndarray) -> float:
    squares = np.einsum('hwc,hwc->hw', difference, difference)
    return float(squares.sum(where=visible, dtype=np.float64) / (np.count_nonzero(visible) * difference.shape[-1]))


def flicker(pred: np.ndarray, source: np.ndarray, visible: np.ndarray, labels: np.ndarray | None = None,
            ) -> dict[str, float]:
    """How much the brightness of a prediction changes along the motion beyond what the source frame's does.

    Args:
        pred: (H, W) float32, grey of the prediction less that of its warped predecessor.
        source: (H, W) float32, the same of the source frames.
        visible: (H, W) bool, somewhere true.
        labels: (H, W) uint8 classes, 255 for none; None without.

    Returns:
        ``flicker``, the mean absolute difference of the two over visible pixels, in levels of 255, and the same over
        each class that is visible: ``flicker_class_<number>``.
    """
    excess = np.abs(pred - source)[visible]
    values = {'flicker': float(excess.mean(dtype=np.float64))}
    if labels is not None:
        classes = labels[visible]
        sums, counts = np.bincount(classes, excess, NO_CLASS + 1), np.bincount(classes, minlength=NO_CLASS + 1)
        values |= {f'flicker_class_{k}': float(sums[k] / counts[k]) for k in counts[:NO_CLASS].nonzero()[0]}
    return values


def _pixels(flow: np.ndarray) -> np.ndarray:
    """Coordinates (x, y) of every pixel, (H, W, 2) float32."""
    height, width = flow.shape[:2]
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


@METRICS.register_module()
class TOF(VideoMetric):
    """Difference of the prediction's motion to the real one, in pixels, lower is better: ``tof``.

    The mean length of F(target[t-1], target[t]) - F(pred[t-1], pred[t]), where F is Farneback's flow of the whole
    grey frames (Chu et al., "Learning temporal coherence via self-supervision for GAN-based video generation",
    ACM TOG 39(4), 2020). The first frame that counts has no value.

    Args:
        domain: ``real``; ``virtual``: against what a teacher made.
        protocol: ``plain``: all frames, whole. ``tecogan``: without the first and last two frames, the flow
            cropped to multiples of 32 with at least 8 pixels off each side, as the paper's authors do.
        prefix: First part of the names; None: the domain.
    """

    needs_target = True

    def __init__(self, domain: str = 'real', protocol: str = 'plain', prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self.protocol = get_protocol(protocol)
        self._previous: tuple[np.ndarray, np.ndarray] | None = None  # grey target and pred

    def reset_video(self) -> None:
        self._previous = None

    def update(self, result: FrameResult) -> dict[str, float]:
        if not self.protocol.covers(result.info):
            return {}
        current = _grey(ground_truth(result)), _grey(result.pred)
        previous, self._previous = self._previous, current
        if previous is None:
            return {}
        target_flow, pred_flow = (self.protocol.crop(_farneback(before, now))
                                  for before, now in zip(previous, current, strict=True))
        return {'tof': _mean_length(target_flow - pred_flow)}


@METRICS.register_module()
class InputTOF(VideoMetric):
    """Difference of the prediction's motion to that of the source frames, in pixels, lower is better: ``input_tof``.

    As :class:`TOF`, on all frames, whole, with the source frames in the place of ground truth: what a translation
    must not change is how things move. Source frames of another size than the prediction are resized to it. The
    first frame of a video has no value.

    Args:
        domain: ``real`` or ``virtual``.
        prefix: First part of the names; None: the domain.
    """

    def __init__(self, domain: str, prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self._previous: tuple[np.ndarray, np.ndarray] | None = None  # grey source and pred

    def reset_video(self) -> None:
        self._previous = None

    def update(self, result: FrameResult) -> dict[str, float]:
        current = _grey(resize(result.frame, *result.pred.shape[1::-1])), _grey(result.pred)
        previous, self._previous = self._previous, current
        if previous is None:
            return {}
        source_flow, pred_flow = (_farneback(before, now) for before, now in zip(previous, current, strict=True))
        return {'input_tof': _mean_length(source_flow - pred_flow)}


def _farneback(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Flow (H, W, 2) of grey images as the TecoGAN authors compute it."""
    return cv2.calcOpticalFlowFarneback(before, now, None, 0.5, 3, 15, 3, 5, 1.2, 0)


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=-1).mean(dtype=np.float64))


@dataclass
class _Moment:
    """One frame of the stream: pred, source and what a teacher made of it (H, W, 3), and the source grey, as the flow
    is estimated on it."""

    pred: np.ndarray
    frame: np.ndarray
    grey: np.ndarray
    teacher: np.ndarray | None = None


@METRICS.register_module()
class WarpError(VideoMetric):
    """How much a prediction differs from its predecessor carried along by the motion, lower is better.

    ``warp_error`` is the mean squared difference of pred[t] to the warped pred[t-1], over pixels visible in both, in
    squared levels of 255 (divide by 255^2 for values in [0, 1]; Lai et al., "Learning blind video temporal
    consistency", ECCV 2018). ``warp_error_input`` is the same of the source frames, the floor to compare with: errors
    of the flow and changes of light are in both. Where a teacher made something of a virtual video,
    ``warp_error_target`` is the same of that.

    ``flicker`` has that floor taken off pixel by pixel: the mean absolute difference, in levels of 255, of how the
    grey value of the prediction changes along the motion to how that of the source frames does. Where the frames
    have a label map there is ``flicker_class_<number>`` for each class.

    Flow and visibility come from the source frames, never from the prediction, and are estimated on frames whose
    longer side is 640 pixels at the most. Source frames of another size than the prediction are resized to it.
    The first frame of a video, and one of which nothing was visible before, has no value.

    Both reward blur, which has nothing that could flicker: read them beside a measure of sharpness or fidelity.

    Args:
        domain: ``real`` or ``virtual``.
        prefix: First part of the names; None: the domain.
    """

    neutral = frozenset({'warp_error_input', 'warp_error_target'})

    def __init__(self, domain: str, prefix: str | None = None) -> None:
        super().__init__(domain, prefix)
        self._previous: _Moment | None = None

    def reset_video(self) -> None:
        self._previous = None

    def update(self, result: FrameResult) -> dict[str, float]:
        frame = resize(result.frame, *result.pred.shape[1::-1])
        teacher = result.target if self.domain == 'virtual' else None
        now = _Moment(result.pred, frame, _small_grey(frame), teacher)
        before, self._previous = self._previous, now
        if before is None:
            return {}
        flow, visible = _motion(before, now)
        if not visible.any():
            return {}
        pred, source = (_change(a, b, flow) for a, b in ((now.pred, before.pred), (now.frame, before.frame)))
        labels = result.labels
        if labels is not None:
            labels = cv2.resize(labels, result.pred.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        values = {'warp_error': _mean_square(pred, visible), 'warp_error_input': _mean_square(source, visible)}
        if now.teacher is not None:
            values['warp_error_target'] = warp_error(now.teacher, before.teacher, flow, visible)
        return values | flicker(_grey(pred), _grey(source), visible, labels)


def _motion(before: _Moment, now: _Moment) -> tuple[np.ndarray, np.ndarray]:
    """Backward flow (H, W, 2) and visibility (H, W) at the size of the frames."""
    flow = estimate_flow(now.grey, before.grey)
    visible = visibility(flow, estimate_flow(before.grey, now.grey))
    height, width = now.frame.shape[:2]
    small_height, small_width = flow.shape[:2]
    scale = np.array([width / small_width, height / small_height], np.float32)
    visible = cv2.resize(visible.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(flow, (width, height)) * scale, visible.view(bool)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _small_grey(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    shrink = max(height, width, MAX_FLOW_SIDE) / MAX_FLOW_SIDE
    return resize(_grey(image), max(round(width / shrink), 1), max(round(height / shrink), 1))


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """An image (H, W) or (H, W, C) at another size: means of areas where it shrinks, else bicubic."""
    if image.shape[1::-1] == (width, height):
        return image
    shrinks = width < image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
