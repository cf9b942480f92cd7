"""What depends on numerics holds under every instruction set that the processor can pretend to stop at."""

import os
import subprocess
import sys
from functools import cache

import pytest
import torch

from tests.tiny import ROOT

# oneDNN's name -> ATen's, and what a processor must have for it, as torch names that.
SETS = {
    'AVX2': ('avx2', 'avx2'),
    'AVX512_CORE': ('avx512', 'avx512_dq'),
    'AVX512_CORE_BF16': ('avx512', 'avx512_bf16'),
    'AVX512_CORE_AMX': ('avx512', 'amx_bf16'),
}
NUMERIC = ('tests/engine/test_precision.py', 'tests/models/generators', 'tests/models/discriminators',
           'tests/models/test_parity.py', 'tests/metrics/test_metrics_parity.py')
SHOW = """
import torch
torch.nn.Conv2d(64, 64, 3)(torch.rand(2, 64, 64, 64))
print('ATen:', torch.backends.cpu.get_cpu_capability())
"""


@pytest.mark.slow
@pytest.mark.parametrize('name', SETS)
def test_numerics_hold_with(name: str) -> None:
    capability, needed = SETS[name]
    if not torch.cpu.get_capabilities().get(needed):
        pytest.skip(f'this processor lacks {needed}')
    restricted = {'ONEDNN_MAX_CPU_ISA': name, 'ATEN_CPU_CAPABILITY': capability}
    if _in_use(*restricted.items()) == _in_use():
        pytest.skip(f'{name} is what this processor uses, and all tests with it')
    ended = _python(restricted, '-m', 'pytest', '-q', '-x', '-m', '', '-p', 'no:cacheprovider', *NUMERIC)
    assert ended.returncode == 0, f'{ended.stdout[-5000:]}\n{ended.stderr[-2000:]}'


@cache
def _in_use(*restricted: tuple[str, str]) -> list[str]:
    """What oneDNN and ATen say of the instructions that they use."""
    ended = _python({**dict(restricted), 'ONEDNN_VERBOSE': '1'}, '-c', SHOW)
    found = [line for line in ended.stdout.splitlines() if 'cpu,isa:' in line or line.startswith('ATen:')]
    assert len(found) == 2, ended
    return found


def _python(environment: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    usual = {name: value for name, value in os.environ.items()
             if name not in ('ONEDNN_MAX_CPU_ISA', 'ATEN_CPU_CAPABILITY')}
    return subprocess.run([sys.executable, *args], cwd=ROOT, env=usual | environment, capture_output=True, text=True)
