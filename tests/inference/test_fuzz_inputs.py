"""The benchmark of damaged inputs, on a few of them; `benchmarks/fuzz_inputs.py` predicts ten thousand."""

import os
import re
import subprocess
import sys

import pytest

from tests import tiny


@pytest.mark.slow
def test_damaged_files_are_predicted_or_refused():
    command = [sys.executable, 'benchmarks/fuzz_inputs.py', '--count', '200', '--seed', '1']
    ended = subprocess.run(command, cwd=tiny.ROOT, capture_output=True, text=True, timeout=600,
                           env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    predicted, refused, *faults = map(int, re.search(r'^all +(.*)$', ended.stdout, re.MULTILINE)[1].split())
    assert predicted + refused == 200 and not any(faults)
    assert min(predicted, refused) > 40
    kinds = re.findall(r'^(\w[\w ]*?) +\d+ +\d+', ended.stdout, re.MULTILINE)
    assert len(kinds) - 1 >= 20, ended.stderr  # FFmpeg builds lack some codecs, and the benchmark says which
