"""Clips for training: which frames, which window, mirrored or not, is chosen once a clip, from its index alone."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from photoreal.datasets.layout import TARGET, VideoRecord, scan
from photoreal.datasets.sources import FrameSource
from photoreal.datasets.styles import InputStyles
from photoreal.datasets.transforms import Window, compute_map, reflect, to_tensor
from photoreal.errors import ConfigError, DataError
from photoreal.look import Look, build_look
from photoreal.modalities import Modality, build_modalities
from photoreal.registry import DATASETS
from photoreal.structures import ClipItem


@dataclass(frozen=True)
class _Plan:
    """What was chosen for one clip, in pixels of the condition."""

    before: list[int]  # frames before the clip, for modalities with context, oldest first
    indices: list[int]  # frames of the clip; one if it stands still
    windows: list[Window]  # one for all frames, or, if it stands still, one for every position of the window
    flip: bool
    size: tuple[int, int]  # (height, width) of the whole condition

    def region(self, modality: Modality) -> Window:
        """What a modality must be given to compute the windows' content."""
        return Window.spanning(self.windows).grown(modality.margin, modality.align, self.size)

    def context(self, modality: Modality) -> list[int]:
        return self.before[max(0, len(self.before) - modality.context):]


@dataclass(frozen=True)
class ClipChoice:
    """What was drawn for one clip, for people to read.

    Attributes:
        video: Where the frames come from.
        indices: Numbers of its frames, T of them.
        windows: The window of each of the T frames, in pixels of the condition, before mirroring.
        flip: Whether the clip is mirrored left to right.
        params: Name of a modality -> the parameters of its ``compute``.
        styles: Name of an input style that the clip gets -> the parameters of its ``apply``.
    """

    video: VideoRecord
    indices: list[int]
    windows: list[Window]
    flip: bool
    params: dict[str, dict[str, Any]]
    styles: dict[str, dict[str, Any]]


