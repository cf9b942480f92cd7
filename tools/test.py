"""Predict every video of the test data, real and virtual, and measure the predictions.

example: python tools/test.py configs/tecogan_multimodal.py --checkpoint work_dirs/tecogan_multimodal/latest.pth
"""

import argparse
from pathlib import Path

from photoreal.cli import add_config_options, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_options(parser)
    parser.add_argument('--checkpoint', required=True, help='a checkpoint, or a work dir (its latest.pth is taken)')
    parser.add_argument('--out', help='where predictions go (default: a folder test/ beside the checkpoint)')
    parser.add_argument('--domains', nargs='+', choices=['real', 'virtual'], help="only these (default: the config's)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.config import check_config, load_config
    cfg = load_config(args.config, args.cfg_options)
    checkpoint = Path(args.checkpoint)
    out = Path(args.out) if args.out else (checkpoint if checkpoint.is_dir() else checkpoint.parent) / 'test'
    cfg.launcher, cfg.work_dir = args.launcher, str(out / 'log')
    check_config(cfg)

    from photoreal.engine import runner
    from photoreal.report import table
    if args.domains:
        runner.choose_domains(cfg, args.domains)
    report = runner.test(cfg, checkpoint, out)
    print(table(report))
    print(f'predictions: {out}/<domain>/<video>/, side by side: {out}/<domain>/<video>.mp4, '
          f'numbers: {out}/metrics.json')


if __name__ == '__main__':
    run_tool(main)
