"""Predict every video of the test data, real and virtual, measure the predictions and make a report of them; or
compare two checkpoints, or two folders of predictions.

example: python tools/test.py configs/tecogan_multimodal.py --checkpoint work_dirs/tecogan_multimodal/latest.pth
         python tools/test.py configs/tecogan_multimodal.py --compare work_dirs/first work_dirs/second
"""

import argparse
from pathlib import Path

from photoreal.cli import ToolParser, add_config_options


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    add_config_options(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--checkpoint', help='a checkpoint, a work dir (its latest.pth is taken), or a URL of either')
    what.add_argument('--compare', nargs=2, metavar=('A', 'B'),
                      help='differences of two checkpoints, or of two output folders of earlier tests')
    parser.add_argument('--out', help='where predictions go (default: a folder test/ beside the checkpoint; '
                                      "of a URL: in the config's work dir; of a comparison: "
                                      'work_dirs/comparison); an earlier test there is replaced')
    parser.add_argument('--domains', nargs='+', choices=['real', 'virtual'], help="only these (default: the config's)")
    args = parser.parse_args()
    if args.compare and args.launcher != 'none':
        parser.error(f'--compare runs in one process: leave --launcher {args.launcher} out')
    return args


def output_folder(args: argparse.Namespace) -> Path:
    if args.out or args.compare:
        return Path(args.out or 'work_dirs/comparison')
    from photoreal.storage import is_url
    if is_url(args.checkpoint):
        from photoreal.config import default_work_dir
        return Path(default_work_dir(args.config), 'test')
    checkpoint = Path(args.checkpoint)
    return (checkpoint if checkpoint.is_dir() else checkpoint.parent) / 'test'


def main() -> None:
    args = parse_args()
    from photoreal.config import check_config, load_config
    cfg = load_config(args.config, args.cfg_options)
    out = output_folder(args)
    cfg.launcher, cfg.work_dir = args.launcher, str(out / 'log')
    check_config(cfg)

    from mmengine.dist import is_main_process

    from photoreal.engine import runner
    from photoreal.report import table
    from photoreal.reporting import build_report, compare_predictions, comparison_table
    if args.domains:
        runner.choose_domains(cfg, args.domains)
    if args.compare:
        print(comparison_table(compare_predictions(cfg, *args.compare, out), *args.compare))
        print(f'numbers: {out}/comparison.json')
        return
    report = runner.test(cfg, args.checkpoint, out)
    if is_main_process():
        print(table(report))
        print(f'predictions: {out}/<domain>/<video>/, side by side: {out}/<domain>/<video>.mp4, '
              f'numbers: {out}/metrics.json')
        print('writing the report, with the videos in it', flush=True)
        print(f"report: {build_report([out], out / 'report.html')}")
