"""What carries over from real to virtual video: train configs/drive_realtime.py with and without its parts, compare.

    python benchmarks/ablation.py /path/to/drive --out work_dirs/ablation

DRIVE is a data set in photoreal's layout with the videos that SPLIT names. Frames are cut to 16:9 and shrunk to
256x144. The virtual video that is measured on is never trained on; the real frames that it is compared with are the end
of a video whose beginning is. What is done already is not done again. `--settings` and `--iters` make it shorter.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from photoreal.config import check_config, load_config
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.writers import write_image, write_json

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/drive_realtime.py'
WIDTH, HEIGHT = 256, 144
SPLIT = {  # where a video goes: which video, and which of its frames
    'train/real/urban': ('train/real/urban', slice(0, 40)),
    'train/real/highway': ('train/real/highway', slice(None)),
    'train/virtual/street_b': ('train/virtual/street_b', slice(None)),
    'val/real/urban': ('train/real/urban', slice(40, None)),
    'val/virtual/street': ('val/virtual/street', slice(None)),
}
MIXED = ['unpaired=None', 'dropout=None', 'input_styles={}']
SETTINGS = {
    'a: blur only': [*MIXED, 'image=blur', "modalities={'blur': {'type': 'Blur', 'sigma': (1.0, 4.0)}}"],
    'b: mixed and randomised': MIXED,
    'c: b, dropout, styles': ['unpaired=None'],
    'd: c, unpaired': [],
    'e: b, dropout': ['unpaired=None', 'input_styles={}'],
}
EVALUATORS = [dict(type='PSNR', domain='real'), dict(type='WarpError', domain='virtual'),
              dict(type='EdgeAgreement', domain='virtual'), dict(type='Distribution', frames=40, crops=6)]


def prepare(drive: Path, out: Path, left_out: list[str]) -> None:
    """Make the data set at 256x144, without the videos ``left_out`` to train on; frames that are there stay."""
    for video, (origin, chosen) in SPLIT.items():
        if video.startswith('train/') and Path(video).name in left_out:
            continue
        for folder in sorted(path for path in (drive / origin).iterdir() if path.is_dir()):
            source = FolderSource(folder)
            for i in range(len(source))[chosen]:
                path = out / video / folder.name / f'{source.names[i]}.png'
                if not path.exists():
                    labels = folder.name != 'frames'
                    write_image(path, shrink(source.read([i], raw=labels)[0], labels))


def shrink(image: np.ndarray, labels: bool) -> np.ndarray:
    """Cut the middle of (H, W, c) to 16:9 and resize it to 256x144."""
    height, width = image.shape[:2]
    rows, columns = min(height, round(width * 9 / 16)), min(width, round(height * 16 / 9))
    top, left = (height - rows) // 2, (width - columns) // 2
    return cv2.resize(image[top:top + rows, left:left + columns], (WIDTH, HEIGHT),
                      interpolation=cv2.INTER_NEAREST if labels else cv2.INTER_AREA)


def train(data: Path, out: Path, overrides: list[str], iters: int, seed: int) -> None:
    """Train a setting in a process of its own, as a user would."""
    options = [*overrides, f'data_root={data}', f'seed={seed}', f'train_cfg.max_iters={iters}',
               f'param_scheduler.0.T_max={iters}', f'train_cfg.val_interval={iters}']
    subprocess.run([sys.executable, str(ROOT / 'tools/train.py'), str(CONFIG), '--work-dir', str(out), '--resume',
                    '--amp', '--cfg-options', *options], check=True)


def test(data: Path, out: Path, overrides: list[str]) -> dict:
    """Measure a trained setting."""
    from photoreal.engine import runner
    cfg = load_config(CONFIG, [*overrides, f'data_root={data}'])
    cfg.launcher, cfg.work_dir, cfg.test_evaluator = 'none', str(out / 'test/log'), EVALUATORS
    check_config(cfg)
    return runner.test(cfg, out, out / 'test')


def table(reports: dict[str, dict]) -> str:
    """The rows of all settings, and of what they have to beat, as Markdown."""
    columns = ['KID x1000', '± 95 %', 'FID', 'sKVD x1000', 'warping error', 'flicker', 'edges kept']
    lines = [' | '.join(['', 'virtual, against real video', *columns, '']).strip(),
             '|' + '---|' * (len(columns) + 1)]
    last = list(reports.values())[-1]  # blur alone has no labels to match crops by
    rows = {name: last['distribution'][row] for name, row in (
        ('rendered frames', 'untranslated'), ('Reinhard colour transfer', 'reinhard'),
        ('Lab histogram matching', 'lab_matching'), ('real video, held out', 'held_out_real'))}
    rows |= {name: report['distribution']['prediction'] for name, report in reports.items()}
    for name, row in rows.items():
        mean = reports[name]['mean'] if name in reports else {}
        if name == 'rendered frames':
            mean = {'virtual/warp_error': last['mean']['virtual/warp_error_input']}
        moved = [f'{mean[key]:.{digits}f}' if key in mean else '' for key, digits in (
            ('virtual/warp_error', 1), ('virtual/flicker', 2), ('virtual/edge_f1', 2))]
        found = [f'{row[key]:.0f}' if key in row else '' for key in ('kid', 'kid_ci95', 'fid', 'skvd')]
        lines.append('| ' + ' | '.join([name, *found, *moved]) + ' |')
    return '\n'.join(lines)


def sheet(data: Path, folders: list[Path], path: Path) -> None:
    """Some frames of the render beside what each setting made of them."""
    names = [f'{i:05d}.png' for i in (10, 70)]
    sources = [data / 'val/virtual/street/frames', *(folder / 'test/virtual/street' for folder in folders)]
    rows = [np.concatenate([cv2.imread(str(source / name))[..., ::-1] for source in sources], axis=1) for name in names]
    write_image(path, np.concatenate(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('drive', type=Path)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--settings', nargs='+', choices=[name[0] for name in SETTINGS],
                        default=list('abcd'))
    parser.add_argument('--iters', type=int, default=800)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--leave-out', nargs='+', default=[], metavar='VIDEO', help='do not train on these')
    args = parser.parse_args()
    data = args.out / 'data'
    prepare(args.drive, data, args.leave_out)
    reports = {}
    for name, overrides in SETTINGS.items():
        if name[0] not in args.settings:
            continue
        out = args.out / name[0]
        if not (out / 'latest.pth').exists():
            train(data, out, overrides, args.iters, args.seed)
        if not (out / 'test/metrics.json').exists():
            test(data, out, overrides)
        reports[name] = json.loads((out / 'test/metrics.json').read_text())
    sheet(data, [args.out / name[0] for name in reports], args.out / 'sheet.png')
    write_json(args.out / 'table.json', {name: report['mean'] for name, report in reports.items()})
    print(table(reports))


if __name__ == '__main__':
    main()
