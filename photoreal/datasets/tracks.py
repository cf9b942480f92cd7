"""Which track of a file is its video."""

from pathlib import Path

import av
from av.stream import Disposition

from photoreal.datasets.lmdb_path import LmdbPath
from photoreal.errors import DataError

_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails  # cover art, and previews for a player's slider


def open_container(path: Path | LmdbPath) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        DataError: FFmpeg cannot read it.
    """
    try:
        return av.open(path.open() if isinstance(path, LmdbPath) else f'file:{path}')  # a name may begin like a URL
    except (av.FFmpegError, OSError) as error:
        raise DataError(f'{path}: unreadable video ({error.strerror or error}); copy or encode it anew') from error


def video_track(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The track flagged as default, else the first; cover art is none.

    Args:
        container: An open file or stream.
        name: What to call it in messages.

    Raises:
        DataError: There is no video in it.
    """
    tracks = _tracks(container)
    if not tracks:
        only = ', only cover art or previews' if container.streams.video else ''
        raise DataError(f'{name}: found no video stream in the file{only}; expected one')
    if any(track.disposition & Disposition.dependent for track in tracks):
        raise DataError(f'{name}: found a picture in tiles (HEIC, AVIF), which is not supported; '
                        'save it as PNG or JPEG')
    return next((track for track in tracks if track.disposition & Disposition.default), tracks[0])


def other_tracks(container: av.container.InputContainer, chosen: av.VideoStream) -> list[str]:
    """A phrase for each video track that is left out."""
    return [f'video track {track.index} ({track.codec_context.name}, {track.width}x{track.height}) is left out: '
            f'track {chosen.index} is read' for track in _tracks(container) if track.index != chosen.index]


def _tracks(container: av.container.InputContainer) -> list[av.VideoStream]:
    return [track for track in container.streams.video if not track.disposition & _NO_VIDEO]
