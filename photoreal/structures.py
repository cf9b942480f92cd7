"""The batch schema: every key, shape, dtype and range that passes between dataset, model, losses and metrics.

Legend: N batch, T time, C condition channels, c channels of one map, H height, W width, s scale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from torch import Tensor

from photoreal.errors import ConfigError

if TYPE_CHECKING:
    from photoreal.models.pairs import Pairs

LOOK_KEY = 'look'  # of the look's table, among a model's weights
PARTS = ('generator', 'discriminator', 'critic')  # of a model: each that it has is trained by an optimizer of its own


class FrameInfo(TypedDict):
    """Where a frame of a stream comes from (`fps` is the source's frames per second)."""

    domain: str  # 'real' or 'virtual'
    video: str  # name of the video's folder
    name: str  # file name of the frame without its suffix
    index: int  # position in the video, 0 first
    length: int  # frames of the video
    fps: float


class Clip(TypedDict):
    """T frames of one video, as they travel from worker to device."""

    maps: dict[str, Tensor]  # modality -> (T, c, H, W), dtype as Modality.compute made it
    target: Tensor  # (T, 3, H*s, W*s) uint8: the untouched frames; of a virtual clip the render
    seed: int  # of what is random in the model for this clip (a batch: (N,) int64)


class PartialClip(Clip, total=False):
    """A clip whose video may lack modalities."""

    recorded: dict[str, int]  # modality that videos may lack -> 1 where this one has it, 0 where its map is a blank
    teacher: Tensor  # (T, 3, H*s, W*s) uint8: what a teacher made of the target, a render; where one is learnt from
    taught: int  # 1 where a teacher made something of this video, 0 where `teacher` is a blank


class ClipItem(PartialClip, total=False):
    """One item of a ClipDataset; a batch has the same keys with N in front of every shape."""

    virtual: PartialClip  # of the same shapes; only where the unpaired branch is on


class Frame(TypedDict):
    """A single frame of a stream."""

    maps: dict[str, Tensor]  # modality -> (c, H, W)
    frame: Tensor  # (3, h, w) uint8, the untouched source frame: real footage, or the virtual render
    info: FrameInfo


class StreamItem(Frame, total=False):
    """One item of a StreamDataset; a batch has N = 1 in front."""

    teacher: Tensor  # (3, h, w) uint8, what a teacher made of a virtual frame; only where there is such


@dataclass
class FrameResult:
    """What the model made of one frame of a stream: the input of metrics and writers. All images uint8 RGB."""

    pred: np.ndarray  # (H, W, 3)
    frame: np.ndarray  # (h, w, 3) the source frame
    target: np.ndarray | None  # (H, W, 3) ground truth, or what a teacher made of a render; None without
    image: np.ndarray | None  # (H, W, 3) the degraded image modality at the size of pred; None without one
    info: FrameInfo
    labels: np.ndarray | None = None  # (h', w') uint8 classes of the first label map, 255 none; None without one


@dataclass(frozen=True)
class ConditionLayout:
    """Which channels of the condition belong to which modality, in the order of the config.

    After those of all modalities comes, for each that may be missing, one that tells whether it is there.
    """

    slices: dict[str, slice]
    image: str | None = None  # name of the modality that is the 3-channel degraded frame
    presence: dict[str, int] = field(default_factory=dict)  # modality that may be missing -> channel: 1 present, 0 not

    @classmethod
    def from_channels(cls, channels: dict[str, int], image: str | None = None,
                      optional: Sequence[str] = ()) -> 'ConditionLayout':
        """Lay modalities of so many channels side by side.

        Args:
            channels: Name of a modality -> its channels.
            image: Name of the degraded frame.
            optional: Names of those that may be missing.

        Raises:
            ConfigError: ``image`` is no modality, or has not 3 channels.
        """
        if image is not None and channels.get(image) != 3:
            found = f'has {channels[image]} channels' if image in channels else 'is not among them'
            raise ConfigError(f"image='{image}' {found}: expected one of the modalities {list(channels)} "
                              'that has 3 channels, or None')
        slices, start = {}, 0
        for name, count in channels.items():
            slices[name] = slice(start, start + count)
            start += count
        return cls(slices, image, {name: start + i for i, name in enumerate(optional)})

    def describe(self) -> dict[str, Any]:
        """The layout as plain values: 'channels' (modality -> its channels, in order), 'optional' (those that may be
        missing, in the order of their channels)."""
        return {'channels': {name: part.stop - part.start for name, part in self.slices.items()},
                'optional': list(self.presence)}

    @property
    def channels(self) -> int:
        """Channels of the condition."""
        return max((s.stop for s in self.slices.values()), default=0) + len(self.presence)

    @property
    def image_slice(self) -> slice | None:
        """Channels of the degraded frame, if there is one."""
        return self.slices[self.image] if self.image is not None else None


@dataclass
class GeneratorOutput:
    """pred (N, T, 3, H*s, W*s), range of the target; flow (N, T-1, 2, H, W) in pixels of the condition, or None."""

    pred: Tensor
    flow: Tensor | None = None


@dataclass
class Score:
    """A discriminator's verdict: logits of any shape, higher is more real, and features, shallow to deep."""

    logits: Tensor
    features: list[Tensor] = field(default_factory=list)


@dataclass
class ClipContext:
    """By name, what a training step has computed so far. A loss or discriminator takes what it needs.

    Everything but ``pred``, ``flow`` and ``fake_scores`` of the generator's phase is detached.
    """

    condition: Tensor  # (N, T, C, H, W)
    target: Tensor | None = None  # (N, T, 3, H*s, W*s) in [0, 1]; None for virtual clips
    image: Tensor | None = None  # (N, T, 3, H, W) the degraded frame
    pred: Tensor | None = None  # (N, T, 3, H*s, W*s)
    flow: Tensor | None = None  # (N, T-1, 2, H, W) takes frame i+1 to where it was in frame i
    flow_back: Tensor | None = None  # (N, T-1, 2, H, W) takes frame i to where it is in frame i+1
    real_scores: list[Score] | None = None
    fake_scores: list[Score] | None = None
    ping_pong: bool = False  # the clip runs forward and back again: frame i equals frame T-1-i
    frames: Tensor | None = None  # (N, T, 3, H*s, W*s) the untouched source frames: the target, or the virtual render
    judge: Callable[[Tensor], list[Score]] | None = None  # in its own phase: the discriminator, of another clip
    labels: Tensor | None = None  # (N, T, H, W) uint8 class of each pixel, 255 none
    teacher: Tensor | None = None  # (N, T, 3, H*s, W*s) in [0, 1]: what a teacher made of the render
    taught: Tensor | None = None  # (N,) 1 where a teacher made something of the clip, 0 where `teacher` is a blank
    pairs: 'Pairs | None' = None  # of virtual clips: their crops, and the real crops to compare them with

    def need(self, name: str, who: str) -> Any:
        """The value called ``name``.

        Raises:
            ConfigError: The step has not computed it; the message names ``who`` asks and what to change.
        """
        value = getattr(self, name)
        if value is None:
            raise ConfigError(f'{who} needs {name!r}, which this training step does not have: {_REMEDY[name]}')
        return value


_REMEDY = {
    'target': 'train on clips with frames (domain real)',
    'image': "name the 3-channel degraded frame with model.image='<modality>'",
    'pred': 'run the generator first',
    'frames': 'train on clips with frames',
    'judge': 'configure model.discriminator, or leave this loss out',
    'labels': 'add a LabelMap to the modalities, or leave this loss out',
    'teacher': 'train on virtual clips with a target/ beside their frames: docs/teacher.md, or leave this loss out',
    'taught': 'train on virtual clips with a target/ beside their frames: docs/teacher.md, or leave this loss out',
    'pairs': 'it compares virtual clips with real ones: move it to model.unpaired.losses',
    'flow': 'choose a generator that estimates flow (FRNet), or leave this component out',
    'flow_back': 'choose a generator that estimates flow (FRNet), or leave this component out',
    'real_scores': 'configure model.discriminator, or leave this loss out',
    'fake_scores': 'configure model.discriminator, or leave this loss out',
}
