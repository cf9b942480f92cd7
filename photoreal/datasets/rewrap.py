"""Put a video that grew in fragments into a plain file, without encoding it anew."""

from fractions import Fraction
from pathlib import Path

import av

from photoreal.datasets.writers import atomic_path


def rewrap(source: Path, target: Path, form: str, last: Fraction, end: Fraction) -> None:
    """Copy all packets of a video into a new file, which has its table of contents at its beginning.

    Args:
        source: The video.
        target: The file; it gets its name when it is complete.
        form: Its format in FFmpeg.
        last: When its last frame appears, in seconds.
        end: When that is over, which the fragments do not tell where another one is decoded last.

    Raises:
        OSError: It cannot be written (FFmpeg's errors are such, too).
    """
    with (atomic_path(target) as temporary, av.open(f'file:{source}') as old,
          av.open(f'file:{temporary}', 'w', format=form, container_options={'movflags': 'faststart'}) as new):
        tracks = {stream.index: _add(new, stream) for stream in old.streams}
        for packet in old.demux():
            if packet.dts is not None:  # else it is the empty one that ends a stream
                if packet.stream.type == 'video' and packet.pts == round(last / packet.time_base):
                    packet.duration = round(end / packet.time_base) - packet.pts
                packet.stream = tracks[packet.stream.index]
                new.mux(packet)


def _add(container: av.container.OutputContainer, stream: av.stream.Stream) -> av.stream.Stream:
    track = container.add_stream_from_template(stream, opaque=True)
    if stream.codec_context.name == 'hevc':
        track.codec_context.codec_tag = 'hvc1'  # the kind of H.265 that players of Apple take
    return track
