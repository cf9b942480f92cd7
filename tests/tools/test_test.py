"""Testing as a user starts it: predictions on disk, side-by-side videos, numbers, the table."""

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests import tiny
from tests.conftest import Run


@pytest.fixture(scope='module')
def tested(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp('tested')
    ended = tiny.run('test', trained.config, '--checkpoint', trained.work_dir, '--out', out,
                     options=['test_dataloader.num_workers=1'])
    assert ended.code == 0, ended.err
    return out, ended.out


def read_video(path: Path) -> tuple[list[np.ndarray], float]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
        return frames, float(container.streams.video[0].average_rate)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean difference of brightness; the video has half as many pixels of colour."""
    return float(abs(a.mean(axis=-1) - b.mean(axis=-1)).mean())


def contrast(image: np.ndarray) -> float:
    """Mean difference of pixels side by side."""
    return float(abs(np.diff(image.mean(axis=-1), axis=1)).mean())


@pytest.mark.parametrize('video', ['real/lane', 'virtual/game'])
def test_predictions_have_the_names_and_size_of_the_frames(tested: tuple[Path, str], tiny_data: Path,
                                                           video: str) -> None:
    frames = sorted((tiny_data / 'val' / video / 'frames').iterdir())
    pictures = sorted((tested[0] / video).iterdir())
    assert [picture.name for picture in pictures] == [frame.name for frame in frames]
    for picture, frame in zip(pictures, frames):
        assert cv2.imread(str(picture)).shape == cv2.imread(str(frame)).shape


@pytest.mark.parametrize(('video', 'panels'), [('real/lane', 3), ('virtual/game', 2)])
def test_video_shows_input_prediction_and_target(tested: tuple[Path, str], tiny_data: Path, video: str,
                                                 panels: int) -> None:
    strips, fps = read_video(tested[0] / f'{video}.mp4')
    assert fps == tiny.FPS and len(strips) == tiny.LENGTH
    assert strips[0].shape == (tiny.HEIGHT, panels * tiny.WIDTH, 3)
    panel = dict(zip(['input', 'prediction', 'target'], np.split(strips[3], panels, axis=1)))
    source, prediction = (cv2.imread(str(folder / '003.png'))[..., ::-1]
                          for folder in (tiny_data / 'val' / video / 'frames', tested[0] / video))
    assert difference(panel['prediction'], prediction) < 5  # H.264 loses a little
    assert difference(panel['target' if panels == 3 else 'input'], source) < 5
    if panels == 3:  # the input is the blurred one
        assert contrast(panel['input']) < 0.95 * contrast(panel['target'])


def test_numbers_are_those_of_the_pictures(tested: tuple[Path, str], tiny_data: Path, trained: Run) -> None:
    report = json.loads((tested[0] / 'metrics.json').read_text())
    assert report['videos'].keys() == {'real/lane', 'virtual/game'}
    assert {'real/psnr', 'real/ssim', 'real/tof', 'real/warp_error', 'virtual/warp_error'} <= report['mean'].keys()
    assert 'psnr' not in report['videos']['virtual/game']
    assert report['mean']['real/psnr'] == pytest.approx(report['videos']['real/lane']['psnr'])
    psnr = [cv2.PSNR(*(cv2.imread(str(folder / f'{i:03d}.png')) for folder in
                       (tested[0] / 'real/lane', tiny_data / 'val/real/lane/frames'))) for i in range(tiny.LENGTH)]
    assert report['videos']['real/lane']['psnr'] == pytest.approx(np.mean(psnr), abs=0.01)
    assert report['checkpoint'] == str(trained.work_dir / 'latest.pth')


def test_table_is_printed(tested: tuple[Path, str]) -> None:
    out, console = tested
    rows = {line.split('  ')[0]: line.split() for line in console.splitlines()}
    assert {'real/lane', 'virtual/game', 'real: mean of videos', 'virtual: mean of videos'} <= rows.keys()
    psnr = json.loads((out / 'metrics.json').read_text())['mean']['real/psnr']
    assert f'{psnr:.4g}' in rows['real/lane']
    assert f'{out}/metrics.json' in console
    assert 'Hooks will' not in console


def test_no_part_of_it_is_silent(tested: tuple[Path, str]) -> None:
    console = tested[1]
    said = [console.index(text) for text in (f'test: all {2 * tiny.LENGTH} frames are predicted; now the metrics',
                                             'real: mean of videos', 'writing the report', 'report: ')]
    assert said == sorted(said)


def test_one_domain_alone(trained: Run, tmp_path: Path) -> None:
    ended = tiny.run('test', trained.config, '--checkpoint', trained.work_dir / 'best.pth', '--out', tmp_path / 'out',
                     '--domains', 'virtual', options=['test_dataloader.dataset.max_frames=2'])
    assert ended.code == 0, ended.err
    assert not (tmp_path / 'out/real').exists()
    assert [path.name for path in sorted((tmp_path / 'out/virtual/game').iterdir())] == ['000.png', '001.png']
    report = json.loads((tmp_path / 'out/metrics.json').read_text())
    assert report['videos'].keys() == {'virtual/game'} and 'virtual/warp_error' in report['mean']
    assert not [name for name in report['mean'] if name.startswith('real/')]


def test_an_interrupted_test_leaves_no_half_video(trained: Run, tmp_path: Path) -> None:
    data = tiny.make_data(tmp_path / 'data')
    broken = data / 'val/real/lane/segmentation/005.png'
    broken.write_bytes(cv2.imencode('.png', np.full((tiny.HEIGHT, tiny.WIDTH), 9, np.uint8))[1].tobytes())
    ended = tiny.run('test', trained.config, '--checkpoint', trained.work_dir, '--out', tmp_path / 'out',
                     options=[f'data_root={data}'])
    assert ended.code == 1 and str(broken) in ended.err
    names = [path.name for path in (tmp_path / 'out/real').rglob('*')]
    assert '004.png' in names and 'lane.mp4' not in names and not [name for name in names if 'tmp' in name]
    assert not (tmp_path / 'out/metrics.json').exists()
