"""The one reader of videos: decodes whatever FFmpeg can read, from beginning to end, be it a file or a pipe."""

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, count, islice
from typing import NamedTuple

import av
import numpy as np

import photoreal.datasets.forking  # noqa: F401  whoever reads video forks so
from photoreal.datasets.audio import LiveAudio
from photoreal.datasets.deinterlacing import FILTER, check_filter, deinterlaced
from photoreal.datasets.geometry import Geometry, angle_of, orientation_of
from photoreal.datasets.presentation import Colour, Presentation, stored_pixels
from photoreal.datasets.timeline import Ticker, Timeline
from photoreal.datasets.tracks import other_tracks, tells_end, told_end, video_track
from photoreal.errors import DataError, reason

DEFAULT_FPS = 25.0
ONE_STAMP = ('avi', 'asf')  # containers that stamp packets in the order of decoding, not in that of showing


class Moment(NamedTuple):
    """A frame as decoded, before it is turned upright.

    Attributes:
        time: When it appears, in units of the presentation.
        duration: How long it is shown if nothing follows, in the same units.
        stamp: Its time stamp in the file; None: it has none.
        frame: What was decoded; None: it is damaged.
        fault: What is wrong with it.
    """

    time: int
    duration: int
    stamp: int | None
    frame: av.VideoFrame | None
    fault: str = ''


