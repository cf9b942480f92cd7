"""A job: the model's prediction of the whole video, with all that is looked at, as strong as asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from photoreal.camera import CameraSettings
from photoreal.datasets.pictures import decode_picture
from photoreal.datasets.sources import FolderSource, VideoSource
from photoreal.demo.jobs import Job, Order, Progress
from photoreal.demo.library import Library, optional
from photoreal.demo.mixing import Mix
from photoreal.demo.strength import USUAL, at_strength, has_strength
from photoreal.errors import CheckpointError, ConfigError, DataError
from photoreal.inference import VideoEnhancer
from photoreal.modalities import Blur, Edges, Gray, LabelMap
from tests import tiny
from tests.demo.helpers import make_bundle, tiny_model, write_video
from tests.look.helpers import warm_look


@pytest.fixture(scope='module')
def model(tmp_path_factory, tiny_data):
    return tiny_model(tmp_path_factory.mktemp('model') / 'tiny.py', tiny_data)


@pytest.fixture
def frames(tiny_data: Path) -> FolderSource:
    return FolderSource(tiny_data / 'val/virtual/game/frames')


def test_strength_runs_over_what_was_trained():
    blur = Blur(sigma=(1, 3), sigma_fixed=1.5, down=(1, 2, 4))
    assert at_strength(blur, USUAL) == blur.sample(None)
    assert at_strength(blur, 0)['sigma'] == pytest.approx(1, abs=0.1) and at_strength(blur, 0)['down'] == 1
    assert at_strength(blur, 1)['sigma'] == pytest.approx(3, abs=0.1) and at_strength(blur, 1)['down'] == 4
    assert at_strength(blur, 0.25)['sigma'] == pytest.approx(1.25, abs=0.1)
    edges = [at_strength(Edges(), strength) for strength in np.linspace(0, 1, 5)]
    assert all(params['low'] < params['high'] for params in edges)
    assert has_strength(blur) and has_strength(Edges())
    assert not any(map(has_strength, (Blur(sigma=2), Gray(), LabelMap(num_classes=4))))


def test_a_job_keeps_what_is_looked_at(tmp_path, model, frames):
    job = Job(tmp_path)
    told = list(job.run(model, Order(frames, strengths={'blur': 0.9}), 'cpu'))
    assert [progress.done for progress in told] == list(range(1, tiny.LENGTH + 1)) and told[-1].left == 0
    assert job.length == tiny.LENGTH and job.names == ['blur', 'edges']
    params = {'blur': at_strength(model.preprocessor.modalities['blur'], 0.9)}
    given = (frames.read([i])[0] for i in range(tiny.LENGTH))
    wanted = list(VideoEnhancer(model, 'cpu', params=params)(given))
    made = VideoSource(job.video)
    assert len(made) == tiny.LENGTH and made.fps == pytest.approx(tiny.FPS)
    for kind, expected in (('input', frames.read([3])[0]), ('prediction', wanted[3])):
        shown = FolderSource(job.folder / kind).read([3])[0]
        assert np.abs(shown.astype(int) - expected).mean() < 6  # JPEG
    assert [name for _, name in job.maps(3)] == ['blur', 'edges'] and all(path.is_file() for path, _ in job.maps(3))
    assert job.picture('input', 99) == job.picture('input', tiny.LENGTH - 1)
    assert {'warp_error', 'warp_error_input', 'flicker'} == job.metrics.keys()
    job.discard()
    assert list(tmp_path.iterdir()) == []


def test_strength_changes_the_prediction(tmp_path, model, frames):
    pictures = []
    for strength in (0.0, 1.0):
        job = Job(tmp_path)
        list(job.run(model, Order(frames, strengths={'blur': strength}), 'cpu'))
        pictures.append(FolderSource(job.folder / 'prediction').read([3])[0].astype(float))
    assert [np.abs(np.diff(picture, axis=1)).mean() for picture in pictures] != sorted(
        np.abs(np.diff(picture, axis=1)).mean() for picture in pictures)


def mean_error(path: Path, wanted: np.ndarray) -> float:
    return np.abs(decode_picture(path, False, None)[1].astype(int) - wanted).mean()


@pytest.fixture
def filmed(tmp_path, tiny_data):
    """A model with labels, a look and a camera."""
    model = tiny_model(tmp_path / 'tiny.py', tiny_data, recorded=True)
    model.look, model.camera = warm_look(), CameraSettings(vignette=0.5)
    return model


def test_a_frame_is_blended_anew_without_the_generator(tmp_path, filmed, frames, tiny_data, monkeypatch):
    maps = {'segmentation': FolderSource(tiny_data / 'val/virtual/game/segmentation')}
    labels = maps['segmentation'].read(range(tiny.LENGTH), raw=True)
    given = frames.read(range(tiny.LENGTH)), {'segmentation': labels}
    job = Job(tmp_path)
    list(job.run(filmed, Order(frames, maps, mix=Mix(strength=0.5)), 'cpu'))
    mixes = {Mix(strength=0.5): dict(strength=0.5), Mix(strength=0.0): dict(strength=0), Mix(): {},
             Mix(camera=False): dict(camera_strength=0), Mix(keep=('1',)): dict(keep=[1])}
    wanted = {mix: list(VideoEnhancer(filmed, 'cpu', **control)(*given)) for mix, control in mixes.items()}
    monkeypatch.setattr(type(filmed.generator), 'step', None)
    assert job.labelled and not job.needs_generator(3, Mix())
    for mix in mixes:
        errors = {other: mean_error(job.show(3, mix), made[3]) for other, made in wanted.items()}
        assert min(errors, key=errors.get) == mix and errors[mix] < 6  # JPEG
    before = job.video
    assert [progress.done for progress in job.remake(Mix(strength=0.0))] == list(range(1, tiny.LENGTH + 1))
    assert not before.exists()
    made = VideoSource(job.video).read(range(tiny.LENGTH))
    assert np.abs(made.astype(int) - given[0]).mean() < 8  # H.264


def test_another_look_is_predicted_for_the_frame_that_is_looked_at(tmp_path, filmed, frames, tiny_data):
    maps = {'segmentation': FolderSource(tiny_data / 'val/virtual/game/segmentation')}
    job = Job(tmp_path)
    list(job.run(filmed, Order(frames, maps), 'cpu'))
    with_look, off = job.show(5, Mix()), Mix(look=False)
    assert job.needs_generator(5, off)
    with pytest.raises(DataError, match='press Run'):
        next(job.remake(off))
    job.predict(5, off)
    assert not job.needs_generator(5, off) and job.needs_generator(4, off)
    labels = maps['segmentation'].read(range(2, 6), raw=True)
    *_, wanted = VideoEnhancer(replace(filmed, look=None), 'cpu')(frames.read(range(2, 6)), {'segmentation': labels})
    assert mean_error(job.show(5, off), wanted) < 4 < mean_error(with_look, wanted)


def test_a_closed_job_leaves_no_half_video(tmp_path, model, frames):
    job = Job(tmp_path)
    running = job.run(model, Order(frames), 'cpu')
    assert isinstance(next(running), Progress)
    running.close()
    assert not [path for path in job.folder.iterdir() if path.suffix == '.mp4']
    job.discard()


def test_library(tmp_path, tiny_data):
    bundle = make_bundle(tmp_path / 'street.safetensors', tiny_data, recorded=True)
    video = write_video(tmp_path / 'clip.mp4')
    library = Library([bundle], [tiny_data / 'val/virtual/game', video])
    trained = library.models['street']
    assert library.samples == ['game', 'clip'] and optional(trained) == frozenset()
    frames, maps = library.open_sample('game', trained)
    assert len(frames) == len(maps['segmentation']) == tiny.LENGTH
    assert library.open_sample('clip', trained)[1] == {}
    job = Job(tmp_path / 'jobs')
    list(job.run(trained, Order(frames, maps), 'cpu'))
    assert job.names == ['blur', 'edges', 'segmentation']
    with pytest.raises(DataError, match='segmentation'):
        list(Job(tmp_path / 'jobs').run(trained, Order(frames), 'cpu'))


def test_faulty_libraries(tmp_path):
    with pytest.raises(ConfigError, match='has no model'):
        Library([])
    with pytest.raises(CheckpointError, match='no bundle'):
        Library([tmp_path / 'none.safetensors'])
