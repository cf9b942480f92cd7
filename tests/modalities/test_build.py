"""Building the modalities of a config."""

import numpy as np
import pytest
import torch
from mmengine import Config

from photoreal.errors import ConfigError
from photoreal.modalities import Blur, Depth, LabelMap, Modality, build_modalities
from photoreal.registry import MODALITIES
from photoreal.testing.modality import ModalityContract


class Motion(Modality):
    """How the frame differs from the one before: a modality with context and values below 0."""

    channels = 1
    context = 1

    def compute(self, frames: np.ndarray) -> np.ndarray:
        brightness = frames.mean(-1, dtype=np.float32, keepdims=True)
        return np.diff(brightness, axis=0, prepend=brightness[:1])

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x / 255


@pytest.fixture(autouse=True)
def registered():
    MODALITIES.register_module(module=Motion)
    yield
    del MODALITIES.module_dict['Motion']


class TestThirdParty(ModalityContract):
    value_range = (-1, 1)

    def make(self):
        return Motion()


def test_builds_by_name_in_order_and_passes_what_is_built():
    blur = Blur()
    built = build_modalities({'seg': {'type': 'LabelMap', 'num_classes': 5}, 'blur': blur, 'depth': {'type': 'Depth'},
                              'motion': {'type': 'Motion'}})
    assert list(built) == ['seg', 'blur', 'depth', 'motion']
    assert isinstance(built['seg'], LabelMap) and built['seg'].channels == 5
    assert built['blur'] is blur
    assert built['depth'].folder == Depth().folder == 'depth'


def test_builds_from_a_config_file(tmp_path):
    (tmp_path / 'c.py').write_text("modalities = dict(blur=dict(type='Blur', sigma=(1, 2), down=[1, 2]))\n")
    cfg = Config.fromfile(tmp_path / 'c.py', lazy_import=False)
    assert build_modalities(cfg.modalities)['blur'].sample(None) == {'sigma': 1.5, 'down': 2}
    assert cfg.modalities.blur.type == 'Blur'


@pytest.mark.parametrize('cfg, words', [
    ({'soft': {'type': 'Blur', 'sigma': -1}}, "modality 'soft': sigma=-1"),
    ({'soft': {'type': 'Blur', 'sgima': 1}}, "modality 'soft': .*sgima"),
    ({'soft': {'type': 'Blurr'}}, "modality 'soft': .*did you mean 'Blur'"),
    ({'map': {'type': 'ImageFolder'}}, "modality 'map': .*folder"),
    ({'soft': {'sigma': 1}}, "modality 'soft'.*type"),
    ({'soft': 'Blur'}, "modality 'soft' is 'Blur'"),
    ({'soft': {'type': dict}}, "modality 'soft'.*subclass"),
    ({}, 'no modalities'),
])
def test_faults_name_the_modality(cfg, words):
    with pytest.raises(ConfigError, match=words):
        build_modalities(cfg)


def test_the_contract_catches_a_modality_that_breaks_it():
    class Careless(Motion):
        context = 0

        def compute(self, frames):
            out = super().compute(frames)
            frames[0] = 0
            return out

    contract = TestThirdParty()
    contract.make = Careless
    for test in (contract.test_compute_looks_back_no_further_than_context, contract.test_compute_leaves_its_input,
                 contract.test_is_registered):
        with pytest.raises(AssertionError):
            test()
