"""The dtype to compute in, by name, device and processor."""

from collections.abc import Iterator

import pytest
import torch

from photoreal import precision
from photoreal.errors import ConfigError
from photoreal.precision import choose_dtype, convolution_peaks, has_quick_bfloat16

CPU = torch.device('cpu')
X86 = dict(architecture='x86_64', avx2=True)
AVX512 = X86 | dict(avx512_f=True, avx512_dq=True, avx512_vnni=True)
ARM = dict(architecture='arm64', neon=True, fp16_arith=True, dot=True)


@pytest.fixture
def afresh() -> Iterator[None]:
    """What 'auto' is on this CPU is asked once a process."""
    precision._cpu_dtype.cache_clear()
    yield
    precision._cpu_dtype.cache_clear()


@pytest.mark.parametrize(('capabilities', 'expected'), [
    pytest.param(X86, False, id='Haswell, Zen 3'),
    pytest.param(AVX512, False, id='Skylake-X, Ice Lake'),
    pytest.param(AVX512 | dict(avx512_bf16=True, amx_bf16=False), True, id='Zen 4, Zen 5, Cooper Lake'),
    pytest.param(AVX512 | dict(avx512_bf16=True, amx_bf16=True), True, id='Sapphire Rapids'),
    pytest.param(X86 | dict(avx_ne_convert=True), None, id='Arrow Lake'),
    pytest.param(ARM | dict(bf16=False, i8mm=False), False, id='Neoverse N1'),
    pytest.param(ARM | dict(bf16=True, i8mm=True), None, id='Neoverse V1'),
    pytest.param(dict(architecture='ppc64'), None, id='POWER')])
def test_the_processor_tells(capabilities: dict, expected: bool | None) -> None:
    assert has_quick_bfloat16(capabilities) is expected


@pytest.mark.parametrize(('capabilities', 'expected'), [
    (AVX512, torch.float32), (AVX512 | dict(avx512_bf16=True), torch.bfloat16)])
def test_auto_takes_what_the_processor_tells(
        capabilities: dict, expected: torch.dtype, afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: capabilities)
    assert choose_dtype('auto', CPU) == expected


def test_auto_measures_where_the_processor_does_not_tell(afresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: ARM | dict(bf16=True, i8mm=True))
    monkeypatch.setattr(precision, '_SECONDS', 0.0)
    run = []
    handle = torch.nn.modules.module.register_module_forward_hook(lambda module, args, out: run.append(out.dtype))
    try:
        chosen = [choose_dtype('auto', CPU) for _ in range(2)]
    finally:
        handle.remove()
    assert run == 2 * [torch.float32, torch.bfloat16]  # once a process
    assert chosen[0] == chosen[1] and chosen[0] in run


def test_peaks_are_those_of_each_dtype() -> None:
    peaks = convolution_peaks(CPU, [torch.float32, torch.bfloat16], rounds=1)
    assert list(peaks) == [torch.float32, torch.bfloat16] and all(1e8 < peak < 1e15 for peak in peaks.values())


def test_names_and_other_devices() -> None:
    assert [choose_dtype(name, CPU) for name in ('fp32', 'bf16', 'fp16')] == \
        [torch.float32, torch.bfloat16, torch.float16]
    assert choose_dtype('auto', torch.device('mps')) == torch.float32
    with pytest.raises(ConfigError, match="dtype='half': expected auto, fp32, bf16, fp16"):
        choose_dtype('half', CPU)
