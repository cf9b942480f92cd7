"""A page to vote on: one file that viewers open in a browser, without a network or anything installed."""

import base64
import os
import tempfile
from hashlib import sha256
from pathlib import Path

from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import atomic_path, encode_image
from photoreal.judging.pairs import CRF, Ballot, Pair, shrink
from photoreal.webpage import assemble

WIDEST = 1920  # of both sides together


def write_page(ballot: Ballot, out: str | os.PathLike) -> Path:
    """Write the page. Stills lie in it without loss, clips as H.264; both are shrunk to 1920 pixels of width.

    What viewers save holds the key, so that it can be counted as it is. The page holds it too, in its source.

    Args:
        ballot: The pairs.
        out: The HTML file.

    Returns:
        The file.
    """
    out = Path(out)
    stills = ballot.length == 1
    media = [_still(ballot, pair) if stills else _clip(ballot, pair) for pair in ballot.pairs]
    texts = [base64.b64encode(content).decode() for content in media]
    key = ballot.key()
    data = {'question': key['question'], 'pairs': key['pairs'], 'kind': 'image/webp' if stills else 'video/mp4',
            'id': sha256(b''.join([repr(key).encode(), *media])).hexdigest()[:16]}  # what a browser keeps answers under
    with atomic_path(out) as temporary:
        temporary.write_text(assemble('photoreal.judging', data, texts), encoding='utf-8')
    return out


def _still(ballot: Ballot, pair: Pair) -> bytes:
    return encode_image('pair.webp', shrink(next(ballot.frames(pair)), WIDEST))


def _clip(ballot: Ballot, pair: Pair) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'pair.mp4')
        with VideoWriter(path, ballot.fps(pair), crf=CRF) as writer:
            for frame in ballot.frames(pair):
                writer.write(shrink(frame, WIDEST))
        return path.read_bytes()
