"""A look in use: data sets, checkpoints, bundles, prediction, the gap meter."""

import copy

import numpy as np
import pytest
import torch

from photoreal.bundle import load_model, save_bundle
from photoreal.config import check_config, load_config
from photoreal.datasets import ClipDataset, StreamDataset
from photoreal.engine.checkpoint import load_weights, read_checkpoint
from photoreal.errors import ConfigError
from photoreal.inference import VideoEnhancer
from photoreal.inspect.gap_meter import GapMeter
from photoreal.look import Look, build_look
from photoreal.models import VideoGAN
from photoreal.testing.modality import street_frames
from tests import tiny
from tests.inspect.test_gap_meter import videos
from tests.look.helpers import warm_look
from tests.test_bundle import CONFIG, MODEL

GRAY = dict(gray=dict(type='Gray'))


@pytest.fixture
def cube(tmp_path):
    warm_look().save(tmp_path / 'warm.cube')
    return str(tmp_path / 'warm.cube')


@pytest.fixture
def data(tmp_path):
    root = tiny.make_data(tmp_path / 'data')
    (root / 'val/virtual').rename(root / 'train/virtual')
    return root


def test_a_config_names_a_file_and_a_strength(cube):
    look = Look.load(cube)
    assert build_look(cube) == look and build_look(look) is look and build_look(None) is None
    assert build_look(dict(path=cube, strength=0.5)) == look.blend(0.5)
    with pytest.raises(ConfigError, match='expected a path, or dict'):
        build_look(dict(file=cube))


def test_streams_show_virtual_frames_through_the_look_and_keep_them_untouched(data, cube):
    plain, looked = (StreamDataset(data, GRAY, 'train', ('real', 'virtual'), look=look) for look in (None, cube))
    real, virtual = plain.video_ranges[0][0], plain.video_ranges[-1][0]
    for k in (real, virtual):
        assert torch.equal(plain[k]['frame'], looked[k]['frame'])
    assert torch.equal(plain[real]['maps']['gray'], looked[real]['maps']['gray'])
    gray = StreamDataset(data, GRAY, 'train').modalities['gray']
    frame = plain[virtual]['frame'].permute(1, 2, 0).numpy()
    wanted = gray.compute(Look.load(cube).apply(frame)[None])[0]
    np.testing.assert_array_equal(looked[virtual]['maps']['gray'].permute(1, 2, 0).numpy(), wanted)
    assert not torch.equal(plain[virtual]['maps']['gray'], looked[virtual]['maps']['gray'])


def test_virtual_clips_go_through_the_look_and_real_ones_do_not(data, cube):
    plain, looked = (ClipDataset(data, GRAY, clip_length=3, crop_size=16, unpaired={}, look=look)
                     for look in (None, cube))
    before, after = plain[0], looked[0]
    assert torch.equal(before['target'], after['target'])
    assert torch.equal(before['maps']['gray'], after['maps']['gray'])
    assert torch.equal(Look.load(cube).apply(before['virtual']['target']), after['virtual']['target'])
    assert not torch.equal(before['virtual']['maps']['gray'], after['virtual']['maps']['gray'])


def test_donors_of_input_styles_go_through_the_look(data, cube):
    styles = dict(histogram=dict(type='HistogramMatch', prob=1.0, strength=1.0))
    plain, looked = (ClipDataset(data, GRAY, clip_length=3, crop_size=16, input_styles=styles, look=look)
                     for look in (None, cube))
    assert torch.equal(plain[0]['target'], looked[0]['target'])
    assert not torch.equal(plain[0]['maps']['gray'], looked[0]['maps']['gray'])


def predict(model, frames):
    return np.stack(list(VideoEnhancer(model, 'cpu', 'fp32')(frames)))


@pytest.fixture
def trained(tmp_path, cube):
    """A config with a look, and a checkpoint."""
    torch.manual_seed(0)
    gan = VideoGAN(losses=dict(pixel=dict(type='PixelLoss')), look=cube, **copy.deepcopy(MODEL))
    torch.save({'state_dict': gan.state_dict()}, tmp_path / 'latest.pth')
    (tmp_path / 'config.py').write_text(f'{CONFIG}\nlook = {cube!r}\n')
    return tmp_path


