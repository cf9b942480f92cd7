"""The plugins keep photoreal's contracts, and do what they are for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from photoreal_thermal import GradientLoss, HeatNet, NpzClips, Thermal
from photoreal_thermal.make_data import make_data

from photoreal.errors import ConfigError, DataError
from photoreal.structures import ClipContext
from photoreal.testing.dataset import ClipDatasetContract
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.loss import LossContract
from photoreal.testing.modality import ModalityContract


class TestThermal(ModalityContract):
    def make(self):
        return Thermal()

    def maps(self, rng, length, height, width):
        return rng.integers(0, 65536, (length, height, width, 1), dtype=np.uint16)


class TestNpzClips(ClipDatasetContract):
    @pytest.fixture(autouse=True)
    def data(self, tmp_path: Path) -> None:
        make_data(tmp_path)
        self.root = tmp_path

    def make(self):
        return NpzClips(self.root, dict(thermal=dict(type='Thermal'), gray=dict(type='Gray')), 3, 32)

    def test_missing_array(self):
        with pytest.raises(DataError, match="has no array 'depth', only frames, thermal"):
            NpzClips(self.root, dict(depth=dict(type='Depth')), 3, 32)


class TestHeatNet(GeneratorContract):
    def make(self, in_channels, skip):
        return HeatNet(in_channels, width=4, skip=skip)


class TestGradientLoss(LossContract):
    def make(self, weight):
        return GradientLoss(weight)


def test_temperatures_lie_between_cold_and_hot():
    kelvin = torch.tensor([253.15, 293.15, 333.15, 400.0]).view(1, 1, 4)
    encoded = Thermal().encode((kelvin * 100).round().to(torch.uint16))
    torch.testing.assert_close(encoded.flatten(), torch.tensor([0.0, 0.5, 1.0, 1.0]))


def test_brightness_alone_is_no_edge():
    target = torch.rand(1, 2, 3, 8, 8)
    assert GradientLoss()(ClipContext(target, target, pred=target + 0.3)) < 1e-6


def test_cold_must_be_colder():
    with pytest.raises(ConfigError, match='expected cold < hot'):
        Thermal(cold=60, hot=-20)
