"""Motion blur: what moves while the shutter is open is smeared along its way.

As in McGuire et al., "A Reconstruction Filter for Plausible Motion Blur", I3D 2012, pixels are gathered along the
motion of the place itself, less his care for what lies in front of what; motion is that of the frames.

Legend: H height, W width.
"""

import cv2
import numpy as np

MOST_TAPS = 16
LONGEST = 0.1  # of the height: what moves further is blurred no more than that
UNSURE = 24  # levels by which a place may differ from where it seems to come from; beyond, its motion is not known
STRIP = 32  # rows that are blurred at a time
_SMALLEST = 32  # pixels a side that motion is looked for in


def shutter_motion(frame: np.ndarray, before: np.ndarray, shutter: float, size: tuple[int, int]) -> np.ndarray:
    """How far each place moves while the shutter is open, (H, W, 2) float32 in pixels of a picture of that size.

    Estimated at half the size by dense inverse search (Kroeger et al., ECCV 2016). Where the frame before does not
    explain this one, as after a cut, nothing moves.

    Args:
        frame: (h, w, 3) uint8.
        before: (h, w, 3) uint8, the frame before it.
        shutter: Share of the time between the two.
        size: (H, W).
    """
    height, width = frame.shape[:2]
    if min(height, width) < 2 * _SMALLEST or before.shape != frame.shape:
        return np.zeros((*size, 2), np.float32)
    small = width // 2, height // 2
    now, then = (cv2.resize(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), small, interpolation=cv2.INTER_AREA)
                 for x in (frame, before))
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(now, then, None)
    y, x = np.mgrid[:small[1], :small[0]].astype(np.float32)
    came = cv2.remap(then, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    known = (cv2.blur(cv2.absdiff(now, came), (5, 5)) < UNSURE).astype(np.float32)
    flow *= np.float32([size[1] / small[0], size[0] / small[1]]) * shutter * cv2.blur(known, (5, 5))[..., None]
    length = np.maximum(np.hypot(flow[..., 0], flow[..., 1]), 1e-6)
    flow *= np.minimum(1, LONGEST * size[0] / length)[..., None]
    return cv2.resize(flow, size[::-1])


def blur_along(frame: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Mean of a frame along its motion, half of it ahead and half behind.

    Args:
        frame: (H, W, 3) uint8.
        motion: (H, W, 2) float32, in pixels.

    Returns:
        (H, W, 3) uint8.
    """
    longest = float(np.sqrt(np.square(motion).sum(-1).max()))
    taps = min(MOST_TAPS, int(np.ceil(longest)))
    if taps < 2:
        return frame
    blurred = np.empty_like(frame)
    for start in range(0, len(frame), STRIP):
        rows = slice(start, start + STRIP)
        here = np.dstack(np.meshgrid(np.arange(frame.shape[1], dtype=np.float32),
                                     np.arange(start, start + len(motion[rows]), dtype=np.float32)))
        total = np.zeros(here.shape[:2] + (3,), np.float32)
        for tap in range(taps):
            at = cv2.scaleAdd(motion[rows], (tap + 0.5) / taps - 0.5, here)
            cv2.accumulate(cv2.remap(frame, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), total)
        blurred[rows] = cv2.convertScaleAbs(total, alpha=1 / taps)
    return blurred
