"""Find out in memory, before the work, what the output cannot hold."""

from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from photoreal.datasets.audio import Excerpt
from photoreal.datasets.codecs import UNCOMPRESSED, Container
from photoreal.datasets.encoder import Encoder
from photoreal.datasets.soundtrack import Way, codec_of, ways
from photoreal.datasets.sources import size_text
from photoreal.errors import ConfigError, DataError, reason

_SMALL = (64, 64)  # frames that sound is tried with
_FRAMES = 2
_REFUSALS = (av.FFmpegError, OSError, ValueError, ConfigError, DataError)


def rehearse(writer: Encoder, size: tuple[int, int]) -> list[str]:
    """See that frames of a size and the sound go into what a writer makes.

    Sound that cannot be copied into it will be encoded anew, or left out where that cannot be done either.

    Args:
        writer: What will write them.
        size: (height, width) of the frames.

    Returns:
        What becomes of sound that is not copied, a line each.

    Raises:
        ConfigError: The frames do not go into it.
    """
    fault = _try(writer, size)
    if fault is not None:
        raise ConfigError(f'{writer.name} cannot hold frames of {size_text(size)} encoded with {writer.codec.encoder} '
                          f'({fault}); choose another suffix (.mkv takes all codecs), another codec, or other frames')
    notes = []
    for stream in writer.audio.streams if writer.audio else ():
        candidates = ways(stream, Path(writer.container.name).suffix)
        way = next((way for way in candidates if _try(writer, _SMALL, stream, way) is None), None)
        writer.ways[stream.index] = way
        if way is None or way.encoder is not None:
            notes.append(f'{writer.name}: the sound ({codec_of(stream)}) does not fit in there as it is; '
                         f'it is {"left out" if way is None else way}')
    return notes


def _try(writer: Encoder, size: tuple[int, int], stream: av.AudioStream | None = None,
         way: Way | None = None) -> str | None:
    """Why frames of a size and a stream of sound do not go together; None: they do."""
    excerpt = None if stream is None else Excerpt(stream, writer.audio.beginning(stream))
    try:
        trial = _Trial(writer.name, writer.presentation, writer.container, writer.codec, writer.crf, excerpt,
                       low_delay=writer.low_delay)
        if stream is not None:
            trial.ways[stream.index] = way
        with trial:
            for _ in range(_FRAMES):
                trial.write(np.full((*size, 3), 128, np.uint8))
        return trial.read_back()
    except _REFUSALS as error:
        return reason(error)


class _Memory(BytesIO):
    """As much of a file as a muxer needs.

    Args:
        container: What is put into it.
    """

    def __init__(self, container: Container) -> None:
        super().__init__()
        self.name, self._seekable = container.name, container.seekable

    def seekable(self) -> bool:
        return self._seekable


class _Trial(Encoder):
    """Writes into memory."""

    def _open(self, stack: ExitStack) -> av.container.OutputContainer:
        self._memory = _Memory(self.container)
        return stack.enter_context(self.container.open(self._memory))

    def _flush(self) -> None:
        """There is no need to."""

    def read_back(self) -> str | None:
        """What is wrong with what was written; None: nothing."""
        if self.codec in UNCOMPRESSED.values():
            return None
        with av.open(BytesIO(self._memory.getvalue()), format=self._muxer.format.name) as container:
            if len(container.streams.audio) < len(self._tracks):
                return 'what is written would not be known as sound'
            if next(container.decode(video=0), None) is None:
                return 'no frame can be decoded from it'
        return 'it is damaged' if self.lost else None
