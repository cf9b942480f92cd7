"""How a video is to be shown: when its frames appear, and what colours its numbers mean."""

from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Interpolation

# Numbers of ITU-T H.273, which containers, codecs and FFmpeg share.
BT709, UNSPECIFIED, BT470BG, BT601 = 1, 2, 5, 6
_MATRICES = (BT709, 4, BT470BG, BT601, 7, 9)  # those that swscale converts with: 4 FCC, 7 SMPTE 240M, 9 BT.2020
_LIMITED, _FULL = 1, 2  # AVColorRange
# swscale's quick ways darken a frame by more than 1 of 255.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
_EXACT_RGB = _EXACT | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class Colour:
    """What the numbers of a picture in Y'CbCr mean.

    Attributes:
        matrix: How luma and chroma were made of red, green and blue (1: BT.709, 5 and 6: BT.601, 9: BT.2020).
        full_range: Whether luma goes from 0 to 255 rather than from 16 to 235.
        primaries: Of red, green and blue; carried along, not converted.
        transfer: The transfer curve; carried along, not converted.
    """

    matrix: int = BT709
    full_range: bool = False
    primaries: int = BT709
    transfer: int = BT709

    @classmethod
    def of(cls, frame: av.VideoFrame) -> 'Colour':
        """The colours of a decoded frame; where it does not tell its matrix, that which players take."""
        if frame.format.is_rgb or frame.format.has_palette:
            return cls(primaries=frame.color_primaries, transfer=frame.color_trc)
        matrix = frame.colorspace if frame.colorspace in _MATRICES else untagged_matrix(frame.height, frame.width)
        full = frame.color_range == _FULL or frame.format.name.startswith('yuvj')
        return cls(matrix, full, frame.color_primaries, frame.color_trc)

    def picture(self, frame: np.ndarray, pixels: str) -> av.VideoFrame:
        """A frame (H, W, 3) uint8 RGB in a pixel format of FFmpeg, with these colours."""
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='rgb24')
        if pixels == 'rgb24':
            return picture
        if not av.VideoFormat(pixels).is_rgb:
            return picture.reformat(format=pixels, dst_colorspace=self.matrix, dst_color_range=self._range,
                                    interpolation=_EXACT)
        return picture.reformat(format=pixels)

    def tag(self, context: av.VideoCodecContext) -> None:
        """Note these colours in what an encoder writes."""
        context.color_primaries, context.color_trc = self.primaries, self.transfer
        if not av.VideoFormat(context.pix_fmt).is_rgb:
            context.colorspace, context.color_range = self.matrix, self._range

    @property
    def _range(self) -> int:
        return _FULL if self.full_range else _LIMITED


def untagged_matrix(height: int, width: int) -> int:
    """The matrix that players take for a video that does not tell its own."""
    return BT709 if width >= 1280 or height > 576 else BT601


@dataclass(frozen=True)
class Presentation:
    """How a video is to be shown.

    Attributes:
        rate: Frames per second, on average.
        time_base: Seconds that frame times count in; without one they count frames.
        colour: Of the stored frames.
    """

    rate: Fraction
    time_base: Fraction | None = None
    colour: Colour = field(default_factory=Colour)

    @classmethod
    def of_rate(cls, fps: float) -> 'Presentation':
        """Frames at equal distances, for what has nothing to say about its colours: BT.709."""
        rate = Fraction(fps)
        if rate < 1:  # a frame an hour would become none
            return cls(1 / (1 / rate).limit_denominator(1001))
        return cls(rate.limit_denominator(1001))  # 29.97 is 30000/1001

    @property
    def unit(self) -> Fraction:
        """Seconds that frame times count in."""
        return self.time_base or 1 / self.rate

    @property
    def step(self) -> int:
        """The usual distance of two frames, in units."""
        return max(1, round(1 / (self.rate * self.unit)))


def stored_pixels(frame: av.VideoFrame) -> np.ndarray:
    """What a decoded frame holds: (H, W, 1) uint8 or uint16 where it is grey, else (H, W, 3) uint8 RGB."""
    name = frame.format.name
    stored = 'gray16le' if name.startswith('gray16') else 'gray' if name == 'gray' else 'rgb24'
    if stored == 'rgb24' and not (frame.format.is_rgb or frame.format.has_palette):
        colour = Colour.of(frame)
        frame.colorspace = colour.matrix  # else swscale would take BT.601 for whatever is not tagged
        frame.color_range = _FULL if colour.full_range else _LIMITED
    pixels = frame.to_ndarray(format=stored, interpolation=_EXACT_RGB)
    return pixels[..., None] if pixels.ndim == 2 else pixels
