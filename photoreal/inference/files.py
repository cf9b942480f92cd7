"""Predict whatever can be read, into whatever can be written."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from photoreal.datasets.sources import open_source
from photoreal.errors import DataError
from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.feed import Feed, Outcome
from photoreal.inference.forecast import forecast
from photoreal.inference.inputs import FileInput, Input, Reading, is_live, open_input
from photoreal.inference.interruption import Interruption
from photoreal.inference.outputs import Output, Writing, open_output, wants_audio
from photoreal.inference.prefetch import prefetch
from photoreal.progress import progress_bar


class Done(NamedTuple):
    """What was done.

    Attributes:
        frames: Frames written.
        seconds: How long that took, from the first frame asked for to the end of the file.
        repeated: How many of the frames repeat the one before.
    """

    frames: int
    seconds: float
    repeated: int = 0


def enhance_file(enhancer: VideoEnhancer, source: str | Path, out: str | Path, modalities: Sequence[str] = (),
                 reading: Reading | None = None, writing: Writing | None = None, skip_bad: bool = False,
                 say: Callable[[str], None] | None = None, interruption: Interruption | None = None) -> Done:
    """Predict one video, or whatever else there are frames in.

    Args:
        enhancer: The model at work.
        source: What to predict, as :func:`photoreal.inference.inputs.open_input` takes it.
        out: A video file or a picture (the suffix says so), ``-`` for the pipe of ``writing``, else a folder for PNGs
            with the frames' names.
        modalities: ``name=path`` of recorded modalities: anything that can be a source, with as many maps as frames.
            Those that lie beside the frames in a data set's video are found without. Of the enhancer's ``extras``, too.
        reading: How to read; None: all of it.
        writing: How to write; None: as H.264.
        skip_bad: Go on after a frame that cannot be read or has another size: the prediction before it is repeated.
        say: Told of each such frame, and before the first one what the run will take; None: nobody is.
        interruption: Entered by the main thread, which watches over the work of several; None: the work watches over
            itself, and shows on the error stream how far it is.

    Returns:
        What was done.

    Raises:
        ConfigError: Options that do not fit.
        DataError: Nothing to read there, or frames and maps that do not fit. Of a fault in the middle the message says
            where the frames before it are.
        KeyboardInterrupt: The work was interrupted; the message says where the frames so far are.
    """
    source, out, reading, writing = str(source), str(out), reading or Reading(), writing or Writing()
    paths = _recorded(enhancer, source, modalities)
    reading = replace(reading, audio=reading.audio and wants_audio(out, writing))
    frames = open_input(source, reading)
    known = enhancer.modalities | enhancer.extras
    maps = {name: _open_maps(path, name, frames, replace(reading, raw=known[name].raw)) for name, path in paths.items()}
    reads = [Path(source), *(path for given in (frames, *maps.values()) for path in given.files)]
    scale = enhancer.stepper.generator.scale
    size = None if frames.size is None else (scale * frames.size[0], scale * frames.size[1])
    output = open_output(out, frames, writing, reads, size, say or (lambda text: None))
    feed = Feed(frames.reads(), {name: given.reads() for name, given in maps.items()}, skip_bad)
    if say is not None and interruption is None and isinstance(frames, FileInput) and not writing.low_delay:
        say(str(forecast(enhancer, *frames.size)))
    ahead = prefetch(enhancer(feed.frames(), feed.maps()), depth=1 if writing.low_delay else 4, patience=None)
    say = say or (lambda text: None)
    for given in (frames, *maps.values()):
        for note in given.notes:
            say(f'{given.name}: {note}')
    with closing(ahead) as preds:
        if interruption is not None:
            return _write(output, interruption.between(feed.outcomes(preds)), say)
        title = f'{Path(frames.name).name}, frames'
        with Interruption() as interruption, progress_bar(title, frames.length) as advance:
            return _write(output, interruption.between(feed.outcomes(preds)), say, advance)


def _write(output: Output, outcomes: Iterator[Outcome], say: Callable[[str], None],
           advance: Callable[[int], None] = lambda amount: None) -> Done:
    began, count, repeated = time.monotonic(), 0, 0
    try:
        with output.opened():
            for outcome in outcomes:
                output.write(outcome)
                count += 1
                advance(1)
                if outcome.fault is not None:
                    repeated += 1
                    say(f'{outcome.fault}; the prediction before it is repeated')
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f'interrupted; {_kept(count, output)}') from None
    except DataError as error:
        raise DataError(f'{error}\n{_kept(count, output)}') from error
    return Done(count, time.monotonic() - began, repeated)


def _kept(count: int, output: Output) -> str:
    return f'{count} frames were done and {output.kept()}' if count else 'no frame was done'


def _recorded(enhancer: VideoEnhancer, source: str, modalities: Sequence[str]) -> dict[str, str]:
    """Modality, or another of what can be recorded -> where its maps are."""
    found = {}
    known = enhancer.modalities | enhancer.extras
    if not is_live(source) and Path(source).is_dir() and open_source(source, 'frames'):
        # Labels that the model does not need are read for classes to keep alone.
        wanted = known if enhancer.keep else enhancer.modalities
        beside = {name: open_source(source, m.folder) for name, m in wanted.items() if m.folder}
        found = {name: str(maps.path) for name, maps in beside.items() if maps is not None}
    for text in modalities:
        name, equals, path = text.partition('=')
        if not equals or name not in known:
            raise DataError(f"--modality '{text}': expected name=path with one of {', '.join(enhancer.modalities)}")
        found[name] = path
    return found


def _open_maps(path: str, name: str, frames: Input, reading: Reading) -> Input:
    live = is_live(path)
    maps = open_input(path, replace(reading, audio=False, fps=reading.fps if live else None,
                                    size=reading.size if live else None))
    return frames.with_maps(maps, name) if isinstance(maps, FileInput) and isinstance(frames, FileInput) else maps
