"""A package with a plugin, laid out as pip installs one."""

from pathlib import Path

_MODULE = '''{preamble}
from photoreal.modalities import Modality
from photoreal.registry import MODALITIES


@MODALITIES.register_module()
class {name}(Modality):
    """The frame in the tones of an old photograph."""

    channels = 3

    def compute(self, frames):
        return frames

    def encode(self, x):
        return x.float() / 255
'''


def install(folder: Path, package: str, module: str, name: str, preamble: str = '') -> str:
    """Write a module with a modality and the metadata of its package; returns the folder to put on the path."""
    (folder / f'{module}.py').write_text(_MODULE.format(name=name, preamble=preamble))
    info = folder / f'{module}-1.0.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n')
    (info / 'top_level.txt').write_text(f'{module}\n')
    (info / 'entry_points.txt').write_text(f'[photoreal.plugins]\n{module} = {module}\n')
    return str(folder)
