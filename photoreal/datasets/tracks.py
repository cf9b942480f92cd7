"""Which track of a file is its video."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.errors import DataError, reason

_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails  # cover art, and previews for a player's slider

_ROUNDING = Fraction(1, 500)  # seconds: some of what a file tells counts milliseconds


def open_media(file: Any, **options: Any) -> av.container.InputContainer:
    """``av.open``, for what strangers have made: titles and names in there may be of any encoding."""
    return av.open(file, metadata_errors='replace', **options)


def open_container(path: Path | LmdbPath) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        DataError: FFmpeg cannot read it.
    """
    try:
        return open_media(path.open() if isinstance(path, LmdbPath) else f'file:{path}')  # a name may begin like a URL
    except (av.FFmpegError, OSError) as error:
        raise DataError(f'{path}: unreadable video ({reason(error)}); copy or encode it anew') from error


def video_track(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The track flagged as default, else the first; cover art is none.

    Args:
        container: An open file or stream.
        name: What to call it in messages.

    Raises:
        DataError: There is no video in it.
    """
    tracks = video_tracks(container)
    if not tracks:
        only = ', only cover art or previews' if container.streams.video else ''
        raise DataError(f'{name}: found no video stream in the file{only}; expected one')
    if any(track.disposition & Disposition.dependent for track in tracks):
        raise DataError(f'{name}: found a picture in tiles (HEIC, AVIF), which is not supported; '
                        'save it as PNG or JPEG')
    known = [track for track in tracks if is_known(track)]
    if not known:
        raise DataError(f"{name}: its video is of a codec that this PyAV's FFmpeg does not know; encode it anew, as "
                        'H.264 for example, with what made it')
    return next((track for track in known if track.disposition & Disposition.default), known[0])


def is_known(track: av.stream.Stream) -> bool:
    """Whether this FFmpeg knows the codec of a track."""
    return track.codec_context is not None


def tells_end(track: av.VideoStream, packets: int) -> bool:
    """Whether the file says when the last frame is over: a whole MP4 does, and its packets cannot.

    They tell how long one of them is decoded before the next, and the last one to be decoded need not be shown last.

    Args:
        track: The track.
        packets: How many of its packets were read; a file that lacks some ends earlier than it says.
    """
    return (track.container.format.name.startswith('mov,') and packets == track.frames
            and None not in (track.duration, track.start_time))


def told_end(track: av.VideoStream, end: int) -> int:
    """When the last frame of such a file is over, in units of the track, of which the packets say ``end``."""
    told = track.start_time + track.duration
    return told if (told - end) * track.time_base > _ROUNDING else end


def other_tracks(container: av.container.InputContainer, chosen: av.VideoStream) -> list[str]:
    """A phrase for each track of pictures or words that is left out."""
    films = [f'video track {track.index} ({_kind(track)}) is left out: track {chosen.index} is read'
             for track in video_tracks(container) if track.index != chosen.index]
    return films + [f'subtitles (track {track.index}) are left out' for track in container.streams.subtitles]


def _kind(track: av.VideoStream) -> str:
    return f'{track.codec_context.name}, {track.width}x{track.height}' if is_known(track) else 'of an unknown codec'


def video_tracks(container: av.container.InputContainer) -> list[av.VideoStream]:
    """All tracks that are video; cover art is none."""
    return [track for track in container.streams.video if not track.disposition & _NO_VIDEO]
