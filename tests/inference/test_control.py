"""What is shown of a prediction: strength, classes and masks that stay, look and camera; and all of it together."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from photoreal.bundle import TrainedModel, load_model, save_bundle
from photoreal.camera import Camera, CameraSettings
from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError, DataError
from photoreal.inference import Layers, VideoEnhancer
from photoreal.inference.keeping import BORDER, MEMORY, KeepMask, parse_classes
from photoreal.models import ClipPreprocessor
from photoreal.models.generators import FRNet
from photoreal.testing.modality import street_frames
from photoreal.testing.networks import randomize
from tests import tiny
from tests.look.helpers import warm_look

HEIGHT, WIDTH = 40, 56
CAMERA = CameraSettings(blur=0.02, noise=0.02, grain=0.01, vignette=0.2)


def make_model(scale: int = 1, **more) -> TrainedModel:
    preprocessor = ClipPreprocessor(dict(blur=dict(type='Blur'), **more))
    net = FRNet(preprocessor.layout.channels, mid_channels=4, num_blocks=1, flow_channels=4, scale=scale).eval()
    randomize(net)
    with torch.no_grad():
        net.conv_out.bias.copy_(torch.tensor([0.6, 0.4, 0.3]))
    return TrainedModel(net, preprocessor, {}, look=warm_look(), camera=CAMERA)


def clip(length: int = 5, seed: int = 0) -> np.ndarray:
    return street_frames(np.random.default_rng(seed), length, HEIGHT, WIDTH)


def shown(model: TrainedModel, frames: np.ndarray, recorded=None, **control) -> np.ndarray:
    return np.stack(list(VideoEnhancer(model, 'cpu', 'fp32', **control)(frames, recorded)))


@pytest.fixture(scope='module')
def bundle(tmp_path_factory, tiny_bundle) -> Path:
    """With a look and a camera."""
    model = load_model(tiny_bundle)
    model.look, model.camera = warm_look(), CAMERA
    path = tmp_path_factory.mktemp('filmed') / 'filmed.safetensors'
    save_bundle(model, path)
    return path


def infer(*args: object) -> None:
    ended = tiny.run('infer', *args, '--device', 'cpu', '--dtype', 'fp32')
    assert ended.code == 0, ended.err


def pictures(folder: Path) -> np.ndarray:
    source = FolderSource(folder)
    return source.read(range(len(source)))


def test_strength_0_gives_a_file_s_frames_and_1_the_prediction_bit_for_bit(tmp_path, bundle):
    with VideoWriter(tmp_path / 'in.mp4', 25) as writer:
        for frame in clip():
            writer.write(frame)
    frames = VideoSource(tmp_path / 'in.mp4').read(range(5))
    predicted = shown(load_model(bundle), frames)
    for strength, wanted in ((0, frames), (1, predicted)):
        infer(bundle, tmp_path / 'in.mp4', '--out', tmp_path / f'{strength}', '--strength', strength)
        np.testing.assert_array_equal(pictures(tmp_path / f'{strength}'), wanted)
    assert np.abs(predicted.astype(int) - frames).mean() > 5


def test_between_the_look_and_what_the_generator_changed_go_the_same_part_of_their_way():
    model, frames = make_model(), clip()
    model.camera = None
    look, predicted = model.look, shown(model, frames).astype(float)
    wanted = look.blend(0.3).apply(frames) + 0.3 * (predicted - look.apply(frames))
    assert np.abs(shown(model, frames, strength=0.3) - wanted).max() <= 1.5  # of three roundings


def test_the_model_s_camera_fades_with_the_strength_and_one_that_is_asked_for_does_not(tmp_path, bundle):
    model, frames = make_model(), clip()
    camera = Camera(CAMERA)
    filmed = np.stack([camera.film(frame, i) for i, frame in enumerate(frames)])
    np.testing.assert_array_equal(shown(model, frames, strength=0, camera_strength=1), filmed)
    half = shown(model, frames, strength=0.5).astype(int)
    unfilmed = shown(model, frames, strength=0.5, camera_strength=0)
    weaker = Camera(CAMERA.blend(0.5))
    np.testing.assert_array_equal(half, [weaker.film(frame, i) for i, frame in enumerate(unfilmed)])
    for i, frame in enumerate(frames):
        write_image(tmp_path / f'in/{i}.png', frame)
    CAMERA.save(tmp_path / 'camera.json')
    infer(bundle, tmp_path / 'in', '--out', tmp_path / 'out', '--strength', 0, '--camera', tmp_path / 'camera.json')
    np.testing.assert_array_equal(pictures(tmp_path / 'out'), filmed)


def test_a_weaker_camera_has_less_of_everything():
    weaker = CameraSettings(noise=0.02, shot=0.01, grain=0.002, blur=0.002).blend(0.5)
    assert weaker == CameraSettings(noise=0.01, shot=0.0025, grain=0.002, blur=0.001)
    assert CAMERA.blend(1) is CAMERA
    with pytest.raises(ConfigError, match="the camera's strength is 2"):
        CAMERA.blend(2)


def test_a_bundle_s_look_and_camera_are_switched_off(tmp_path, bundle):
    for i, frame in enumerate(clip(2)):
        write_image(tmp_path / f'in/{i}.png', frame)
    for options in ((), ('look',), ('camera',), ('look', 'camera')):
        infer(bundle, tmp_path / 'in', '--out', tmp_path / '-'.join(('out', *options)),
              *(text for name in options for text in (f'--{name}', 'none')))
        model = load_model(bundle)
        for name in options:
            setattr(model, name, None)
        np.testing.assert_array_equal(pictures(tmp_path / '-'.join(('out', *options))), shown(model, clip(2)))
    infer(bundle, tmp_path / 'in', '--out', tmp_path / 'all', '--look', 'none', '--camera', 'none', '--strength', 0.5,
          '--guard', 'on')
    plain = load_model(bundle)
    plain.look = plain.camera = None
    np.testing.assert_array_equal(pictures(tmp_path / 'all'), shown(plain, clip(2), strength=0.5, guard=1))


def test_a_slider_that_moves_changes_the_next_frame_and_leaves_the_generator_alone():
    model, frames = make_model(), clip(6)
    plain = shown(model, frames)
    enhancer, made = VideoEnhancer(model, 'cpu', 'fp32'), []
    for i, frame in enumerate(enhancer(frames)):
        made.append(frame)
        enhancer.strength = 0.0 if i in (1, 2) else 1.0
    for i, frame in enumerate(made):
        np.testing.assert_array_equal(frame, frames[i] if i in (2, 3) else plain[i])


def test_a_picture_that_stands_still_is_finished_anew_without_the_generator():
    model, frames = make_model(), clip(3)
    enhancer = VideoEnhancer(model, 'cpu', 'fp32')
    layers = list(enhancer.layers(frames, doubts=True))[-1]
    assert isinstance(layers, Layers)
    enhancer.stepper = None
    for values in (dict(strength=0.2), dict(strength=1.0), dict(guard=1.0), dict(guard=0.0, camera_strength=0.0)):
        for name, value in values.items():
            setattr(enhancer, name, value)
        np.testing.assert_array_equal(enhancer.finish(layers), shown(
            model, frames, strength=enhancer.strength, guard=enhancer.guard,
            camera_strength=enhancer.camera_strength)[-1])


def labels_of(length: int, still: bool = True) -> np.ndarray:
    labels = np.zeros((length, HEIGHT, WIDTH, 1), np.uint8)
    for i, one in enumerate(labels):
        one[12:22, 15 + (0 if still else 6 * i):25 + (0 if still else 6 * i)] = 13
    return labels


@pytest.mark.parametrize('own', [True, False])
def test_kept_classes_stay_the_render_s_within_a_soft_border(own):
    model = make_model(**dict(segmentation=dict(type='LabelMap')) if own else {})
    frames, labels = clip(), labels_of(5)
    given = {'segmentation': labels}
    plain = shown(model, frames, given)
    kept = shown(model, frames, given, keep=['car', '11'], guard=0)
    inside = labels[..., 0] == 13
    np.testing.assert_array_equal(kept[inside], frames[inside])
    far = np.ones_like(inside)
    far[:, 12 - BORDER - 1:22 + BORDER + 1, 15 - BORDER - 1:25 + BORDER + 1] = False
    np.testing.assert_array_equal(kept[far], plain[far])
    # Across the border it goes from one to the other, step by step.
    row = slice(25, 25 + BORDER)
    away = np.abs(kept[:, 17, row].astype(float) - frames[:, 17, row]).sum(-1)
    whole = np.abs(plain[:, 17, row].astype(float) - frames[:, 17, row]).sum(-1)
    share = away.sum(0) / whole.sum(0)
    assert (np.diff(share) > 0).all() and 0 < share[0] < 0.4 and 0.6 < share[-1] < 1


def test_labels_that_flicker_do_not_make_what_is_kept_flicker():
    model, frames, labels = make_model(), clip(7), labels_of(7)
    labels[3] = 0
    model.camera = None
    plain = shown(model, frames, {'segmentation': labels}).astype(float)
    kept = shown(model, frames, {'segmentation': labels}, keep=[13])

    def share(i: int) -> float:
        at = np.s_[i, 13:21, 16:24]
        return np.abs(kept[at] - plain[at]).sum() / np.abs(frames[at] - plain[at]).sum()

    assert [share(i) for i in (2, 4)] == [1, 1] and share(3) == pytest.approx(1 - 1 / MEMORY, abs=0.05)
    labels[3:] = 0
    kept = shown(model, frames, {'segmentation': labels}, keep=[13])
    assert [round(share(i), 1) for i in (3, 4, 5)] == [0.7, 0.3, 0]


def test_classes_are_named_or_numbered():
    assert parse_classes(['car', 'Traffic_Light', '0', 13], 19) == (13, 6, 0)
    with pytest.raises(ConfigError, match="no class 'cart': expected numbers from 0 to 18 or names; did you mean"):
        parse_classes(['cart'], 19)
    with pytest.raises(ConfigError, match="no class '5': expected numbers from 0 to 4; these classes have no names"):
        parse_classes([5], 5)


def test_classes_without_labels_are_an_error_and_so_are_values_out_of_range(tmp_path, bundle):
    with pytest.raises(DataError, match='there are no labels of this video'):
        shown(make_model(), clip(2), keep=['car'])
    for name in ('strength', 'guard', 'camera_strength'):
        with pytest.raises(ConfigError, match=f'{name}=1.5: expected 0 to 1'):
            VideoEnhancer(make_model(), 'cpu', **{name: 1.5})
    enhancer = VideoEnhancer(make_model(), 'cpu')
    with pytest.raises(ConfigError, match='strength=-1'):
        enhancer.strength = -1
    write_image(tmp_path / 'in.png', clip(1)[0])
    ended = tiny.run('infer', bundle, tmp_path / 'in.png', '--out', tmp_path / 'out.png', '--guard', 'much')
    assert ended.code == 2 and "found 'much'; expected on, off, or a number from 0 to 1" in ended.err


def test_masks_are_white_where_the_render_stays():
    mask = np.zeros((2, 4, 4, 3), np.uint8)
    mask[0, :2], mask[1, 2:, :, 2] = 120, 200
    np.testing.assert_array_equal(KeepMask().compute(mask)[..., 0].sum((1, 2)), [0, 8])
    assert KeepMask().compute((mask > 100).astype(np.uint8)).sum() == 16
    assert KeepMask().compute(mask > 100).sum() == 16


def test_videos_at_once_each_with_masks_of_its_own(tmp_path, tiny_bundle):
    wanted = {}
    for seed, name in enumerate(('a', 'b')):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[10:20, 10 + 10 * seed:20 + 10 * seed] = 255
        wanted[name] = mask > 0
        for i, frame in enumerate(clip(3, seed)):
            write_image(tmp_path / f'in/{name}/{i}.png', frame)
            write_image(tmp_path / f'masks/{name}/{i}.png', mask)
    infer(tiny_bundle, tmp_path / 'in', '--out', tmp_path / 'out', '--keep-mask', tmp_path / 'masks', '--streams', 2,
          '--tile', 32, '--overlap', 8)
    for name, inside in wanted.items():
        made, given = pictures(tmp_path / f'out/{name}'), pictures(tmp_path / f'in/{name}')
        np.testing.assert_array_equal(made[:, inside], given[:, inside])
        assert (made != given)[:, ~inside].mean() > 0.5
    (tmp_path / 'masks/b').rename(tmp_path / 'masks/c')
    ended = tiny.run('infer', tiny_bundle, tmp_path / 'in', '--out', tmp_path / 'more', '--keep-mask',
                     tmp_path / 'masks')
    assert ended.code == 1 and 'masks: there is no b in there' in ended.err


def test_streams_and_tiles_finish_as_each_alone():
    model, control = make_model(), dict(strength=0.6, guard=1.0, keep=[13])
    clips = [clip(5, 1), clip(4, 2)]
    enhancer = VideoEnhancer(model, 'cpu', 'fp32', tile=32, overlap=8, streams=2, **control)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda frames: list(enhancer(frames, {'segmentation': labels_of(5)})), clips))
    for one, frames in zip(found, clips):
        alone = VideoEnhancer(model, 'cpu', 'fp32', tile=32, overlap=8, **control)
        wanted = np.stack(list(alone(frames, {'segmentation': labels_of(5)})))
        assert np.abs(np.stack(one).astype(int) - wanted).max() <= 1


def test_a_model_that_enlarges_keeps_the_enlarged_render():
    model, frames, labels = make_model(scale=2), clip(2), labels_of(2)
    render = shown(model, frames, strength=0)
    assert render.shape == (2, 2 * HEIGHT, 2 * WIDTH, 3)
    assert np.abs(render[:, ::2, ::2].astype(int) - frames).mean() < 12
    kept = shown(model, frames, {'segmentation': labels}, keep=[13], guard=1)
    inside = labels[..., 0].repeat(2, 1).repeat(2, 2) == 13
    np.testing.assert_array_equal(kept[inside], render[inside])


@pytest.mark.slow
def test_a_pipe_at_strength_0_gives_back_its_bytes(bundle):
    frames = clip()
    command = [sys.executable, 'tools/infer.py', bundle, '-', '--size', f'{WIDTH}x{HEIGHT}', '--stream', '--strength',
               0, '--guard', '--out', '-', '--format', 'raw', '--device', 'cpu']
    ended = subprocess.run([str(word) for word in command], input=frames.tobytes(), capture_output=True, cwd=tiny.ROOT,
                           env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(tiny.ROOT)}, timeout=120)
    assert ended.returncode == 0 and ended.stdout == frames.tobytes(), ended.stderr
