"""photoreal fit-camera, and what infer and export do with its file."""

import re
from pathlib import Path

import numpy as np
import pytest

from photoreal.bundle import load_bundle
from photoreal.camera import CameraSettings
from photoreal.datasets.sources import open_source
from photoreal.datasets.writers import write_image
from tests import tiny
from tests.camera import scenes
from tests.camera.scenes import HEIGHT
from tests.demo.helpers import make_bundle


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    folder = tmp_path / 'footage'
    [frames] = scenes.shots(CameraSettings(0.8 / HEIGHT, noise=0.02), 1, 3.0, frames=range(12))
    for i, frame in enumerate(frames):
        write_image(folder / f'{i:03d}.png', frame)
    return folder


def test_footage_gives_a_camera(footage: Path, tmp_path: Path) -> None:
    ended = tiny.run('fit_camera', footage, '--out', tmp_path / 'a.json', '--set', 'vignette=0.1', 'shot=0',
                     '--without', 'blur')
    assert ended.code == 0, ended.err
    camera = CameraSettings.load(tmp_path / 'a.json')
    assert camera.vignette == 0.1 and camera.shot == 0 and camera.noise == pytest.approx(0.02, abs=0.004)
    assert camera.blur == 0
    assert f'fitted to 8 moments of footage {HEIGHT} pixels high' in ended.out
    shown = 255 * camera.noise
    assert re.search(rf'noise +\d\.\d ± \d\.\d +{shown:.1f} / ', ended.out), ended.out
    assert re.search(r'blur +0\.\d\d ± 0\.\d\d +off  pixels', ended.out), ended.out


def predict(bundle: Path, render: Path, out: Path, *arguments: str) -> np.ndarray:
    ended = tiny.run('infer', bundle, render, '--out', out, '--dtype', 'fp32', *arguments)
    assert ended.code == 0, ended.err
    source = open_source(out.parent, out.name)
    return source.read(range(len(source))).astype(int)


def test_predictions_go_through_the_camera_last(tiny_data: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / 'plain.safetensors', tiny_data)
    render = next((tiny_data / 'val/virtual').iterdir()) / 'frames'
    CameraSettings(noise=0.03).save(tmp_path / 'a.json')
    ended = tiny.run('export', bundle, '--camera', tmp_path / 'a.json', '--out', tmp_path / 'filmed.safetensors')
    assert ended.code == 0, ended.err
    assert load_bundle(tmp_path / 'filmed.safetensors').camera == CameraSettings(noise=0.03)

    plain = predict(bundle, render, tmp_path / 'plain')
    given = predict(bundle, render, tmp_path / 'given', '--camera', str(tmp_path / 'a.json'))
    carried = predict(tmp_path / 'filmed.safetensors', render, tmp_path / 'carried')
    without = predict(tmp_path / 'filmed.safetensors', render, tmp_path / 'without', '--camera', 'none')
    assert np.array_equal(given, carried) and np.array_equal(plain, without)
    noise = (carried - plain)[(plain > 32).all(-1) & (plain < 223).all(-1)]
    assert noise.std() == pytest.approx(0.03 * 255, rel=0.1)
    assert not np.array_equal(carried[0] - plain[0], carried[1] - plain[1]), 'the noise stands still'


@pytest.mark.parametrize('tool, arguments, message', [
    ('fit_camera', ['{tmp}/nothing.mp4'], 'nothing.mp4'),
    ('fit_camera', ['{tmp}', '--frames', '1'], '--frames must be 2 or more'),
    ('fit_camera', ['{tmp}', '--set', 'vignete=1'], "camera setting 'vignete=1' is unknown; did you mean 'vignette'"),
    ('fit_camera', ['{tmp}', '--without', 'vignete'], "no effect 'vignete'; did you mean 'vignette'"),
    ('fit_camera', ['{tmp}', '--set', 'bloom=x'], "camera setting 'bloom=x': expected a number"),
    ('infer', ['{tmp}/a.safetensors', '{tmp}', '--out', '{tmp}/o', '--camera', '{tmp}/b'], "b' does not exist"),
    ('export', ['a', '--to', 'onnx', '--out', 'a.onnx', '--camera', 'a.json'], '--look and --camera are for bundles')])
def test_wrong_use(tool: str, arguments: list[str], message: str, tiny_data: Path, tmp_path: Path) -> None:
    make_bundle(tmp_path / 'a.safetensors', tiny_data)
    write_image(tmp_path / '000.png', np.zeros((32, 32, 3), np.uint8))
    ended = tiny.run(tool, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert ended.code in (1, 2) and message in ended.err


def test_a_camera_by_hand_needs_no_footage(tmp_path: Path) -> None:
    ended = tiny.run('fit_camera', '--set', 'glare=0.1', 'noise=0.005', '--out', tmp_path / 'a.json')
    assert ended.code == 0, ended.err
    assert CameraSettings.load(tmp_path / 'a.json') == CameraSettings(noise=0.005, glare=0.1)
    ended = tiny.run('fit_camera', '--out', tmp_path / 'b.json')
    assert ended.code == 2 and 'give footage, or settings by hand with --set' in ended.err
