"""Where the processor time goes before the work begins: predicting one second of small video, and a training up to the
end of its first iteration.

    python benchmarks/startup.py
    python benchmarks/startup.py --only infer --rounds 5

Seconds are those of the processor in the main process, of the quickest of some rounds, so that what else the machine
does counts little; the ratio is to importing torch, OpenCV, PyAV and NumPy, which no start gets below. PYTHONPATH
decides which photoreal is measured.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BARE = 'import torch, cv2, av, numpy'


class Phases:
    """Processor seconds of this process by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = 0.0  # so that the start of the interpreter counts, too

    def end(self, name: str) -> None:
        """The phase of this name ends here."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        now = used.ru_utime + used.ru_stime
        self.seconds[name] = now - self._last
        self._last = now


def infer(folder: Path, phases: Phases) -> None:
    """Predict one second of 640x360 with a bundle of ``nano``, as ``photoreal infer`` does."""
    exec(BARE)
    phases.end(BARE)
    from photoreal.bundle import load_model
    from photoreal.inference import VideoEnhancer, enhance_file
    from photoreal.inference.forecast import forecast
    phases.end('other imports')
    enhancer = VideoEnhancer(load_model(folder / 'nano.safetensors'))
    phases.end('load the model')
    forecast(enhancer, 360, 640)
    phases.end('forecast')
    enhance_file(enhancer, folder / 'in.mp4', folder / 'out.mp4')
    phases.end('25 frames')


def train(folder: Path, phases: Phases) -> None:
    """Train the demo on the sample up to the end of the first iteration."""
    exec(BARE)
    phases.end(BARE)
    from photoreal.config import check_config, load_config
    cfg = load_config(ROOT / 'configs/demo.py', ['train_dataloader.num_workers=0', f'work_dir={folder / "run"}',
                                                 f'data_root={ROOT / "data/sample"}'])
    check_config(cfg)
    phases.end('config, with the imports of all plugins')
    from mmengine.hooks import Hook
    from mmengine.registry import HOOKS

    from photoreal.engine import runner
    phases.end('other imports')

    @HOOKS.register_module()
    class EndHook(Hook):
        """Ends the process after the first iteration."""

        def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
            phases.end('build, try an iteration, show the config')

        def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
            phases.end('the first iteration')
            finish(phases)

    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='EndHook')]
    runner.train(cfg)


def finish(phases: Phases) -> None:
    """Hand the numbers over, and end without more ado."""
    print('\n' + json.dumps(phases.seconds), flush=True)
    os._exit(0)


def make(folder: Path) -> None:
    """What is predicted, and with what."""
    import cv2
    import numpy as np

    from photoreal.bundle import load_untrained, save_bundle
    from photoreal.datasets.video_writers import VideoWriter
    save_bundle(load_untrained(ROOT / 'configs/realtime_nano.py'), folder / 'nano.safetensors')
    scene = cv2.resize(np.random.default_rng(0).integers(0, 256, (40, 70, 3), dtype=np.uint8), (700, 400))
    with VideoWriter(folder / 'in.mp4', 25) as writer:
        for i in range(25):
            writer.write(scene[i:i + 360, i:i + 640])


def measure(what: str, rounds: int, folder: Path) -> dict[str, float]:
    """Phase -> its seconds in the quickest round."""
    best: dict[str, float] = {}
    for k in range(rounds):
        (folder / str(k)).mkdir(exist_ok=True)
        for name in ('nano.safetensors', 'in.mp4'):
            (folder / str(k) / name).unlink(missing_ok=True)
            os.link(folder / name, folder / str(k) / name)
        process = subprocess.run([sys.executable, __file__, '--child', what, '--folder', str(folder / str(k))],
                                 cwd=ROOT, capture_output=True, text=True)
        if process.returncode:
            raise SystemExit(f'{what}: {process.stderr}')
        for phase, seconds in json.loads(process.stdout.splitlines()[-1]).items():
            best[phase] = min(best.get(phase, seconds), seconds)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=['infer', 'train'])
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--child', choices=['infer', 'train', 'make'], help=argparse.SUPPRESS)
    parser.add_argument('--folder', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child == 'make':
        make(args.folder)
        return
    if args.child:
        phases = Phases()
        {'infer': infer, 'train': train}[args.child](args.folder, phases)
        finish(phases)
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, __file__, '--child', 'make', '--folder', name], cwd=ROOT, check=True)
        for what in [args.only] if args.only else ['infer', 'train']:
            found = measure(what, args.rounds, Path(name))
            print(f'\n{what}: {"phase":<44}  seconds  ratio')
            for phase, seconds in [*found.items(), ('all', sum(found.values()))]:
                print(f'{phase:<{len(what) + 46}}  {seconds:7.2f}  {seconds / found[BARE]:5.2f}')


if __name__ == '__main__':
    main()
