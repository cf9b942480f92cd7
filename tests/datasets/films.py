"""Video files as cameras and games make them: sound, uneven frame times, tags of colour and orientation."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation

SIZE = (48, 64)
RATE = 25
SAMPLE_RATE = 48000
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)  # a display matrix: a quarter turn


def scene(count: int, height: int = SIZE[0], width: int = SIZE[1], seed: int = 0) -> np.ndarray:
    """(T, H, W, 3) uint8: a smooth pattern that moves."""
    coarse = np.random.default_rng(seed).integers(40, 216, (3, 4, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (width + 2 * count, height), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[:, 2 * i:2 * i + width] for i in range(count)])


def write_film(path: Path, frames: np.ndarray, *, times: Sequence[int] | None = None,
               time_base: Fraction = Fraction(1, RATE), codec: str = 'libx264', pixels: str = 'yuv420p',
               matrix: int = 1, full_range: bool = False, display_matrix: Sequence[int] | None = None,
               audio: str | None = None, offset: Fraction = Fraction(0), **options: str) -> Path:
    """Write a video with PyAV alone, so that it tests what reads it."""
    with av.open(str(path), 'w') as container:
        video = container.add_stream(codec, rate=Fraction(RATE), options={'crf': '4', **options})
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], pixels
        context = video.codec_context
        context.time_base = time_base
        context.colorspace, context.color_range = matrix, 2 if full_range else 1
        if display_matrix:
            video.set_display_matrix(display_matrix)
        track = container.add_stream(audio, rate=SAMPLE_RATE) if audio else None
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
            picture = picture.reformat(format=pixels, dst_colorspace=matrix, dst_color_range=2 if full_range else 1,
                                       interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND)
            picture.pts = (i if times is None else times[i]) + round(offset / time_base)
            picture.time_base = time_base
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if track:
            for begin in range(0, SAMPLE_RATE * len(frames) // RATE, 1024):
                tone = np.sin(np.arange(begin, begin + 1024) / 20)
                sound = av.AudioFrame.from_ndarray(np.stack([tone, tone]).astype(np.float32), 'fltp', 'stereo')
                sound.pts, sound.sample_rate = begin + round(offset * SAMPLE_RATE), SAMPLE_RATE
                sound.time_base = Fraction(1, SAMPLE_RATE)
                container.mux(track.encode(sound))
            container.mux(track.encode(None))
    return path


def audio_packets(path: Path) -> list[tuple[Fraction, bytes]]:
    """When each packet of sound begins, in seconds, and what is in it."""
    with av.open(str(path)) as container:
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(audio=0) if p.size]


def frame_times(path: Path) -> list[Fraction]:
    """When each frame appears, in seconds."""
    with av.open(str(path)) as container:
        return [f.pts * f.time_base for f in container.decode(video=0)]