class VideoReader:
    """One pass over a video.

    What cannot be decoded before the first frame that can is passed over, as a broadcast is joined in its middle.

    Args:
        container: Where from; it need not be able to go back.
        name: What to call it in messages.
        audio: Whether its sound is wanted, too.
        threads: Of the decoder; 0: as many as there are cores.
        begun: Packets that were taken out of the container already.

    Attributes:
        presentation: How it is to be shown.
        geometry: How its pixels are to be shown.
        audio: Its sound, as far as it has been come across; None: there is none, or none wanted.
        notes: What is not in the frames although it is in the file, a sentence each.
        mended: Whether time stamps had to be changed so far.

    Raises:
        DataError: It holds no video, or no frame that can be decoded.
    """

    def __init__(self, container: av.container.InputContainer, name: str, audio: bool = False, threads: int = 0,
                 begun: Sequence[av.Packet] = ()) -> None:
        self.name, self.notes, self.audio = name, [], None
        self._container, self._track = container, video_track(container, name)
        self._track.thread_count = threads
        if audio and container.streams.audio:
            self.audio = LiveAudio(list(container.streams.audio))
        self._timeline = Timeline(container)
        self._one_stamp = container.format.name in ONE_STAMP
        self._packets = 0  # of the picture, so far
        self._begun: list[int] | None = []  # stamps of the packets up to the first frame
        decoded, faults = self._decode(begun), []
        for first in decoded:
            if isinstance(first, av.VideoFrame):
                break
            faults.append(first)
        else:
            reason = f' ({faults[0]})' if faults else ''
            raise DataError(f'{name}: found no frames in the video{reason}; copy or encode it anew')
        # Of interlaced frames the next one is needed anyway.
        frames = [first, *islice(decoded, 1 if first.interlaced_frame else 0)]
        self._decoded = chain(frames, decoded)
        rate = _rate(self._track)
        self._counts_fields = _counts_fields(frames, rate * self._track.time_base)
        self.presentation = Presentation(Presentation.of_rate(float(rate) / (2 if self._counts_fields else 1)).rate,
                                         self._track.time_base, Colour.of(first))
        self._note_beginning(first, len(faults))
        self.geometry = self._geometry_of(first)
        self._note_left_out(first)

    @property
    def mended(self) -> bool:
        return self._timeline.mended

    def __iter__(self) -> Iterator[Moment]:
        """Each frame, in the order in which they are shown.

        Raises:
            DataError: The stream broke down.
        """
        waiting = None
        for moment in self._moments():
            if waiting is not None:
                yield waiting._replace(duration=min(waiting.duration, moment.time - waiting.time))
            waiting = moment
            if self.mended or not tells_end(self._track, self._packets):  # else it may be the last
                yield waiting
                waiting = None
        if waiting is not None:
            end = told_end(self._track, waiting.time + waiting.duration)
            yield waiting._replace(duration=end - waiting.time)

    def _moments(self) -> Iterator[Moment]:
        ticker, step, end = Ticker(self.presentation.step), self.presentation.step, 0
        for one in self._decoded:
            if isinstance(one, str):
                yield Moment(ticker.time(None), step, None, None, one)
                continue
            time = ticker.time(one.dts if self._one_stamp else one.pts)
            end = max(end, time + (step if self._counts_fields else one.duration or step))
            yield Moment(time, end - time, one.pts, one)

    def seek(self, stamp: int) -> Iterator[Moment]:
        """What comes from the keyframe before a time stamp on; of the moments only stamps and frames can be relied on.

        There may be frames among them that cannot be decoded from there, and the keyframe may lie behind the stamp.
        """
        self._container.seek(stamp, stream=self._track)
        self._timeline = Timeline(self._container)
        self._decoded, self._packets = self._decode(), 0
        return iter(self)

    def pictures(self, raw: bool = False, start: int = 0,
                 moments: Iterator[Moment] | None = None) -> Iterator[tuple[Moment, np.ndarray | DataError]]:
        """Each moment, and its pixels as they are shown, (H, W, c) with c = 1 or 3 (RGB); or what is wrong with it.

        Args:
            raw: Do not mix values, as those of maps must not be.
            start: Pass over so many.
            moments: Those from the last that is passed over on, where it was sought; None: all.
        """
        count_passed = start if moments is None else 1
        moments = iter(self) if moments is None else moments
        passed = deque(islice(moments, count_passed), maxlen=1)
        before = passed[0].frame if passed else None
        waiting = next(moments, None)
        for index in count(start):
            if waiting is None:
                return
            moment, waiting = waiting, None
            if moment.frame is None:
                yield moment, DataError(f'{self.name}, frame {index}: cannot be decoded ({moment.fault})')
            elif needs_neighbours(moment.frame, raw):  # others are not kept waiting for the next one
                waiting = next(moments, None)
                after = None if waiting is None else waiting.frame
                yield moment, self.geometry.apply(stored_pixels(deinterlaced(before, moment.frame, after)))
            else:
                yield moment, self.geometry.apply(stored_pixels(moment.frame), nearest=raw)
            before = moment.frame
            waiting = waiting or next(moments, None)

    def _decode(self, begun: Sequence[av.Packet] = ()) -> Iterator[av.VideoFrame | str]:
        """Frames, and for each that is broken what is wrong with it; sound is put aside."""
        packets = chain(begun, self._container.demux([self._track, *self._container.streams.audio]))
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                raise DataError(f'{self.name} broke down ({reason(error)})') from error
            if packet is None:
                return
            self._timeline.mend(packet)
            if packet.stream.type == 'audio':
                if self.audio is not None:
                    self.audio.add(packet)
                continue
            self._packets += bool(packet.size)
            if self._begun is not None and packet.pts is not None and not packet.is_discard:
                self._begun.append(packet.pts)
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                yield reason(error)
                continue
            for frame in frames:
                yield 'it is damaged' if frame.is_corrupt else frame

    def _note_beginning(self, first: av.VideoFrame, faults: int) -> None:
        """Note what could not be decoded before the first frame."""
        lost = faults
        if first.pts is not None and not self._one_stamp:
            lost = max(lost, sum(stamp < first.pts for stamp in self._begun))
        self._begun = None
        if lost:
            self.notes.append(f'it begins between two keyframes: its first {lost} packets cannot be decoded and are '
                              'left out')

    def _geometry_of(self, frame: av.VideoFrame) -> Geometry:
        try:
            matrix = frame.side_data.get('DISPLAYMATRIX')
        except ValueError:  # PyAV knows not every kind of side data, such as EXIF
            return Geometry.of({-90: 6, 90: 8, 180: 3, -180: 3}.get(frame.rotation), self._track.sample_aspect_ratio)
        numbers = None if matrix is None else np.frombuffer(bytes(matrix), np.int32).tolist()
        orientation = 1 if numbers is None else orientation_of(numbers)
        if orientation is None:
            self.notes.append(f'players turn it by {angle_of(numbers):.0f} degrees, which is not done here')
        return Geometry.of(orientation, self._track.sample_aspect_ratio)

    def _note_left_out(self, first: av.VideoFrame) -> None:
        self.notes += other_tracks(self._container, self._track)
        if has_alpha(first) or self._track.metadata.get('alpha_mode') == '1':
            self.notes.append('its transparency (alpha) is left out')
        if first.interlaced_frame:
            check_filter(self.name)
            self.notes.append(f'its frames are interlaced; they are deinterlaced (with {FILTER})')


def _rate(track: av.VideoStream) -> Fraction:
    """Frames per second as FFmpeg knows or guesses them; what it takes for the average may be that of the clock."""
    average, guessed = track.average_rate, track.guessed_rate
    if average and guessed and average > 2 * guessed:
        average = guessed
    return Fraction(average or guessed or DEFAULT_FPS)


def _counts_fields(begun: Sequence[av.VideoFrame | str], rate: Fraction) -> bool:
    """Whether the rate of a stream, in units of its time stamps, is that of its fields, as in H.264 of field pictures.

    Args:
        begun: The first frames; two where they are interlaced.
        rate: What the stream says.
    """
    stamps = [one.pts for one in begun if isinstance(one, av.VideoFrame)]
    return len(stamps) == 2 and None not in stamps and Fraction(3, 2) < (stamps[1] - stamps[0]) * rate < 3


def needs_neighbours(frame: av.VideoFrame, raw: bool) -> bool:
    """Whether the frames around are needed to show one; values of maps are never mixed."""
    return frame.interlaced_frame and not raw


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether some of a frame is transparent; one whose alpha says that nothing is does not count."""
    if not any(component.is_alpha for component in frame.format.components) and not frame.format.has_palette:
        return False
    return int(frame.to_ndarray(format='rgba')[..., 3].min()) < 255
