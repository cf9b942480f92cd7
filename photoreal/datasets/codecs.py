"""What videos can be encoded with, and what they can be put into."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import av

from photoreal.errors import ConfigError
from photoreal.registry import suggest

_HELD = Fraction(5, 4)  # seconds of a video that an encoder may hold back, and a process that is killed takes along
_FRAGMENT = Fraction(1, 2)  # seconds of a video that a container collects before it writes
_MICRO = 1_000_000  # microseconds, the unit of FFmpeg


def _x264(held: int) -> dict[str, str]:
    if held < 12:
        return {'tune': 'zerolatency'}
    threads = max(1, min(3 * (os.cpu_count() or 1) // 2, held // 3))
    return {'threads': str(threads), 'rc-lookahead': str(min(40, held - threads - 6))}


def _x265(held: int) -> dict[str, str]:
    if held < 12:
        return {'tune': 'zerolatency'}
    threads = max(1, min(4, held // 6))
    return {'x265-params': f'log-level=error:frame-threads={threads}:rc-lookahead={min(20, held - threads - 5)}'}


@dataclass(frozen=True)
class Codec:
    """How frames are encoded.

    Attributes:
        encoder: Its name in FFmpeg.
        pixels: The pixel format that it gets.
        crf: Quality where none is asked for; None where the codec has no such thing.
        options: Of the encoder.
        low_delay: Options that make a packet of each frame at once.
        hold: Options that make it hold back no more than so many frames.
        smallest: Pixels that a side of its frames needs.
    """

    encoder: str
    pixels: str
    crf: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    low_delay: Mapping[str, str] = field(default_factory=dict)
    hold: Callable[[int], Mapping[str, str]] = lambda held: {}
    smallest: int = 1

    def options_for(self, rate: Fraction, low_delay: bool) -> dict[str, str]:
        """Options of the encoder for so many frames a second."""
        return {**self.options, **(self.low_delay if low_delay else self.hold(int(rate * _HELD)))}


CODECS = {
    'h264': Codec('libx264', 'yuv420p', 18, {}, {'tune': 'zerolatency'}, _x264),
    # x265 writes beyond its buffers where frames are small, 48x32 for example, and takes the process down.
    'h265': Codec('libx265', 'yuv420p', 18, {'x265-params': 'log-level=error'}, {'tune': 'zerolatency'}, _x265, 64),
    'ffv1': Codec('ffv1', 'bgr0', options={'level': '3', 'slicecrc': '1'}),  # RGB, so that nothing at all is lost
}
UNCOMPRESSED = {'y4m': Codec('rawvideo', 'yuv420p'), 'raw': Codec('rawvideo', 'rgb24')}


def find_codec(name: str) -> Codec:
    """The codec of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in CODECS:
        raise ConfigError(f"there is no codec '{name}'{suggest(name, CODECS)}")
    return CODECS[name]


MP4_SUFFIXES = ('.mp4', '.m4v', '.mov', '.3gp')


class Container(NamedTuple):
    """What a video is put into.

    Attributes:
        name: A name for the file that FFmpeg is told.
        form: Its name in FFmpeg; None: as the suffix says.
        options: Of FFmpeg.
        seekable: Whether the muxer may go back in it.
    """

    name: str
    form: str | None = None
    options: Mapping[str, str] = {}
    seekable: bool = True

    @classmethod
    def of_file(cls, suffix: str, growing: bool) -> 'Container':
        """For a file with that suffix; ``growing``: that can be played while it grows, an MP4 in fragments then."""
        suffix, collected, options = suffix.lower(), str(int(_FRAGMENT * _MICRO)), {}
        if growing:
            options = {'max_interleave_delta': collected, 'flush_packets': '1'}
        if growing and suffix in MP4_SUFFIXES:
            options.update(movflags='empty_moov+delay_moov+default_base_moof', frag_duration=collected)
        elif growing and suffix in ('.mkv', '.webm'):
            options['cluster_time_limit'] = str(int(_FRAGMENT * 1000))
        return cls(f'video{suffix}', 'mp4' if suffix == '.m4v' else None, options)

    def open(self, file: Any) -> av.container.OutputContainer:
        """Begin one in something that has ``write``, and ``name`` if ``form`` is None.

        Raises:
            ValueError: There is no container of that suffix.
        """
        return av.open(file, 'w', format=self.form, container_options=dict(self.options))


_FRAGMENTED = {'movflags': 'frag_keyframe+empty_moov+delay_moov+default_base_moof'}
PIPES = {name: Container('-', form, options, seekable=False) for name, form, options in (
    ('y4m', 'yuv4mpegpipe', {}), ('raw', 'rawvideo', {}), ('mkv', 'matroska', {}), ('mpegts', 'mpegts', {}),
    ('mp4', 'mp4', _FRAGMENTED))}
