"""What visitors send is looked into before anything else opens it: by its content, never by its name."""

from pathlib import Path

import av

from photoreal.datasets.sources import FolderSource, FrameSource, VideoSource, size_text
from photoreal.datasets.tracks import is_known, open_media, video_tracks
from photoreal.demo.limits import Limits
from photoreal.errors import DataError

_HEAD = 400  # bytes: two packets of a transport stream
SUFFIXES = ('.mp4', '.m4v', '.mov', '.mkv', '.webm', '.avi', '.ts', '.mts', '.m2ts')
_MOV_ATOMS = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip')  # old cameras write no ftyp
_NO_VIDEO = {b'\xff\xd8\xff': 'a JPEG picture', b'\x89PNG': 'a PNG picture', b'GIF8': 'a GIF picture', b'%PDF': 'a PDF',
             b'ID3': 'an MP3', b'PK\x03\x04': 'a ZIP archive', b'#EXTM3U': 'a playlist'}


def open_upload(path: str | Path, folder: Path, limits: Limits) -> VideoSource:
    """A visitor's file as a video.

    Args:
        path: Where the server put it.
        folder: The only place where such files lie.
        limits: What it must keep.

    Raises:
        DataError: It lies elsewhere, is no video, or exceeds the limits; the message is for the visitor.
    """
    path = Path(path)
    if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise DataError('this is no file that was uploaded here; choose one anew')
    size = path.stat().st_size
    if size > limits.megabytes * 10**6:
        raise DataError(f'the file has {size / 1e6:.0f} MB; expected at most {limits.megabytes} MB: cut it')
    demuxer = container_of(path)
    if demuxer is None:
        with path.open('rb') as file:
            head = file.read(_HEAD)
        found = next((f' but {name}' for mark, name in _NO_VIDEO.items() if head.startswith(mark)), '')
        raise DataError(f'the file is no video that is known here{found}; expected MP4, MOV, MKV, WebM, AVI or MPEG-TS')
    _check_header(path, demuxer, limits)
    source = VideoSource(path)
    check_length(source, limits)
    return source


def container_of(path: Path) -> str | None:
    """FFmpeg's name of a file's container, told by its first bytes.

    Left to itself FFmpeg guesses, and among what it guesses are playlists, which name other files and addresses.
    """
    with path.open('rb') as file:
        head = file.read(_HEAD)
    if head[4:8] in _MOV_ATOMS:
        return 'mov'
    if head[:4] == b'\x1a\x45\xdf\xa3':
        return 'matroska'
    if head[:4] == b'RIFF' and head[8:12] == b'AVI ':
        return 'avi'
    if head[:1] == head[188:189] == head[376:377] == b'\x47' or \
            head[4:5] == head[196:197] == head[388:389] == b'\x47':  # with times before the packets, as on Blu-ray
        return 'mpegts'
    return None


def _check_header(path: Path, demuxer: str, limits: Limits) -> None:
    """Whether the container is that of a video within the limits; its header may lie, so frames are counted later."""
    try:
        with open_media(str(path), format=demuxer) as container:
            if not video_tracks(container):
                raise DataError('the file has sound alone, no pictures; expected a video')
            streams = [stream for stream in video_tracks(container) if is_known(stream)]
            if not streams:
                raise DataError('the video is of a codec that is not known here; encode it anew, as H.264 for example')
            sizes = [(stream.height, stream.width) for stream in streams]
            seconds = (container.duration or 0) / av.time_base
            if next(container.decode(streams[0]), None) is None:
                raise av.EOFError(0, 'no frame')
    except av.EOFError as error:
        raise DataError('the video has no frames') from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise DataError('the video cannot be read, it is damaged; encode it anew') from error
    for size in sizes:
        _check_size(size, limits)
    if seconds > limits.seconds:
        raise DataError(f'the video is {seconds:.0f} s long; expected at most {limits.seconds:g} s: cut it')


def check_length(source: FrameSource, limits: Limits) -> None:
    """Check a video as it is, whatever its header says.

    Raises:
        DataError: It exceeds the limits, or has no frames.
    """
    _check_size(source.size, limits)
    if not len(source):
        raise DataError('the video has no frames')
    if len(source) > limits.frames:
        raise DataError(f'the video has {len(source)} frames; expected at most {limits.frames}: cut it')


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    if max(size) > limits.side:
        raise DataError(f'the frames have {size_text(size)} pixels; expected at most {limits.side} a side: shrink them')


def open_sample(path: Path) -> FrameSource:
    """The frames of a sample: a video file, a folder of pictures, or a folder with ``frames/`` in it.

    Raises:
        DataError: There are none.
    """
    if (path / 'frames').is_dir():
        return FolderSource(path / 'frames')
    if path.is_dir():
        return FolderSource(path)
    if not path.is_file():
        raise DataError(f'there is no sample {path}; expected a video file or a folder of pictures')
    return VideoSource(path)
