"""What a run says of itself before it begins."""

import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from photoreal.config import load_config
from photoreal.engine import forecast
from photoreal.engine.forecast import Trial, describe_forecast
from photoreal.engine.preflight import build_parts
from photoreal.engine.runner import build_runner
from tests import tiny
from tests.conftest import Run

FORECAST = re.compile(r'forecast: (\S+) s an iteration on the CPU, \d\.\d GB of memory; (\d+) iterations, validations '
                      r'aside: (\d:\d\d:\d\d)')


def test_comes_before_the_first_iteration_and_changes_nothing(trained: Run, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('photoreal.engine.runner._SHORT', 0)
    ended = tiny.run('train', trained.config, '--work-dir', tmp_path / 'run', options=['resume=False'])
    assert ended.code == 0, ended.err
    found = FORECAST.search(ended.out)
    assert found and found[2] == '4' and found.end() < ended.out.index('Iter(train) [1/4]')
    assert 'forecast: ' in next((tmp_path / 'run').glob('*/*.log')).read_text()
    without, with_it = (torch.load(folder / 'latest.pth', weights_only=True)
                        for folder in (trained.work_dir, tmp_path / 'run'))
    for part in ('state_dict', 'optimizer', 'random_states'):
        assert tiny.equal(without[part], with_it[part]), part


def test_a_dry_run_has_it_too(trained: Run) -> None:
    ended = tiny.run('train', trained.config, '--dry-run', options=['train_cfg.max_iters=500'])
    assert ended.code == 0, ended.err
    found = FORECAST.search(ended.out)
    assert found and found[2] == '500' and 'one test step: real/lane -> 56x40' in ended.out


@pytest.mark.parametrize(('seconds', 'found'), [
    (1.0, None),
    (30.0, 'no GPU is seen here: --cfg-options train_dataloader.batch_size=1 clip_length=4 crop_size=64 would take '
           'about 21 h; configs/demo.py'),
    (100.0, 'crop_size=64 train_cfg.max_iters=34000 would take about 24 h; configs/demo.py'),
    (1e5, 'take a smaller model, or train on a GPU; configs/demo.py')])
def test_what_takes_too_long_comes_with_what_to_do(seconds: float, found: str | None) -> None:
    cfg = load_config(tiny.ROOT / 'configs/tecogan_multimodal.py')
    lines = describe_forecast(cfg, Trial(seconds, 3 * 10 ** 9, {}))
    assert lines[0].startswith(f'forecast: {seconds:.3g} s an iteration on the CPU, 3.0 GB of memory; 100000 iter')
    assert re.search(found, lines[1]) if found else len(lines) == 1


class FlopClock(FlopCounterMode):
    """A clock that goes on by what is computed, however quick the machine is."""

    def __init__(self, second: float) -> None:
        super().__init__(display=False)
        self._second = second  # in FLOP

    def perf_counter(self) -> float:
        return self.get_total_flops() / self._second


# MMEngine names runs by the second: two that begin in the same one share a scope, of which it warns.
@pytest.mark.filterwarnings('ignore:.*has been created:UserWarning')
@pytest.mark.parametrize('second', [1.0, 1e12], ids=['slow, one step is tried', 'quick, two steps are'])
@pytest.mark.parametrize('options', [
    [], ['crop_size=24', 'clip_length=4', 'train_dataloader.batch_size=4', 'model.micro_batches=2'],
    ['model.discriminator=None', 'model.losses.adversarial=None']], ids=['', 'accumulated', 'without a discriminator'])
def test_it_is_the_time_of_one_iteration_of_the_run(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                    options: list[str], second: float) -> None:
    cfg = load_config(trained.config, [f'work_dir={tmp_path}', 'model.update_threshold=None', *options])
    with FlopClock(second) as run:
        build_runner(cfg, ('train',)).train()
    with FlopClock(second) as clock, monkeypatch.context() as patch:
        patch.setattr(forecast, 'time', clock)
        trial = forecast.try_iteration(cfg, build_parts(cfg, ('train',)))
    iteration = run.perf_counter() / cfg.train_cfg.max_iters
    assert trial.seconds == pytest.approx(iteration) and trial.seconds > 1e6 / second
    assert clock.perf_counter() == pytest.approx(iteration * (2 if second > 1 else 1))
