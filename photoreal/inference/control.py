"""How much of a prediction is shown, and where: strength, structure guard, and classes that stay the render's.

All of it happens after the generator, whose state never sees it: the network was trained on what it makes itself, and
a blend that is fed back is blended again in every frame, so that a strength of 0.5 becomes less and less, and a slider
leaves a trail. And what a generator made of a frame can be blended anew as often as one likes.

Legend: H height, W width, h and w rows and columns of cells, s scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from photoreal.camera import Camera
from photoreal.errors import ConfigError, DataError
from photoreal.inference.keeping import kept_weight


@dataclass(frozen=True)
class Control:
    """What of a prediction is shown.

    Attributes:
        strength: 0 shows the render, bit for bit; 1 the prediction; between them every colour goes this part of the
            way. A look goes it, too: the blend is what a look of this strength and this part of what the generator
            changed would add up to.
        guard: How far the prediction goes back to the frame as the generator saw it where its structure leaves that
            of the frame: 0 not at all, 1 all the way.
        keep: Numbers of the classes whose pixels stay the render's.
        camera_strength: Of the camera; None: that of the prediction, so that 0 shows the render itself.

    Raises:
        ConfigError: A value is out of range.
    """

    strength: float = 1.0
    guard: float = 0.0
    keep: tuple[int, ...] = ()
    camera_strength: float | None = None

    def __post_init__(self) -> None:
        for name in ('strength', 'guard', 'camera_strength'):
            value = getattr(self, name)
            if not (value is None and name == 'camera_strength') and not 0 <= value <= 1:
                raise ConfigError(f'{name}={value}: expected 0 to 1')


class Setting:
    """A property of an object that has a ``control``: one of its values, replaced as a whole, so that a frame that is
    being finished in another thread sees the old values or the new ones."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        return self if holder is None else getattr(holder.control, self._name)

    def __set__(self, holder: Any, value: Any) -> None:
        holder.control = replace(holder.control, **{self._name: value})


@dataclass(frozen=True)
class Layers:
    """A prediction and all that it is blended with.

    Attributes:
        frame: (H, W, 3) uint8 RGB, the render.
        looked: (H, W, 3) uint8 RGB, the render as the generator saw it.
        pred: (H*s, W*s, 3) uint8 RGB, what the generator made of it.
        index: The frame's number in its video.
        doubt: (h, w) in [0, 1], where the structure guard doubts the prediction; None: it was not asked.
        labels: (H, W) uint8 each, the classes in this frame and in up to two before it, the newest first; empty: none.
        masks: (H, W) bool each, what is to stay the render's whatever its class, likewise.
        before: (H, W, 3) uint8 RGB, the render before it in the scene, by which a camera blurs what moves; None: none.
    """

    frame: np.ndarray
    looked: np.ndarray
    pred: np.ndarray
    index: int = 0
    doubt: np.ndarray | None = None
    labels: Sequence[np.ndarray] = ()
    masks: Sequence[np.ndarray] = ()
    before: np.ndarray | None = None


def compose(layers: Layers, control: Control, camera: Camera | None = None) -> np.ndarray:
    """What is shown of a prediction.

    What is kept is laid over it last, untouched by the camera, too.

    Args:
        layers: The prediction and the rest.
        control: How much of it.
        camera: What films it; None: nothing.

    Returns:
        (H*s, W*s, 3) uint8 RGB.

    Raises:
        DataError: Classes are to be kept, and there are no labels.
    """
    made, size = layers.pred, layers.pred.shape[:2]
    if control.guard and control.strength and layers.doubt is not None and layers.doubt.any():
        doubt = cv2.resize(cv2.blur(layers.doubt, (3, 3)), size[::-1], interpolation=cv2.INTER_LINEAR)
        made = _mix(made, fit(layers.looked, size), control.guard * doubt)
    if control.strength < 1:
        made = _fade(fit(layers.frame, size), made, control.strength)
    filmed = control.strength if control.camera_strength is None else control.camera_strength
    if camera is not None and filmed:
        made = camera.film(made, layers.index, filmed,
                           None if layers.before is None else (layers.frame, layers.before))
    if control.keep and not layers.labels:
        raise DataError('classes are to be kept, and there are no labels of this video: give their maps, one a frame '
                        '(--modality segmentation=path), or masks (--keep-mask path)')
    kept = [np.isin(one, control.keep) for one in layers.labels] if control.keep else []
    weight = kept_weight(kept, layers.masks, size)
    return made if weight is None else _mix(made, fit(layers.frame, size), weight)


def fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture (H, W, 3) at (height, width) of a prediction; the same object where it has that size."""
    if picture.shape[:2] == size:
        return picture
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)


def _fade(frame: np.ndarray, made: np.ndarray, strength: float) -> np.ndarray:
    return frame if strength == 0 else cv2.addWeighted(made, strength, frame, 1 - strength, 0)


def _mix(made: np.ndarray, other: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Pictures (H, W, 3) uint8 and the weight (H, W) of the other, exact where that is 0 or 1; the rest of the frame
    is not computed."""
    rows, columns = (np.flatnonzero(weight.any(axis)) for axis in (1, 0))
    if not len(rows):
        return made
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    share = weight[part][..., None].astype(np.float32)
    mixed = made.copy()
    mixed[part] = np.rint(made[part] + share * (other[part].astype(np.float32) - made[part]))
    return mixed