@pytest.mark.parametrize('half', [False, True])
def test_checkpoints_and_bundles_keep_the_look(trained, half):
    (trained / 'warm.cube').rename(trained / 'elsewhere.cube')
    model = load_model(trained / 'config.py', trained)
    torch.testing.assert_close(model.look.table, warm_look().table, atol=1e-6, rtol=0)
    save_bundle(model, trained / 'model.safetensors', half=half)
    bundle = load_model(trained / 'model.safetensors')
    assert (bundle.look.table - model.look.table).abs().max() <= (1e-3 if half else 0)
    frames = street_frames(np.random.default_rng(0), 3, 24, 32)
    looked = predict(bundle, frames)
    if not half:
        np.testing.assert_array_equal(looked, predict(model, frames))
    bundle.look, look = None, bundle.look
    np.testing.assert_array_equal(looked, predict(bundle, look.apply(frames)))
    assert not np.array_equal(looked, predict(bundle, frames))


def test_a_bundle_with_a_look_can_be_trained_on(trained, cube):
    save_bundle(load_model(trained / 'config.py', trained), trained / 'model.safetensors')
    state = read_checkpoint(trained / 'model.safetensors')['state_dict']
    model = VideoGAN(losses=dict(pixel=dict(type='PixelLoss')), look=cube, **copy.deepcopy(MODEL))
    load_weights(model, state, 'the bundle')
    assert torch.equal(state['look'], model.look)


def test_a_bundle_without_a_look_has_none(trained):
    model = load_model(trained / 'config.py', trained)
    model.look = None
    save_bundle(model, trained / 'model.safetensors')
    assert load_model(trained / 'model.safetensors').look is None


def test_infer_takes_another_look_or_none(trained, tmp_path):
    from photoreal.datasets import open_source, write_image
    save_bundle(load_model(trained / 'config.py', trained), trained / 'model.safetensors')
    for i, frame in enumerate(street_frames(np.random.default_rng(0), 2, 24, 32)):
        write_image(tmp_path / f'frames/{i}.png', frame)
    Look.identity().save(tmp_path / 'plain.cube')
    made = []
    for options in ((), ('--look', 'none'), ('--look', tmp_path / 'plain.cube')):
        out = tmp_path / f'out{len(made)}'
        ended = tiny.run('infer', trained / 'model.safetensors', tmp_path / 'frames', '--out', out, '--device', 'cpu',
                         *options)
        assert ended.code == 0, ended.err
        made.append(open_source(tmp_path, out.name).read([0, 1]))
    assert not np.array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[1], made[2])
    ended = tiny.run('infer', trained / 'model.safetensors', tmp_path / 'frames', '--out', tmp_path / 'out', '--look',
                     tmp_path / 'missing.cube')
    assert ended.code == 1 and 'missing.cube: no look can be read' in ended.err


def test_weights_that_were_trained_with_another_look_are_told(trained, monkeypatch, cube):
    state = torch.load(trained / 'latest.pth')['state_dict']
    same, other = (VideoGAN(losses=dict(pixel=dict(type='PixelLoss')), look=look, **copy.deepcopy(MODEL))
                   for look in (cube, dict(path=cube, strength=0.5)))
    said = []
    monkeypatch.setattr('photoreal.engine.checkpoint.print_log', lambda text, *_: said.append(text))
    load_weights(same, state, 'the file')
    assert not any('look' in text for text in said)
    load_weights(other, state, 'the file')
    assert said[-1] == "the file was trained with another look; this config's is used"
    assert torch.equal(other.look, Look.load(cube).blend(0.5).table)


def test_a_look_is_one_line_of_a_config_and_the_parts_must_agree(cube):
    path = tiny.ROOT / 'configs/tecogan_multimodal.py'
    cfg = load_config(path, [f'look={cube}'])
    check_config(cfg)
    places = [cfg.model, *(cfg[f'{phase}_dataloader'].dataset for phase in ('train', 'val', 'test'))]
    assert [place.look for place in places] == [cube] * 4
    with pytest.raises(ConfigError, match=r'val_dataloader\.dataset\.look differs from model\.look'):
        check_config(load_config(path, [f'val_dataloader.dataset.look={cube}']))


def test_the_gap_meter_falls_where_the_look_brings_virtual_frames_to_real_ones(tmp_path):
    found = videos(tmp_path, 60, each=4)
    darker = Look.from_function(lambda x: x - 60 / 255)
    before, after = (GapMeter({}, look=look).measure(found)[0].accuracy for look in (None, darker))
    assert before > 0.95 and after < 0.75
