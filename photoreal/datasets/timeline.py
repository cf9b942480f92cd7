"""Makes one clock of time stamps that repeat, run backward or jump, as those of joined recordings do."""

from fractions import Fraction

import av
from av.format import Flags

# The limits are those that the ffmpeg program has for the same purpose (its -dts_delta_threshold).
_BACKWARD = Fraction(1, 10)  # seconds
_FORWARD = 10  # seconds
_APART = 1  # seconds: more than any frame lasts in a recording whose clock is sound


class Timeline:
    """Mends the stamps of packets, of all tracks alike, in the order in which they lie in the file.

    Where a recording was joined to another, the clock starts anew or overlaps: the second then follows the first.
    Clocks of broadcasts and discs may jump forward, too; in other files a gap is a picture that stands still.

    Args:
        container: Where the packets come from.

    Attributes:
        mended: Whether a stamp had to be changed.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        self._jumps = bool(Flags(container.format.flags) & Flags.ts_discont)
        self._offset = Fraction(0)  # seconds
        self._former: Fraction | None = None  # the offset before the last jump
        # Track -> when its last packet was and its next one is due, in seconds of the one clock.
        self._last: dict[int, tuple[Fraction, Fraction]] = {}
        self.mended = False

    def mend(self, packet: av.Packet) -> None:
        """Shift a packet to where it belongs."""
        if packet.dts is not None:
            raw = packet.dts * packet.time_base
            if packet.stream_index in self._last:
                self._follow(raw, *self._last[packet.stream_index])
            now = raw + self._offset
            self._last[packet.stream_index] = now, now + (packet.duration or 0) * packet.time_base
        if self._offset:
            shift = round(self._offset / packet.time_base)
            packet.dts = None if packet.dts is None else packet.dts + shift
            packet.pts = None if packet.pts is None else packet.pts + shift
            self.mended = True

    def _follow(self, raw: Fraction, last: Fraction, due: Fraction) -> None:
        now = raw + self._offset
        if self._former is not None and abs(now - due) > _APART and abs(raw + self._former - due) < _APART:
            self._offset, self._former = self._former, None  # a single stamp was wrong
        elif now < last - _BACKWARD or (self._jumps and now > due + _FORWARD):
            self._former, self._offset = self._offset, self._offset + due - now


class Ticker:
    """Times of frames in the order in which they are shown, each after the one before.

    Args:
        step: The usual distance of two frames.
    """

    def __init__(self, step: int) -> None:
        self._step, self._last = step, None

    def time(self, given: int | None) -> int:
        """When a frame appears that is stamped so; None: it is not stamped."""
        if self._last is None:
            self._last = given or 0
        elif given is not None and given > self._last:
            self._last = given
        elif given is None or given <= self._last - self._step:  # a stamp that says nothing
            self._last += self._step
        else:  # half a step leaves room for the next frame, so that what follows a repeated stamp is in time
            self._last += max(1, self._step // 2)
        return self._last
