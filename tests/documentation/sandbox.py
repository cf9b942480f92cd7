"""A folder in which the documentation's commands find what they name, small enough to run them."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from photoreal.config import default_work_dir, load_config
from photoreal.datasets.pack import pack
from photoreal.datasets.sources import open_source
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_json
from tests import tiny
from tests.tiny import Ended

OUTPUTS = ('--out', '--report', '--html', '--json', '--pairs', '--work-dir', '--note')
PLACEHOLDERS = {'CONFIG': 'configs/demo.py', 'ROOT': 'data/mine', 'CKPT': 'work_dirs/demo', 'RUN_DIR': 'work_dirs/demo',
                'VIDEO': 'drive.mp4', 'BUNDLE': 'model.safetensors'}
LEFT_OUT = ('--compile', '--device')  # what takes a minute, and what this machine may not have
VIDEO_SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm')
SMALL = {
    'FRNet': dict(mid_channels=8, num_blocks=1, flow_channels=4),
    'RecurrentUNet': dict(width=8, blocks=(1, 1)),
}
VOTE = {'pairs': [{'pair': 0, 'left': 'ours', 'right': 'render'}],  # answers to pairs, and a key
        'answers': [{'pair': 0, 'choice': 'left', 'confidence': 2}]}
CONFIG = """
_base_ = {base!r}
experiment_name = 'docs' + str(__import__('time').time_ns())
clip_length = 3
crop_size = 32
model = dict(generator={generator}{losses})
train_dataloader = dict(batch_size=2, num_workers=0)
val_dataloader = dict(num_workers=0, dataset=dict(max_frames=2))
test_dataloader = dict(num_workers=0, dataset=dict(max_frames=4))
load_from = None
val_evaluator = [dict(type='PSNR', domain='real')]
test_evaluator = [dict(type='PSNR', domain='real'), dict(type='WarpError', domain='virtual')]
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=2))
"""


def shortened(tool: str, arguments: list[str]) -> list[str]:
    """Arguments with frames and counts that take no time."""
    if tool == 'benchmark' and arguments[0] == 'data':
        return [*arguments, '--clips', '2', '--batches', '1', '--steps', '1']
    if tool == 'compare':
        return [*arguments, '--patch', '32', '--frames', '4']
    return ['32x48' if re.fullmatch(r'\d{3,}p|\d{3,}x\d{3,}', word) else word for word in arguments]


class Sandbox:
    """What commands of the documentation find in their working directory.

    Args:
        folder: Where it is made.
        data: Root of a small data set.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        for name in ('sample', 'mine', 'drive'):
            shutil.copytree(data, folder / 'data' / name)
        virtual = folder / 'data/mine/val/virtual'
        (virtual / 'game').rename(virtual / 'street')  # so that game.mp4 can be added
        for name in ('mine', 'drive'):
            shutil.copytree(data / 'val/virtual/game', folder / 'data' / name / 'train/virtual/street')  # to learn from
        for config in (tiny.ROOT / 'configs').glob('*.py'):
            self._write_config(config)
        self.trained: dict[str, Path] = {}

    def run(self, command: str) -> Ended:
        """Run one command that calls a tool, in this process."""
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(command)]
        while re.match(r'[A-Z_]+=', words[0]):
            words.pop(0)
        if words[0] == 'photoreal':
            tool, arguments = words[1].replace('-', '_'), words[2:]
        else:
            tool, arguments = Path(words[1]).stem, words[2:]
        arguments = [re.sub(r'/path(/to/\w+)?', 'data/mine', word) for word in arguments if word not in LEFT_OUT]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            self._provide(tool, arguments)
            if tool == 'train' and '--resume' not in arguments:  # another command's run would not be written over
                named = arguments[arguments.index('--work-dir') + 1] if '--work-dir' in arguments else None
                shutil.rmtree(named or default_work_dir(arguments[0]), ignore_errors=True)
            return tiny.run(tool, *shortened(tool, arguments))

    def _provide(self, tool: str, arguments: list[str]) -> None:
        """Make what a command reads and does not find."""
        option, positional = '', 0
        config = next((word for word in arguments if word.startswith('configs/')), 'configs/demo.py')
        for word in arguments:
            if word.startswith('--'):
                option = word
                continue
            positional += not option
            if option in OUTPUTS:
                continue
            if tool == 'pack_data' and positional == 2 and not option:
                Path(word).unlink(missing_ok=True)  # of another command
                continue
            self._make(word.rpartition('=')[2], config)

    def _make(self, name: str, config: str) -> None:
        path = Path(name)
        is_path = re.search(r'[/.*]', name) and name.strip('0123456789.') and not name.startswith(('-', '/'))
        if path.exists() or not is_path:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if '*' in name:
            self._make(name.replace('*', 'one'), config)
        elif path.suffix in VIDEO_SUFFIXES:
            self._video(path)
        elif path.suffix == '.safetensors':
            ended = tiny.run('export', config, '--checkpoint', self._train(config), '--out', path)
            assert ended.code == 0, ended.err
        elif path.suffix == '.json':
            write_json(path, {'noise': 0.005} if path.stem == 'camera' else VOTE)
        elif path.suffix == '.lmdb':
            pack(self.data, path)
        elif path.suffix == '.py':
            self._write_config(tiny.ROOT / 'configs/demo.py', path)
        elif path.suffix == '.pth':
            path.parent.rmdir()
            shutil.copytree(self._train(config), path.parent)
        elif path.parts[0] == 'data' and len(path.parts) == 2:
            shutil.copytree(self.data, path)
        elif path.parts[0] == 'work_dirs' and path.name != 'test':
            shutil.copytree(self._train(config), path)
        elif path.parts[0] == 'work_dirs':
            self._make(str(path.parent), config)
            ended = tiny.run('test', config, '--checkpoint', path.parent)
            assert ended.code == 0, ended.err
        elif not path.suffix:
            shutil.copytree(self.data / 'val/virtual/game/frames', path)

    def _train(self, config: str) -> Path:
        """A finished run of a config."""
        if config not in self.trained:
            folder = Path('trained') / Path(config).stem
            ended = tiny.run('train', config, '--work-dir', folder)
            assert ended.code == 0, ended.err
            self.trained[config] = folder.resolve()
        return self.trained[config]

    def _video(self, path: Path) -> None:
        source = open_source(self.data / 'val/virtual/game', 'frames')
        with VideoWriter(path, source.fps) as writer:
            for frame in source.read(range(len(source))):
                writer.write(frame)

    def _write_config(self, config: Path, path: Path | None = None) -> None:
        """A config of the same name that inherits the shipped one, with small networks and few iterations."""
        path = path or self.folder / 'configs' / config.name
        cfg = load_config(config)
        losses = ', losses=dict(perceptual=None)' if 'perceptual' in cfg.model.losses else ''
        if 'structure' in ((cfg.unpaired or {}).get('losses') or {}) and cfg.unpaired.get('crop_size', 0) > 32:
            unpaired = 'unpaired = dict(crop_size=32, losses=dict(structure=None))  # frames are small\n'
        else:
            unpaired = ''
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(unpaired + CONFIG.format(base=str(config), losses=losses,
                                      generator=SMALL.get(cfg.model.generator.type, dict())))
