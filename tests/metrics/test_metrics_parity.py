"""The metrics reproduce what the TecoGAN authors' evaluation computes."""

import json
from pathlib import Path

import pytest

from photoreal.metrics import PSNR, SSIM, TOF
from tests.goldens import rules

ENTRIES = json.loads(Path(rules.__file__).with_name('metrics_reference.json').read_text())
METRIC_OF = {'psnr_y': PSNR, 'ssim': SSIM, 'tof': TOF}


@pytest.mark.parity
@pytest.mark.parametrize('entry', ENTRIES, ids=lambda e: f"{e['protocol']}-{e['t']}x{e['h']}x{e['w']}-seed{e['seed']}")
def test_reference_values_per_frame_and_mean(entry, stream):
    truth, pred = rules.metric_pair(entry['t'], entry['h'], entry['w'], entry['seed'])
    assert entry['per_frame'].keys() == entry['mean'].keys()
    for name, expected in entry['per_frame'].items():
        metric = METRIC_OF[name](protocol=entry['protocol'])
        metric.process(None, stream(pred, truth))
        found = [values[name] for _, values in metric.results if name in values]
        assert found == pytest.approx(expected, abs=1e-4), name
        assert metric.evaluate(len(truth))[f'real/{name}'] == pytest.approx(entry['mean'][name], abs=1e-4), name
