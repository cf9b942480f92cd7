"""The table of the model zoo, from the file of metadata beside each config."""

import re
from functools import cache
from typing import Any

import yaml

from docs._generate.components import ROOT
from docs._generate.examples import configs
from photoreal.modalities import build_modalities
from photoreal.registry import GENERATORS

# Every file has these keys. Measured values stand with the command that gives them.
REQUIRED = {'summary': str, 'paper': str, 'data': str, 'train': str, 'metrics': dict, 'speed': dict,
            'weights': (str, dict)}
NO_WEIGHTS = 'none published'


@cache
def metadata() -> dict[str, dict[str, Any]]:
    """Name of a config -> what ``configs/<name>.meta.yml`` says; {} where there is none."""
    paths = {name: ROOT / f'configs/{name}.meta.yml' for name in configs()}
    return {name: yaml.safe_load(path.read_text('utf-8')) if path.is_file() else {} for name, path in paths.items()}


def faults() -> list[str]:
    """What is wrong with the metadata."""
    found = [f'{path.name}: there is no config of that name' for path in (ROOT / 'configs').glob('*.meta.yml')
             if path.name.removesuffix('.meta.yml') not in configs()]
    for name, meta in metadata().items():
        where = f'configs/{name}.meta.yml'
        if not meta:
            found.append(f'{where}: missing; every config has one, see configs/demo.meta.yml')
            continue
        found += [f'{where}: {key}: expected, as in configs/demo.meta.yml' for key, kind in REQUIRED.items()
                  if not isinstance(meta.get(key), kind)]
        found += [f'{where}: {key}: unknown; expected {", ".join(REQUIRED)}' for key in meta.keys() - REQUIRED.keys()]
        found += [f'{where}: {key}: has values and no command that gives them' for key in ('metrics', 'speed')
                  if meta.get(key) and 'command' not in meta[key]]
        weights = meta.get('weights')
        if weights != NO_WEIGHTS and not (isinstance(weights, dict) and {'file', 'sha256'} <= weights.keys()):
            found.append(f"{where}: weights: expected '{NO_WEIGHTS}', or file and sha256")
    return found


def parameters(name: str) -> int:
    """Parameters of a config's generator, counted."""
    model = configs()[name].model
    channels = sum(modality.channels for modality in build_modalities(model.modalities).values())
    net = GENERATORS.build(dict(model.generator, in_channels=channels))
    return sum(parameter.numel() for parameter in net.parameters())


def speed(meta: dict[str, Any]) -> str:
    """The second cell of the row that the metadata names in docs/benchmarks.md, which is its only home."""
    rows = re.findall(r'^\| (.+?) \| (.+?) \|', (ROOT / 'docs/benchmarks.md').read_text('utf-8'), re.MULTILINE)
    found = [cell for name, cell in rows if 'row' in meta and name == meta['row']]
    return f'[{found[-1]}](benchmarks.md#generators) ({meta["of"]})' if found else 'not measured'


def table() -> str:
    """A row for each config, and below it the commands that the values come from."""
    head = '| config | what | paper | parameters | data | metrics | frames/s | weights |\n' + '|---' * 8 + '|\n'
    rows, commands = [], []
    for name, meta in metadata().items():
        metrics = ', '.join(f'{k} {v}' for k, v in meta['metrics'].items() if k != 'command') or 'not measured'
        weights = meta['weights'] if isinstance(meta['weights'], str) else \
            f'{meta["weights"]["file"]}, SHA-256 {meta["weights"]["sha256"]}'
        rows.append(f'| `{name}.py` | {meta["summary"]} | {meta["paper"]} | {parameters(name) / 1e6:.2f} M | '
                    f'{meta["data"]} | {metrics} | {speed(meta["speed"])} | {weights} |')
        lines = [meta['train'], *(meta[key]['command'] for key in ('metrics', 'speed') if meta[key])]
        commands.append(f'### {name}\n\n```\n' + '\n'.join(dict.fromkeys(lines)) + '\n```')
    return head + '\n'.join(rows) + '\n\n## Commands\n\n' + '\n\n'.join(commands)