@DATASETS.register_module()
class ClipDataset(Dataset):
    """Clips of one domain for training; an epoch has one clip for every frame, which the clip starts with.

    Item k is clip ``k % len(self)`` of epoch ``k // len(self)``, for any k >= 0. What is random in it depends on
    (seed, epoch, index) alone, so that training can be repeated, and resumed at any k, exactly.

    A clip that reaches the end of its video runs back from there (... 8 9 8 7 ...). A still clip is one frame with a
    window that moves over it at a constant velocity, as TecoGAN does (Chu et al., "Learning Temporal Coherence via
    Self-Supervision for GAN-based Video Generation", 2020).

    Args:
        data_root: The data set's folder, an LMDB that it was packed into, or a URL of either.
        modalities: Name -> modality or its config.
        split: ``train`` or ``val``.
        domain: ``real`` or ``virtual``.
        clip_length: Frames of a clip, T.
        crop_size: Side, or (height, width), of the window in pixels of the condition; None: whole frames, which must
            then have one size for a batch of several.
        scale: The target is ``scale`` times larger than the condition.
        strides: Steps between frames, one is drawn for a clip.
        reverse_prob: How often a clip runs backward.
        flip_prob: How often it is mirrored left to right.
        still_prob: How often it is a still clip; never where a modality needs frames before the current one.
        still_speed: Greatest speed of the window along each axis, in pixels of the condition a frame.
        seed: Of all random choices.
        input_styles: Name -> input style or its config, for frames before modalities are computed from them; None in
            place of one leaves it out. Targets stay as they are.
        unpaired: Settings of the model's unpaired branch. Where there are any, even none in particular (``dict()``),
            each item has a clip of ``<data_root>/train/virtual`` beside the real one.
        optional: Names of modalities that a video may lack; items then tell which are recorded. None: those that the
            model's dropout leaves out.
        look: What virtual frames go through before modalities are computed from them, see
            :func:`photoreal.look.build_look`; None: nothing. The frames of
            virtual clips go through it too, and so do the donors of input styles.
        teacher: Whether virtual clips come with what a teacher made of their frames, from ``target/`` beside them; a
            video may lack it, and its items tell. None: where one of the model's losses learns from a teacher.

    Attributes:
        virtual: The virtual clips, where items have such.

    Raises:
        ConfigError: An argument is out of range.
        DataError: The data cannot be used; all faults are listed.
    """

    def __init__(self, data_root: str | os.PathLike, modalities: dict[str, dict | Modality], split: str = 'train',
                 domain: str = 'real', clip_length: int = 10, crop_size: int | tuple[int, int] | None = 128,
                 scale: int = 1, strides: Sequence[int] = (1,), reverse_prob: float = 0.0, flip_prob: float = 0.5,
                 still_prob: float = 0.0, still_speed: float = 4, seed: int = 0,
                 input_styles: dict[str, dict | None] | None = None, unpaired: dict[str, Any] | None = None,
                 optional: Sequence[str] | None = None, look: str | dict[str, Any] | Look | None = None,
                 teacher: bool | None = None) -> None:
        self.modalities = build_modalities(modalities)
        self.clip_length = clip_length
        self.crop_size = (crop_size, crop_size) if isinstance(crop_size, int) else crop_size and tuple(crop_size)
        self.scale = scale
        self.strides = tuple(strides)
        self.reverse_prob = reverse_prob
        self.flip_prob = flip_prob
        self.still_prob = still_prob
        self.still_speed = still_speed
        self.seed = seed
        self._recorded_motion = [name for name, m in self.modalities.items() if m.directed and m.folder is not None]
        self._check_arguments()
        self._context = max(m.context for m in self.modalities.values())
        min_height, min_width = (side * scale for side in self.crop_size or (1, 1))
        self.optional = tuple(name for name in optional or () if self.modalities[name].folder is not None)
        self.videos: list[VideoRecord] = scan(data_root, split, [domain], self.modalities, min_length=clip_length,
                                              min_size=(min_height, min_width), optional=self.optional,
                                              targets=bool(teacher))
        self.teacher = bool(teacher) and domain == 'virtual'
        self.look = build_look(look)
        self.input_styles = InputStyles(input_styles, data_root, self.look)
        self._ends = np.cumsum([len(video) for video in self.videos])
        self._order: tuple[int, np.ndarray] | None = None
        self.virtual: ClipDataset | None = None
        if unpaired is not None:
            if (split, domain) != ('train', 'real'):
                raise ConfigError(f"ClipDataset: unpaired is for split='train' and domain='real'; found {split!r} and "
                                  f'{domain!r}')
            self.virtual = ClipDataset(data_root, self.modalities, split, 'virtual', clip_length, crop_size, scale,
                                       strides, reverse_prob, flip_prob, still_prob, still_speed, seed,
                                       optional=self.optional, look=self.look, teacher=teacher)
        self._check_teacher(data_root, bool(teacher))
        self._blanks = {name: blank for name in self.optional if (blank := self._blank_of(name)) is not None}
        self._share_blanks(data_root, alone=(split, domain) == ('train', 'real'))

    def _check_arguments(self) -> None:
        rules = {
            'clip_length': ('1 or more', self.clip_length >= 1),
            'crop_size': ('1 or more, (height, width) or None',
                          self.crop_size is None or (len(self.crop_size) == 2 and min(self.crop_size) >= 1)),
            'scale': ('1 or more', self.scale >= 1),
            'strides': ('one or more whole numbers above 0', len(self.strides) > 0 and min(self.strides) >= 1),
            'still_speed': ('0 or more', self.still_speed >= 0),
            'seed': ('0 or more', self.seed >= 0),
        } | {name: ('a probability from 0 to 1', 0 <= getattr(self, name) <= 1)
             for name in ('reverse_prob', 'flip_prob', 'still_prob')}
        wrong = [f'{name}={getattr(self, name)!r}; expected {rule}' for name, (rule, kept) in rules.items() if not kept]
        if self.still_prob and self.crop_size is None:
            wrong.append(f'still_prob={self.still_prob} with crop_size=None; a window that moves needs a crop_size')
        if self._recorded_motion and (self.strides != (1,) or self.reverse_prob or self.still_prob):
            wrong.append(f"modality '{self._recorded_motion[0]}' is recorded motion from frame to frame, which clips "
                         'that leave out frames, run backward or stand still do not have; expected strides=(1,), '
                         'reverse_prob=0 and still_prob=0')
        if wrong:
            raise ConfigError.from_faults('ClipDataset:', wrong)

    def _check_teacher(self, data_root: str | os.PathLike, wanted: bool) -> None:
        if not wanted or self.virtual is not None:  # whose own matter it is then
            return
        if not self.teacher:
            raise ConfigError("ClipDataset: teacher is for virtual clips: expected domain='virtual', or unpaired ones "
                              'beside the real; or leave the loss out that learns from a teacher')
        if all(video.target is None for video in self.videos):
            raise DataError(f'{data_root}: no virtual video to train on has {TARGET}/, from which a loss learns; put '
                            "there what a teacher made of each frame, under the frame's name (docs/teacher.md), or "
                            'leave the loss out')

    def __len__(self) -> int:
        """Clips an epoch."""
        return int(self._ends[-1])

    def describe(self, item: int | tuple[int, int]) -> ClipChoice:
        """What an item is, without reading it."""
        k, length = self._parse(item)
        video, plan, params = self._draw(k, length)
        still, moving = len(plan.indices) == 1, len(plan.windows) > 1
        return ClipChoice(video, plan.indices * length if still else plan.indices,
                          plan.windows if moving else plan.windows * length, plan.flip, params,
                          self.input_styles.draw(self._rng(k, 2))[0])

    def _parse(self, item: int | tuple[int, int]) -> tuple[int, int]:
        """A clip's number and its frames."""
        return item if isinstance(item, tuple) else (item, self.clip_length)

    def _draw(self, k: int, length: int) -> tuple[VideoRecord, _Plan, dict[str, dict[str, Any]]]:
        if k < 0:
            raise IndexError(f'clip {k}; expected 0 or more')
        rng = self._rng(k)
        video, start = self._find(*divmod(k, len(self)))
        plan = self._choose(rng, video, start, length)
        return video, plan, {name: modality.sample(rng) for name, modality in self.modalities.items()}

    def _rng(self, k: int, stream: int = 0) -> np.random.Generator:
        """Random numbers of a clip; a stream for each thing that is not to change the others when it is changed."""
        epoch, index = divmod(k, len(self))
        return np.random.default_rng([self.seed, epoch, index, stream])  # 0 at the end is as if it were not there

    def __getitem__(self, item: int | tuple[int, int]) -> ClipItem:
        """A clip by its number, or by its number and how many frames it is to have."""
        k, length = self._parse(item)
        video, plan, params = self._draw(k, length)
        maps, target = self._compute(video, plan, params, self._rng(k, 2))
        for name, modality in self.modalities.items():
            if name in video.recorded:
                maps[name] = self._read_recorded(name, modality, video, plan, params[name])
            elif modality.folder is not None:
                blank, window = self._blanks[name], plan.windows[0]
                maps[name] = np.full((length, window.height, window.width, len(blank)), blank)
        clip = ClipItem(maps={name: to_tensor(maps[name]) for name in self.modalities}, target=to_tensor(target),
                        seed=int(self._rng(k, 1).integers(1 << 63)))
        if self.optional:
            clip['recorded'] = {name: int(name in video.recorded) for name in self.optional}
        if self.teacher:
            taught = video.target is not None
            clip['taught'] = int(taught)
            clip['teacher'] = self._read_teacher(video.target, plan) if taught else torch.zeros_like(clip['target'])
        if self.virtual is not None:
            clip['virtual'] = self.virtual[k, length]
        return clip

    def _blank_of(self, name: str) -> np.ndarray | None:
        """(c,) the values that stand for a map that a video lacks, of the type of those that others have; None where
        none has any."""
        modality = self.modalities[name]
        source = next((video.recorded[name] for video in self.videos if name in video.recorded), None)
        if source is None:
            return None
        maps = compute_map(name, modality, source.read([0], raw=modality.raw), modality.sample(None), source, [0])
        no_class = modality.is_label and maps.dtype == np.uint8
        return np.full(maps.shape[-1], 255 if no_class else 0, maps.dtype)

    def _share_blanks(self, data_root: str | os.PathLike, alone: bool) -> None:
        """Take what stands for missing maps from the virtual clips, and give it to them.

        Raises:
            DataError: Neither of the two has any map of a modality.
        """
        if self.virtual is not None:
            self._blanks = self.virtual._blanks = {**self.virtual._blanks, **self._blanks}
        missing = [name for name in self.optional if name not in self._blanks]
        if missing and alone:
            folder = self.modalities[missing[0]].folder
            raise DataError(f"{data_root}: no video to train on has {folder}/, where the modality '{missing[0]}' is "
                            'recorded; record it for some of them, or leave the modality out')

    def _find(self, epoch: int, index: int) -> tuple[VideoRecord, int]:
        """The video and the first frame of a clip."""
        if self._order is None or self._order[0] != epoch:
            # The third number is beyond every index, so that no clip shares the order's random numbers.
            rng = np.random.default_rng([self.seed, epoch, len(self)])
            self._order = epoch, rng.permutation(len(self))
        clip = int(self._order[1][index])
        number = int(np.searchsorted(self._ends, clip, side='right'))
        return self.videos[number], clip - int(self._ends[number]) + len(self.videos[number])

    def _choose(self, rng: np.random.Generator, video: VideoRecord, start: int, length: int) -> _Plan:
        # Every number is drawn whether it is used or not: a probability that is changed changes nothing else.
        stride = int(rng.choice(self.strides))
        reverse, still, flip = rng.random(3) < (self.reverse_prob, self.still_prob, self.flip_prob)
        corner, speed = rng.random(2), rng.uniform(-1, 1, 2)
        size = (video.size[0] // self.scale, video.size[1] // self.scale)
        crop = self.crop_size or size
        slack = np.subtract(size, crop)
        if still and not self._context:
            moves = _glide(corner, speed * self.still_speed, slack, length)
            return _Plan([], [start], [Window(*move, *crop) for move in moves.tolist()], bool(flip), size)
        if self._recorded_motion:
            start = min(start, len(video) - length)  # at the video's end clips would run back
        steps = np.arange(-self._context, length)
        if reverse:
            steps = length - 1 - steps
        positions = start + stride * steps
        # Nothing comes before the first frame of a video, in testing neither; its end is turned back from.
        before = positions[:self._context]
        corner = (corner * (slack + 1)).astype(int)
        return _Plan(reflect(before[before >= 0].tolist(), len(video)),
                     reflect(positions[self._context:].tolist(), len(video)),
                     [Window(*corner.tolist(), *crop)], bool(flip), size)

    def _compute(self, video: VideoRecord, plan: _Plan, params: dict[str, dict[str, Any]],
                 rng: np.random.Generator) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Maps computed from frames, (T, H, W, c), and the target, (T, H*s, W*s, 3).

        They are computed before they are mirrored: a modality's grid (``align``) starts at the left of the frame, and
        mirroring the frame first would move it, so that training would see other maps than testing.
        """
        computed = {name: m for name, m in self.modalities.items() if m.folder is None}
        seen = Window.spanning([*plan.windows, *map(plan.region, computed.values())])
        before = max(map(plan.context, computed.values()), key=len, default=[])
        frames = video.frames.read(before + plan.indices, window=seen.scaled(self.scale))
        if self.look is not None and video.domain == 'virtual':
            frames = self.look.apply(frames)
        styled = self.input_styles.apply(frames, rng, video, plan.indices[0], self.scale) if computed else frames
        maps = {}
        for name, modality in computed.items():
            region, context = plan.region(modality), plan.context(modality)
            given = region.within(seen).scaled(self.scale).cut(styled[len(before) - len(context):])
            given = modality.shrink(given, self.scale)
            made = compute_map(name, modality, given, params[name], video.frames, context + plan.indices)
            made = _cut(made[len(context):], [w.within(region) for w in plan.windows])
            maps[name] = modality.flip(made) if plan.flip else made
        target = _cut(frames[len(before):], [w.within(seen).scaled(self.scale) for w in plan.windows])
        return maps, target[:, :, ::-1] if plan.flip else target

    def _read_teacher(self, source: FrameSource, plan: _Plan) -> Tensor:
        """(T, 3, H*s, W*s): what a teacher made of the clip, in the same windows."""
        seen = Window.spanning(plan.windows)
        frames = source.read(plan.indices, window=seen.scaled(self.scale))
        frames = _cut(frames, [w.within(seen).scaled(self.scale) for w in plan.windows])
        return to_tensor(frames[:, :, ::-1] if plan.flip else frames)

    def _read_recorded(self, name: str, modality: Modality, video: VideoRecord, plan: _Plan,
                       params: dict[str, Any]) -> np.ndarray:
        source, region, context = video.recorded[name], plan.region(modality), plan.context(modality)
        indices = context + plan.indices
        given = source.read(indices, raw=modality.raw, window=region.scaled(self.scale))
        given = modality.shrink(given, self.scale)
        windows = [w.within(region) for w in plan.windows]
        if plan.flip:  # as stored, because that is what `flip` knows the meaning of
            given, windows = modality.flip(given), [w.mirrored(region.width) for w in windows]
        made = compute_map(name, modality, given, params, source, indices)
        return _cut(made[len(context):], windows)


def _glide(corner: np.ndarray, velocity: np.ndarray, slack: np.ndarray, length: int) -> np.ndarray:
    """Corners (T, 2) of a window that moves evenly and never leaves the frame.

    Args:
        corner: (2,) where in its free room it starts, 0 to 1.
        velocity: (2,) pixels a frame, made slower where the room is too small.
        slack: (2,) room in pixels.
        length: T.
    """
    most = slack / max(1, length - 1)
    velocity = np.clip(velocity, -most, most)
    path = velocity * np.arange(length)[:, None]  # (T, 2)
    room = slack - np.abs(path[-1])
    return np.rint(corner * room - path.min(axis=0) + path).astype(int)


def _cut(maps: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """(T, H, W, c): one window of every map, or several windows of the only one."""
    if len(windows) == 1:
        return windows[0].cut(maps)
    return np.stack([window.cut(maps[0]) for window in windows])
