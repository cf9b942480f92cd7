"""Frames of two fields, each of another moment, become frames of one moment."""

from collections.abc import Iterator

import av
from av.filter import Graph, filters_available

from photoreal.errors import DataError

FILTER = 'bwdif'


def check_filter(name: str) -> None:
    """See whether interlaced frames can be dealt with.

    Raises:
        DataError: This build of FFmpeg has no such filter.
    """
    if FILTER not in filters_available:
        raise DataError(f"{name} is interlaced, and this PyAV's FFmpeg has no filter '{FILTER}': install PyAV's wheel "
                        f'(pip install av), or deinterlace it first (ffmpeg -i {name} -vf bwdif ...)')


def deinterlaced(before: av.VideoFrame | None, frame: av.VideoFrame, after: av.VideoFrame | None) -> av.VideoFrame:
    """A frame in which the field that is shown second is made of the first and of the frames around.

    It follows from these three frames alone, so that it does not matter how a reader came to the frame.

    Args:
        before: The frame before, as decoded; None: there is none.
        frame: An interlaced frame.
        after: The frame after; None: there is none.
    """
    around = [one if one is not None and _alike(one, frame) else None for one in (before, after)]
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format.name,
                              time_base=frame.time_base)
    filters = [source, graph.add(FILTER, 'mode=send_frame:parity=auto:deint=all'), graph.add('buffersink')]
    graph.link_nodes(*filters).configure()
    made = []
    for number, given in enumerate(filter(None, (around[0], frame, around[1]))):
        pts, given.pts = given.pts, number  # stamps may repeat, or be missing
        graph.push(given)
        given.pts = pts
        made += _pulled(graph)
    graph.push(None)
    made += _pulled(graph)
    return made[1 if around[0] is not None else 0]


def _pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return


def _alike(one: av.VideoFrame, other: av.VideoFrame) -> bool:
    return (one.width, one.height, one.format.name) == (other.width, other.height, other.format.name)
