import os
import sys

import numpy as np
import pytest

from photoreal.errors import ConfigError, DataError, PhotorealError
from photoreal.prepare import LocalEngine, RayEngine, find_footage, prepare
from photoreal.prepare.engines import Task
from photoreal.testing.modality import street_frames
from tests.datasets.helpers import write_folder
from tests.prepare.helpers import files, run, settings


def double(shared, number):
    if number == 3:
        raise DataError('three')
    return shared[0] * number, os.getpid()


def die(shared):
    os._exit(1)


def fail(shared):
    raise ZeroDivisionError


def refuse(shared):
    raise ConfigError('no such estimator')


def ray_errors():
    return pytest.importorskip('ray', reason="Ray is not installed: pip install 'photoreal[cluster]'").exceptions


def check_outcomes(engine, in_this_process=False):
    outcomes = {o.number: o for o in engine.run([Task(double, [2], (number,)) for number in range(5)])}
    assert sorted(outcomes) == list(range(5))
    assert outcomes[3].fault == 'three' and outcomes[3].value is None
    assert [outcomes[i].value[0] for i in (0, 1, 2, 4)] == [0, 2, 4, 8]
    assert all((outcomes[i].value[1] == os.getpid()) == in_this_process for i in (0, 1, 2, 4))


def test_local_engine():
    with LocalEngine(1) as engine:
        check_outcomes(engine, in_this_process=True)
        with pytest.raises(ZeroDivisionError):
            list(engine.run([Task(fail, None)]))
    with LocalEngine(2) as engine:
        check_outcomes(engine)
        with pytest.raises(PhotorealError, match='fewer --workers'):
            list(engine.run([Task(die, None)] * 2))
    with pytest.raises(ConfigError, match='workers=0'):
        LocalEngine(0)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # Ray has warnings of its own
def test_ray_makes_the_same_data_set(tmp_path, monkeypatch):
    ray_errors()
    # Ray's workers import what is pickled for them, as an installed photoreal would be.
    monkeypatch.setenv('PYTHONPATH', os.getcwd())
    clips = [write_folder(tmp_path / name, street_frames(np.random.default_rng(i), 3, 24, 32))
             for i, name in enumerate('ab')]
    cut = write_folder(tmp_path / 'cut', street_frames(np.random.default_rng(5), 2, 24, 32))
    (cut / '00001.png').write_bytes((cut / '00001.png').read_bytes()[:50])
    configs = {'edges': dict(type='Edges')}
    footage, _ = find_footage([str(path) for path in (*clips, cut)])
    with RayEngine(workers=1) as engine:
        check_outcomes(engine)
        with pytest.raises(ConfigError, match='^no such estimator$'):
            list(engine.run([Task(refuse, None)]))
        with pytest.raises(ZeroDivisionError):
            list(engine.run([Task(fail, None)]))
        with pytest.raises(PhotorealError, match='lost a task.*run the same command again'):
            list(engine.run([Task(die, None)]))
        summary = prepare(footage, settings(tmp_path / 'ray'), engine, configs)
    assert summary.written == {'a': 3, 'b': 3} and '00001.png' in summary.faults[0]
    run(clips, tmp_path / 'local', configs)
    assert files(tmp_path / 'ray') == files(tmp_path / 'local')


@pytest.mark.filterwarnings('ignore')
def test_ray_that_cannot_be_reached_is_named(monkeypatch):
    ray_errors()
    monkeypatch.setenv('RAY_ADDRESS', 'local:nonsense')
    with pytest.raises(ConfigError, match='^RAY_ADDRESS=local:nonsense: cannot be reached'), RayEngine():
        pass
    monkeypatch.delenv('RAY_ADDRESS')
    with pytest.raises(ConfigError, match='^--ray-address local:nonsense: cannot be reached'), \
            RayEngine('local:nonsense'):
        pass


def test_ray_with_no_workers():
    ray_errors()
    with pytest.raises(ConfigError, match='workers=0'):
        RayEngine(workers=0)


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with pytest.raises(ConfigError, match=r"pip install '\.\[cluster\]'"):
        RayEngine()


