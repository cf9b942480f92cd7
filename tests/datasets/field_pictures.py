"""H.264 of field pictures (PAFF), as broadcasts and camcorders have it; x264 does not write it."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

SIZE = (32, 64)
_WIDE, _HIGH = 4, 1  # macroblocks of a field


class _Bits:
    """Writes the fields of a syntax (ITU-T H.264, 7.3 and 9.1)."""

    def __init__(self) -> None:
        self.text = ''

    def u(self, count: int, value: int) -> '_Bits':
        """A number of so many bits."""
        self.text += f'{value:0{count}b}'
        return self

    def ue(self, *values: int) -> '_Bits':
        """Numbers in Exp-Golomb code."""
        for value in values:
            code = f'{value + 1:b}'
            self.text += '0' * (len(code) - 1) + code
        return self

    def align(self) -> '_Bits':
        """Zeros up to a whole byte."""
        self.text += '0' * (-len(self.text) % 8)
        return self

    def unit(self, header: int) -> bytes:
        """The NAL unit, with its start code and the bytes that keep start codes out of it."""
        self.u(1, 1).align()
        payload, zeros = bytearray(), 0
        for byte in int(self.text, 2).to_bytes(len(self.text) // 8, 'big'):
            if zeros >= 2 and byte <= 3:
                payload.append(3)
                zeros = 0
            payload.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b'\0\0\0\1' + bytes([header]) + bytes(payload)


def _parameters() -> bytes:
    sequence = _Bits().u(8, 77).u(8, 0).u(8, 30).ue(0, 0, 0, 4, 1).u(1, 0).ue(_WIDE - 1, _HIGH - 1)
    sequence.u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 0)  # fields, no MBAFF, direct inference, no cropping, no VUI
    picture = _Bits().ue(0, 0).u(1, 0).u(1, 0).ue(0, 0, 0).u(1, 0).u(2, 0).ue(0, 0, 0).u(1, 1).u(1, 0).u(1, 0)
    return sequence.unit(0x67) + picture.unit(0x68)


def _field(number: int, bottom: bool, luma: int, predicted: bool) -> bytes:
    """A field of one grey; the second one may be predicted from the first."""
    predicted = predicted and bottom
    bits = _Bits().ue(0, 5 if predicted else 7, 0).u(4, 0).u(1, 1).u(1, bottom)
    if not bottom:
        bits.ue(number % 2)
    bits.u(8, bottom)
    if predicted:
        bits.u(1, 0).u(1, 0).u(1, 0).ue(0, 1).ue(_WIDE * _HIGH)  # all macroblocks are skipped
        return bits.unit(0x61)
    bits.u(1, 0) if bottom else bits.u(2, 0)
    bits.ue(0, 1)
    for _ in range(_WIDE * _HIGH):
        bits.ue(25).align()  # samples as they are
        bits.u(8 * 256, int.from_bytes(bytes([luma]) * 256, 'big')).u(8 * 128, int.from_bytes(b'\x80' * 128, 'big'))
    return bits.unit(0x61 if bottom else 0x65)


def fields(count: int, predicted: bool) -> Iterator[bytes]:
    """The fields of so many frames, each a byte string; frame i is grey with a luma of 40 + 5 i."""
    for i in range(count):
        for bottom in (False, True):
            yield b'\0\0\0\1\x09\x10' + b'' * bottom + (b'' if bottom else _parameters()) + \
                _field(i, bottom, 40 + 5 * i, predicted)


def write_fields(path: Path, count: int, predicted: bool) -> Path:
    """A file with each field in a packet of its own."""
    raw = path.with_suffix('.264')
    raw.write_bytes(b''.join(fields(count, predicted)))
    with av.open(str(raw), format='h264') as source, av.open(str(path), 'w') as container:
        track = container.add_stream_from_template(source.streams.video[0])
        for number, data in enumerate(fields(count, predicted)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = track, Fraction(1, 50)
            packet.pts = packet.dts = number
            packet.is_keyframe = number % 2 == 0
            container.mux(packet)
    raw.unlink()
    return path
