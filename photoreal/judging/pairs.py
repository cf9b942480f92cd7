"""Blind pairs: two predictions of the same frames side by side, in an order and on sides that only the key tells."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import atomic_path, write_image, write_json
from photoreal.errors import ConfigError, DataError
from photoreal.judging.footage import Footage, fit

QUESTION = 'Which side looks more as if a real camera had filmed it?'
GAP, GREY = 16, 128  # between the sides: pixels, and their value
CRF = 12
WEBP_QUALITY = 90


@dataclass(frozen=True)
class Pair:
    """Two sides to be compared.

    Attributes:
        pair: Its number, which is all that a viewer is told.
        left: Name of the method on the left.
        right: Name of the method on the right.
        scene: Which of the methods' videos.
        frame: The first frame that is shown.
    """

    pair: int
    left: str
    right: str
    scene: int
    frame: int


@dataclass(frozen=True)
class Ballot:
    """Everything that is put to the vote.

    Attributes:
        methods: Name -> its videos, the scenes, in the same order for all.
        pairs: In the order in which they are shown.
        length: Frames of a pair: 1 for stills.
        question: What viewers are asked.
    """

    methods: Mapping[str, Sequence[Footage]]
    pairs: Sequence[Pair]
    length: int
    question: str = QUESTION

    def frames(self, pair: Pair) -> Iterator[np.ndarray]:
        """What is shown of a pair, frame after frame: (H, 2 W + 16, 3) uint8."""
        left, right = (self.methods[name][pair.scene] for name in (pair.left, pair.right))
        height = min(left.size[0], right.size[0])
        for index in range(pair.frame, pair.frame + self.length):
            sides = [fit(video.read(index), height) for video in (left, right)]
            yield np.concatenate([sides[0], np.full((height, GAP, 3), GREY, np.uint8), sides[1]], axis=1)

    def fps(self, pair: Pair) -> float:
        """Frames per second of a pair."""
        return self.methods[pair.left][pair.scene].source.fps

    def key(self) -> dict:
        """Which side is what, as JSON has it."""
        return {'question': self.question, 'methods': list(self.methods),
                'pairs': [asdict(pair) for pair in self.pairs]}


def make_ballot(methods: Mapping[str, Sequence[Footage]], number: int = 20, seconds: float = 0.0, seed: int = 0,
                question: str = QUESTION) -> Ballot:
    """Draw pairs of every two methods.

    The frames of two methods are spread evenly over the scenes. Each method is on the left as often as on the right.

    Args:
        methods: Name -> its videos, the scenes, in the same order for all.
        number: Pairs of every two methods.
        seconds: Length of clips; 0: stills.
        seed: Of frames, sides and order.
        question: What viewers are asked.

    Raises:
        ConfigError: There are fewer than two methods, or arguments are out of range.
        DataError: Methods differ in scenes or frames, or scenes are too short.
    """
    if len(methods) < 2:
        raise ConfigError(f'found {len(methods)} to vote on: {", ".join(methods) or "nothing"}; '
                          'expected two or more: NAME=VIDEO NAME=VIDEO')
    if number < 1 or seconds < 0:
        raise ConfigError(f'found {number} pairs of {seconds} s; expected 1 or more, of 0 s (stills) or more')
    scenes = _scenes(methods)
    length = max(1, round(seconds * scenes[0].source.fps))
    short = min(scenes, key=len)
    if len(short) < length:
        raise DataError(f'{short.source.path}: found {len(short)} frames; expected {length} for clips of {seconds} s; '
                        'take shorter clips')
    rng = np.random.default_rng(seed)
    drawn = []
    for names in combinations(methods, 2):
        turned = rng.permutation(number) % 2
        for i in range(number):
            scene = i % len(scenes)
            share = (i // len(scenes) + rng.random()) / -(-number // len(scenes))
            sides = names[::-1] if turned[i] else names
            drawn.append((*sides, scene, int(share * (len(scenes[scene]) - length + 1))))
    pairs = [Pair(place, *drawn[i]) for place, i in enumerate(rng.permutation(len(drawn)).tolist())]
    return Ballot(methods, pairs, length, question)


def _scenes(methods: Mapping[str, Sequence[Footage]]) -> Sequence[Footage]:
    (first, scenes), *others = methods.items()
    for name, videos in others:
        if len(videos) != len(scenes):
            raise DataError(f'{first} has {len(scenes)} videos and {name} has {len(videos)}; expected the same '
                            'scenes in the same order for all')
        for own, video in zip(scenes, videos, strict=True):
            if len(own) != len(video):
                raise DataError(f'{own.source.path} has {len(own)} frames and {video.source.path} has {len(video)}; '
                                'expected the same frames of the same scene')
    return scenes


def write_pairs(ballot: Ballot, folder: str | os.PathLike) -> Path:
    """Write the pairs as pictures ``00.png`` or, of clips, as ``00.mp4`` and ``00.webp``, both sides in one.

    The key lies beside the folder, as ``<folder>.key.json``, so that the folder can be handed out as it is.

    Raises:
        DataError: The folder holds something already.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f'{folder}: holds something already; expected a new or an empty folder, so that pairs do not '
                        'mix; name another')
    digits = max(2, len(str(len(ballot.pairs) - 1)))
    for pair in ballot.pairs:
        path = folder / f'{pair.pair:0{digits}d}.png'
        frames = ballot.frames(pair)
        if ballot.length == 1:
            write_image(path, next(frames))
        else:
            write_clip(path, list(frames), ballot.fps(pair))
    key = folder.with_name(f'{folder.name}.key.json')
    write_json(key, ballot.key())
    return key


def write_clip(path: Path, frames: Sequence[np.ndarray], fps: float) -> None:
    """Write an MP4, and beside it a WebP that plays over and over."""
    with VideoWriter(path.with_suffix('.mp4'), fps, crf=CRF) as writer:
        for frame in frames:
            writer.write(frame)
    with atomic_path(path.with_suffix('.webp')) as temporary:
        first, *rest = map(Image.fromarray, frames)
        first.save(temporary, format='WEBP', save_all=True, append_images=rest, duration=round(1000 / fps), loop=0,
                   quality=WEBP_QUALITY)


def shrink(frame: np.ndarray, widest: int) -> np.ndarray:
    """A frame no wider than ``widest``."""
    height, width = frame.shape[:2]
    if width <= widest:
        return frame
    return cv2.resize(frame, (widest, round(height * widest / width)), interpolation=cv2.INTER_AREA)
