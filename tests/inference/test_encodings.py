"""Whatever a film is encoded with: the file, a pipe, any order and a folder of PNGs made of it give the same frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from photoreal.datasets.sources import FolderSource
from photoreal.datasets.writers import write_image
from photoreal.prepare.footage import find_footage
from tests.datasets.field_pictures import write_fields
from tests.datasets.films import scene
from tests.inference.test_reading import read_alike

COUNT = 10
UNEVEN = (0, 40, 80, 200, 240, 250, 400, 440, 500, 580)  # milliseconds
# Display matrices of turns clockwise, as phones write them.
TURNS = {90: (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30), 180: (-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30),
         270: (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30)}
INTERLACED = ('interlaced_dct', 'interlaced_me')


@dataclass(frozen=True)
class Encoding:
    """How a film is written.

    Attributes:
        suffix: Of the file; it chooses the container.
        codec: An encoder of FFmpeg.
        pixels: Its pixel format.
        options: Its options.
        times: When the frames appear, in milliseconds; None: 25 a second.
        turn: By how many degrees clockwise players turn it.
        aspect: Width of a pixel by its height.
        matrix: Of the colours, as in ITU-T H.273.
        full_range: Whether luma takes all values.
        flags: Names of flags of the encoder.
        size: (height, width).
        quantiser: Fixed, for encoders that have no option for it.
        note: A part of what must be said of the film.
        apart: How far frames may be from what was encoded, on average, of 255.
    """

    suffix: str
    codec: str
    pixels: str = 'yuv420p'
    options: Mapping[str, str] = field(default_factory=dict)
    times: Sequence[int] | None = None
    turn: int = 0
    aspect: Fraction = Fraction(1)
    matrix: int = 1
    full_range: bool = False
    flags: Sequence[str] = ()
    size: tuple[int, int] = (64, 64)
    quantiser: int | None = None
    note: str = ''
    apart: float = 4


H264 = {'crf': '8', 'g': '5'}
_X265 = 'log-level=error:keyint=4:min-keyint=4:bframes=2:b-adapt=0:scenecut=0:pools=none'
HEVC_CLOSED = {'crf': '8', 'x265-params': f'{_X265}:open-gop=0'}
HEVC_OPEN = {'crf': '8', 'x265-params': f'{_X265}:open-gop=1'}
MPEG = {'bf': '2', 'g': '5'}
VP9 = {'crf': '8', 'b': '0', 'g': '5', 'cpu-used': '8'}
AV1 = {'crf': '8', 'preset': '10', 'g': '5', 'svtav1-params': 'lp=1'}
ENCODINGS = {
    'h264 in mp4, B-frames': Encoding('.mp4', 'libx264', options={**H264, 'bf': '2'}),
    'h264 in mp4, open groups': Encoding('.mp4', 'libx264', options={'crf': '8', 'x264-params': 'open-gop=1:keyint=4'}),
    'h264 in mp4, no B-frames': Encoding('.mp4', 'libx264', options={**H264, 'bf': '0'}),
    'h264 in mp4, uneven': Encoding('.mp4', 'libx264', options=H264, times=UNEVEN),
    'h264 in fragmented mp4': Encoding('.mp4', 'libx264', options={**H264, 'movflags': 'frag_keyframe+empty_moov'}),
    'h264 in mov, turned 90': Encoding('.mov', 'libx264', options=H264, turn=90, size=(48, 64)),
    'h264 in mp4, turned 180': Encoding('.mp4', 'libx264', options=H264, turn=180),
    'h264 in mp4, turned 270': Encoding('.mp4', 'libx264', options=H264, turn=270, size=(48, 64)),
    'h264 in mkv, turned 90': Encoding('.mkv', 'libx264', options=H264, turn=90, size=(48, 64)),
    'h264 in mp4, pixels 4:3': Encoding('.mp4', 'libx264', options=H264, aspect=Fraction(4, 3)),
    'h264 in mkv, pixels 8:9': Encoding('.mkv', 'libx264', options=H264, aspect=Fraction(8, 9), size=(48, 72)),
    'h264 in mov, turned, pixels 2:1': Encoding('.mov', 'libx264', options=H264, turn=90, aspect=Fraction(2)),
    'h264 in mkv, uneven': Encoding('.mkv', 'libx264', options={**H264, 'bf': '2'}, times=UNEVEN),
    'h264 in ts': Encoding('.ts', 'libx264', options={**H264, 'bf': '2'}),
    'h264 in avi': Encoding('.avi', 'libx264', options={**H264, 'bf': '2'}),
    'h264 in flv': Encoding('.flv', 'libx264', options=H264),
    'h264 without a container': Encoding('.h264', 'libx264', options={**H264, 'bf': '2'}),
    'h264, 10 bits': Encoding('.mkv', 'libx264', 'yuv420p10le', H264),
    'h264, 4:4:4, full range': Encoding('.mp4', 'libx264', 'yuv444p', H264, full_range=True),
    'h264, BT.601': Encoding('.mp4', 'libx264', options=H264, matrix=6),
    'h264, BT.2020': Encoding('.mkv', 'libx264', options=H264, matrix=9),
    'h264, fields in a frame': Encoding('.ts', 'libx264', options={**H264, 'x264-params': 'tff=1'}, note='interlaced',
                                        apart=8),
    'hevc in mp4, closed groups': Encoding('.mp4', 'libx265', options=HEVC_CLOSED),
    'hevc in mp4, open groups': Encoding('.mp4', 'libx265', options=HEVC_OPEN),
    'hevc in ts, open groups': Encoding('.ts', 'libx265', options=HEVC_OPEN),
    'hevc in mkv, 10 bits, BT.2020': Encoding('.mkv', 'libx265', 'yuv420p10le', HEVC_CLOSED, matrix=9),
    'mpeg2 in ts': Encoding('.ts', 'mpeg2video', options=MPEG, quantiser=2),
    'mpeg2 in ts, interlaced': Encoding('.ts', 'mpeg2video', options=MPEG, flags=INTERLACED,
                                        quantiser=2, note='interlaced', apart=8),
    'mpeg2 in mpg': Encoding('.mpg', 'mpeg2video', options=MPEG, quantiser=2),
    'mpeg2 in mkv, interlaced': Encoding('.mkv', 'mpeg2video', flags=INTERLACED, quantiser=2, note='interlaced',
                                         apart=8),
    'mpeg2 in mxf': Encoding('.mxf', 'mpeg2video', options=MPEG, quantiser=2),
    'mpeg1 in mpg': Encoding('.mpg', 'mpeg1video', options=MPEG, matrix=6, quantiser=2),
    'mpeg4 in avi, B-frames': Encoding('.avi', 'mpeg4', options=MPEG, matrix=6, quantiser=2),
    'mpeg4 in mp4': Encoding('.mp4', 'mpeg4', options=MPEG, matrix=6, quantiser=2),
    'vp8 in webm': Encoding('.webm', 'libvpx', options={'crf': '4', 'b': '2M', 'auto-alt-ref': '1'}, matrix=6),
    'vp9 in webm': Encoding('.webm', 'libvpx-vp9', options=VP9),
    'vp9 in webm, alpha': Encoding('.webm', 'libvpx-vp9', 'yuva420p', VP9, note='transparency'),
    'vp9 in mkv, 10 bits': Encoding('.mkv', 'libvpx-vp9', 'yuv420p10le', {**VP9, 'profile': '2'}),
    'av1 in mp4': Encoding('.mp4', 'libsvtav1', options=AV1),
    'av1 in webm, 10 bits': Encoding('.webm', 'libsvtav1', 'yuv420p10le', AV1),
    'prores in mov': Encoding('.mov', 'prores_ks', 'yuv422p10le'),
    'prores in mov, alpha': Encoding('.mov', 'prores_ks', 'yuva444p10le', {'profile': '4444'}),
    'prores in mkv, interlaced': Encoding('.mkv', 'prores_ks', 'yuv422p10le', flags=INTERLACED[:1], note='interlaced',
                                          apart=8),
    'ffv1 in mkv': Encoding('.mkv', 'ffv1', 'bgr0', apart=0),
    'ffv1 in avi, 10 bits': Encoding('.avi', 'ffv1', 'yuv422p10le', matrix=6),
    'ffv1 in mkv, full range': Encoding('.mkv', 'ffv1', 'yuv444p', full_range=True),
    'mjpeg in avi': Encoding('.avi', 'mjpeg', 'yuvj444p', matrix=5, full_range=True, quantiser=2),
    'mjpeg in mov': Encoding('.mov', 'mjpeg', 'yuvj422p', matrix=5, full_range=True, quantiser=2, times=UNEVEN),
    'mjpeg without a container': Encoding('.mjpeg', 'mjpeg', 'yuvj444p', matrix=5, full_range=True, quantiser=2),
    'wmv in asf': Encoding('.wmv', 'wmv2', matrix=6, quantiser=2),
    'raw in avi': Encoding('.avi', 'rawvideo', 'bgr24', apart=0),
    'raw in mkv': Encoding('.mkv', 'rawvideo', 'yuv420p', matrix=6),
    'raw in mov': Encoding('.mov', 'rawvideo', 'rgb24', apart=0),
    'raw in y4m': Encoding('.y4m', 'wrapped_avframe', 'yuv444p', matrix=6),
    'gif': Encoding('.gif', 'gif', 'rgb8', times=[10 * round(time / 10) for time in UNEVEN], apart=25),
    'animation in mov': Encoding('.mov', 'qtrle', 'rgb24', apart=0),
    'dv in avi': Encoding('.avi', 'dvvideo', size=(576, 720), aspect=Fraction(16, 15), matrix=6, note='interlaced',
                          apart=8),
    'dv without a container': Encoding('.dv', 'dvvideo', size=(576, 720), aspect=Fraction(16, 15), matrix=6,
                                       note='interlaced', apart=8),
    'h264 of field pictures': Encoding('.ts', 'fields'),
    'h264 of predicted field pictures': Encoding('.mkv', 'predicted fields'),
}


def test_the_table_is_long_enough():
    assert len(ENCODINGS) >= 40
    suffixes = {one.suffix for one in ENCODINGS.values()}
    assert {'.mp4', '.mov', '.mkv', '.webm', '.avi', '.ts', '.mxf', '.gif'} <= suffixes


@pytest.mark.parametrize('name', ENCODINGS)
def test_all_roads_give_the_frames_that_were_encoded(tmp_path, name):
    one = ENCODINGS[name]
    path = tmp_path / f'in{one.suffix}'
    if 'fields' in one.codec:
        write_fields(path, COUNT, 'predicted' in one.codec)
    else:
        frames = scene(COUNT, *one.size)
        write(path, one, frames)
    film = read_alike(path)
    np.testing.assert_array_equal(film.frames, by_way_of_pictures(path, tmp_path))
    assert one.note in ' '.join(film.notes)
    if 'fields' in one.codec:
        return  # whose frames another test compares
    shown = [shown_as(frame, one) for frame in frames]
    assert film.frames.shape[1:] == shown[0].shape
    apart = np.array([[np.abs(found.astype(int) - frame).mean() for frame in shown] for found in film.frames])
    assert apart.argmin(1).tolist() == list(range(COUNT)), 'frames are lost, doubled, or in another order'
    assert apart.diagonal().max() <= one.apart
    times = [1000 * float(time - film.times[0]) for time in film.times]
    assert times == pytest.approx(one.times or [40 * i for i in range(COUNT)], abs=1.01)


def write(path: Path, one: Encoding, frames: np.ndarray) -> None:
    """Encode a film; what this build of FFmpeg cannot do is named."""
    try:
        known = {form.name for form in av.Codec(one.codec, 'w').video_formats or ()}
    except ValueError:
        pytest.skip(f"this FFmpeg has no encoder '{one.codec}'")
    if known and one.pixels not in known:
        pytest.skip(f"this FFmpeg's encoder '{one.codec}' cannot take {one.pixels}")
    options = dict(one.options)
    container_options = {key: options.pop(key) for key in ('movflags',) if key in options}
    with av.open(str(path), 'w', options=container_options) as container:
        try:
            stream = container.add_stream(one.codec, rate=25, options=options)
        except ValueError as error:
            pytest.skip(f'this FFmpeg cannot write it: {error}')
        context = stream.codec_context
        stream.height, stream.width, stream.pix_fmt = *one.size, one.pixels
        context.time_base = Fraction(1, 25) if one.times is None else Fraction(1, 1000)
        context.sample_aspect_ratio = one.aspect
        format_ = av.VideoFormat(one.pixels)
        colours = {}
        if not format_.is_rgb and one.pixels != 'rgb8':
            context.colorspace, context.color_range = one.matrix, 2 if one.full_range else 1
            colours = dict(dst_colorspace=one.matrix, dst_color_range=2 if one.full_range else 1)
        for flag in one.flags:
            context.flags |= av.codec.context.Flags[flag]
        if one.quantiser is not None:
            context.flags |= av.codec.context.Flags.qscale
            context.qmin = context.qmax = one.quantiser
        if one.turn:
            stream.set_display_matrix(TURNS[one.turn])
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format='rgb24').reformat(
                format=one.pixels, interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND, **colours)
            picture.pts, picture.time_base = i if one.times is None else one.times[i], context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def by_way_of_pictures(path: Path, folder: Path) -> np.ndarray:
    """The frames after they were prepared as training data: a folder of PNGs."""
    (footage,), faults = find_footage([str(path)])
    assert not faults
    for i in range(len(footage.frames)):
        write_image(folder / f'frames/{i:05d}.png', footage.frames.read(i))
    source = FolderSource(folder / 'frames')
    return source.read(range(len(source)))


def shown_as(frame: np.ndarray, one: Encoding) -> np.ndarray:
    """A frame as players show it."""
    if one.aspect != 1:
        height, width = frame.shape[:2]
        picture = av.VideoFrame.from_ndarray(frame, format='rgb24')
        frame = picture.reformat(width=round(width * one.aspect), height=height).to_ndarray(format='rgb24')
    return np.rot90(frame, -one.turn // 90)
