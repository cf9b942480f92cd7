"""The contracts, run on a class from the command line: what they say of a sound plugin, and of unsound ones."""

import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from photoreal.registry import FAMILIES
from tests.tiny import Ended

UNSOUND = '''
import numpy as np
import torch
from photoreal.models.losses import Loss
from photoreal.modalities import Modality
from photoreal.registry import LOSSES, MODALITIES


class Nameless(Modality):
    """Not registered, and darker at each call."""

    channels = 3
    calls = 0

    def compute(self, frames):
        self.calls += 1
        return frames // self.calls

    def encode(self, x):
        return x.float() / 255


@LOSSES.register_module(name='Heavy', force=True)
class Heavy(Loss):
    """Forgets its weight."""

    def forward(self, context):
        return (context.need('pred', 'Heavy') - context.need('target', 'Heavy')).square().mean()


@MODALITIES.register_module(name='Levels', force=True)
class Levels(Modality):
    """Recorded, 16 bits alone."""

    channels, folder, raw = 1, 'levels', True

    def __init__(self, steps):
        self.steps = steps

    def compute(self, frames):
        if frames.dtype != np.uint16:
            raise ValueError('expected 16 bits')
        return frames

    def encode(self, x):
        return (x.float() / 65535 * self.steps).round() / self.steps


number = 3
'''


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / 'unsound.py').write_text(UNSOUND)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop('unsound', None)
    for family in ('loss', 'modality'):
        for name in ('Heavy', 'Levels'):
            FAMILIES[family].module_dict.pop(name, None)


def run(*argv: str) -> Ended:
    """``python -m photoreal.testing`` in this process."""
    out, err, code = StringIO(), StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, 'argv', ['photoreal.testing', *argv])
        try:
            runpy.run_module('photoreal.testing', run_name='__main__')
        except SystemExit as end:
            code = end.code or 0
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.mark.parametrize('argv', [
    ('modality', 'photoreal.modalities:Blur'),
    ('modality', 'photoreal.modalities:LabelMap', '--args', 'num_classes=5'),
    ('modality', 'photoreal.modalities:Normals', '--contract', 'value_range=(-1,1)'),
    ('input_style', 'photoreal.datasets:Reinhard', '--args', 'prob=0.2'),
    ('loss', 'photoreal.models.losses:WarpingLoss', '--args', "source='target'"),
    ('loss', 'photoreal.models.losses:FeatureMatchingLoss'),
    ('loss', 'photoreal.models.losses:R1Loss'),
    ('loss', 'photoreal.models.losses:PixelLoss', '--args', 'kind=l1', '--contract', 'least=0.0'),
    ('dataset', 'photoreal.datasets:ClipDataset'),
    ('dataset', 'photoreal.datasets:StreamDataset'),
    ('generator', 'photoreal.models.generators:FRNet', '--args', 'mid_channels=4', 'num_blocks=1', 'flow_channels=4'),
    ('discriminator', 'photoreal.models.discriminators:UNetDiscriminator', '--args', 'width=4', '--contract',
     'crops=((16, 16),)', 'lengths=(2,)')],
    ids=lambda argv: argv[1].partition(':')[2])
def test_sound_plugins_of_every_family(argv: tuple[str, ...]) -> None:
    ended = run(*argv)
    assert ended.code == 0, ended.out + ended.err
    lines = ended.out.splitlines()
    name = argv[1].partition(':')[2]
    assert lines[-1] == f'{name} keeps the contract of {argv[0]}: {len(lines) - 1} tests passed'
    assert len(lines) > 3 and all(line.startswith('passed  ') for line in lines[:-1])


def test_what_is_wrong_is_told() -> None:
    ended = run('modality', 'unsound:Nameless')
    assert ended.code == 1
    assert 'FAILED  is registered\n        Nameless lacks @MODALITIES.register_module()\n' in ended.out
    assert 'FAILED  compute repeats itself' in ended.out and 'passed  flip twice is no flip' in ended.out
    assert ' tests failed' in ended.out.splitlines()[-1] and 'Nameless breaks the contract' in ended.out


def test_loss_that_breaks_one_rule() -> None:
    ended = run('loss', 'unsound:Heavy')
    assert ended.code == 1 and 'FAILED  weight is applied' in ended.out
    assert ended.out.splitlines()[-1].startswith('Heavy breaks the contract of loss: 1 of ')


def test_recorded_maps_are_of_a_kind_that_the_modality_takes() -> None:
    ended = run('modality', 'unsound:Levels', '--args', 'steps=8')
    assert ended.code == 0, ended.out


def test_contract_of_the_plugins_own() -> None:
    ended = run('modality', 'tests.modalities.test_recorded:TestDepth16')
    assert ended.code == 0 and 'TestDepth16 keeps the contract of modality' in ended.out


@pytest.mark.parametrize('argv, message', [
    (('modality', 'Thermal'), "'Thermal': expected MODULE:CLASS, such as my_pkg:Thermal"),
    (('modality', 'nowhere:Thermal'), "nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
    (('modality', 'unsound:Blur'), "unsound has no class 'Blur'"),
    (('modality', 'unsound:number'), "unsound has no class 'number', it is 3"),
    (('modality', 'unsound:Levels'), "unsound:Levels cannot be built: .*'steps'; give its arguments with --args"),
    (('loss', 'unsound:Heavy', '--contract', 'leest=0'), "LossContract has no attribute 'leest'; known: .*least"),
    (('colour', 'unsound:Heavy'), "invalid choice: 'colour'")])
def test_wrong_usage(argv: tuple[str, ...], message: str) -> None:
    import re
    ended = run(*argv)
    assert ended.code == 2 and re.search(message, ended.err), ended.err
