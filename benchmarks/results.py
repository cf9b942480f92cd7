"""The tables of docs/results.md: train a recipe whole, and with each of its parts taken away, and compare.

    python benchmarks/results.py /path/to/drive --out work_dirs/results --docs docs/results.md

DRIVE is a data set in photoreal's layout. The last third of the real video is held out: nothing is trained on it, and
what it scores is as good as it gets. Nothing is trained on the virtual video that is measured either. Parts are found
in the config: its look, each loss of `unpaired`, the critic. Each setting is trained with every seed, one after the
other; what is done already is not done again, and a training that was broken off goes on. `--parts none` trains the
whole recipe alone, and `--seeds` without a number nothing, which leaves the rows that need no training.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from photoreal.config import check_config, load_config
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.writers import atomic_path, write_image, write_json
from photoreal.judging.footage import Footage, fit, open_footage
from photoreal.judging.table import USUAL, Setting, as_markdown, measure_rows
from photoreal.look import Look, fit_look

ROOT = Path(__file__).resolve().parents[1]
HELD_OUT_PART = 1 / 3
WHOLE = 'ours'
LOOK = 'look alone'
BEGIN, END = '<!-- results: begin -->', '<!-- results: end -->'
SHEET_FRAMES = (0.1, 0.5, 0.9)  # of the video
SHEET_HEIGHT = 180


def prepare(drive: Path, out: Path, real: str, virtual: str, street: str) -> None:
    """Make the data set that is trained on and predicted: the first two thirds of the real video, and the renders."""
    for video, part in ((f'train/real/{real}', 1 - HELD_OUT_PART), (f'train/virtual/{virtual}', 1),
                        (f'val/virtual/{street}', 1)):
        for folder in sorted(path for path in (drive / video).iterdir() if path.is_dir()):
            source = FolderSource(folder)
            for i in range(round(len(source) * part)):
                path = out / video / folder.name / source.file(i).name
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with atomic_path(path) as temporary:
                        shutil.copyfile(source.file(i), temporary)


def settings(config: Path, parts: str, look: Path) -> dict[str, list[str]]:
    """Name of a row -> overrides: the whole recipe, with the fitted look, and it without each of its parts."""
    cfg = load_config(config)
    whole = [f'look={look}']
    found = {WHOLE: whole}
    if parts == 'none':
        return found
    found['without the look'] = ['look=None']
    unpaired = cfg.get('unpaired') or {}
    for name, loss in (unpaired.get('losses') or {}).items():
        if loss and name != 'adversarial':
            found[f'without {name}'] = [*whole, f'unpaired.losses.{name}=None']
    if unpaired.get('critic'):
        found['without the critic'] = [*whole, 'unpaired.critic=None', 'unpaired.losses.adversarial=None']
    return found


def predict(config: Path, data: Path, out: Path, overrides: list[str], seed: int, iters: int | None) -> Path:
    """Train a setting and predict with it, unless that is done; the folder of the predictions."""
    options = [*overrides, f'data_root={data}', f'seed={seed}']
    if iters is not None:
        options += [f'{key}={iters}' for key in ('train_cfg.max_iters', 'train_cfg.val_interval',
                                                 'param_scheduler.0.T_max')]
    if not (out / 'test/metrics.json').exists():
        subprocess.run([sys.executable, str(ROOT / 'tools/train.py'), str(config), '--work-dir', str(out), '--resume',
                        '--amp', '--cfg-options', *options], check=True)
        from photoreal.engine import runner
        cfg = load_config(config, options)
        cfg.launcher, cfg.work_dir = 'none', str(out / 'test/log')
        cfg.test_evaluator = [dict(type='EdgeAgreement', domain='virtual')]  # the tables have all the others
        runner.choose_domains(cfg, ['virtual'])
        check_config(cfg)
        runner.test(cfg, out, out / 'test')
    return out / 'test'


def fitted_look(virtual: Path, real: Path) -> Look:
    """The look of the training data, by every fourth frame and its labels."""
    sides = []
    for video in (virtual, real):
        frames, labels = (FolderSource(video / name) for name in ('frames', 'segmentation'))
        chosen = range(0, len(frames), 4)
        sides.append((frames.read(chosen), labels.read(chosen, raw=True)[..., 0].astype(np.uint8)))
    (virtual_frames, virtual_labels), (real_frames, real_labels) = sides
    return fit_look(virtual_frames, real_frames, virtual_labels, real_labels)


def sheet(rows: dict[str, Footage], real: Footage, path: Path) -> None:
    """Some frames of each row, from the left as in the table, and real ones last."""
    lines = []
    for share in SHEET_FRAMES:
        videos = [*rows.values(), real]
        frames = [fit(video.read(int(share * (len(video) - 1))), SHEET_HEIGHT) for video in videos]
        lines.append(np.concatenate(frames, axis=1))
    write_image(path, np.concatenate(lines))


def insert(tables: str, page: Path) -> None:
    """Put tables between the marks of a page."""
    text = page.read_text(encoding='utf-8')
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f'{page}: found no {BEGIN} and {END}; expected both, with the tables between them')
    with atomic_path(page) as temporary:
        temporary.write_text(f'{before}{begin}\n{tables}\n{end}{after}', encoding='utf-8')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('drive', type=Path)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--config', type=Path, default=ROOT / 'configs/photoreal_drive.py')
    parser.add_argument('--seeds', type=int, nargs='*', default=[0, 1, 2])
    parser.add_argument('--parts', choices=['each', 'none'], default='each', help='what to take away')
    parser.add_argument('--iters', type=int, help="train as long as this (default: the config's)")
    parser.add_argument('--real', default='urban', help='video of train/real (default: urban)')
    parser.add_argument('--virtual', default='street_b', help='video of train/virtual (default: street_b)')
    parser.add_argument('--street', default='street', help='video of val/virtual to measure on (default: street)')
    parser.add_argument('--encoder', action='append', help='see tools/compare.py')
    parser.add_argument('--docs', type=Path, help='put the tables into this page')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    data, render = args.out / 'data', args.drive / 'val/virtual' / args.street
    prepare(args.drive, data, args.real, args.virtual, args.street)
    source = open_footage(render)
    look = fitted_look(data / 'train/virtual' / args.virtual, data / 'train/real' / args.real)
    look.save(args.out / 'look.cube')
    rows: dict[str, Sequence[Footage]] = {LOOK: [replace(source, change=look.apply)]}
    for name, overrides in settings(args.config, args.parts, args.out / 'look.cube').items() if args.seeds else ():
        folders = [args.out / name.replace(' ', '_') / f'seed{seed}' for seed in args.seeds]
        rows[name] = [open_footage(predict(args.config, data, folder, overrides, seed, args.iters))
                      for folder, seed in zip(folders, args.seeds, strict=True)]
    real, held_out = open_footage(args.drive / 'train/real' / args.real).split(1 - HELD_OUT_PART)
    setting = Setting(source, [real], [held_out], open_footage(render / 'segmentation'))
    encoders = args.encoder or USUAL
    measured = measure_rows(setting, rows, encoders, lambda text: print(text, file=sys.stderr, flush=True))
    tables = as_markdown(measured, encoders)
    write_json(args.out / 'table.json', {row.name: {'values': {key: asdict(value) for key, value in row.values.items()},
                                                    'spread': row.spread} for row in measured})
    sheet({'render': source} | {name: videos[0] for name, videos in rows.items()}, held_out, args.out / 'sheet.jpg')
    if args.docs:
        insert(tables, args.docs)
    print(tables)


if __name__ == '__main__':
    main()
