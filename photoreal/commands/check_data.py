"""Check a data set: what is wrong with it, how it looks, and how far its domains can be told apart.

Exits with 1 where training would fail.

example: python tools/check_data.py data/sample --config configs/tecogan_multimodal.py --report report.html
"""

import argparse
import sys
from dataclasses import replace

from photoreal.cli import ToolParser, say_next, show_progress


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('root', help='the data root, the folder that holds train/ and val/')
    parser.add_argument('--config', help='check for this config: its modalities, clip length and crop '
                                         '(default: what is recorded, and blur and edges)')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of the config, as for training')
    parser.add_argument('--look', metavar='CUBE', help='measure the gap with virtual frames seen through this look and '
                        "without it (default: the config's look)")
    parser.add_argument('--report', metavar='HTML', help='also write a page with pictures of all videos')
    parser.add_argument('--max-frames', type=int, default=6000, metavar='N',
                        help='frames to look at, shared among the videos: of a long one, runs of 24 frames spread over '
                             'it (default: %(default)s)')
    args = parser.parse_args()
    if args.cfg_options and not args.config:
        parser.error('--cfg-options are for --config')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.inspect import check, plan_from_config, plan_from_folders
    from photoreal.inspect.text import summary
    from photoreal.look import build_look
    if args.config:
        from photoreal.config import check_config, load_config
        cfg = load_config(args.config, args.cfg_options)
        check_config(cfg)
        plan = plan_from_config(cfg)
    else:
        plan = plan_from_folders(args.root)
    if args.look is not None:
        plan = replace(plan, look=build_look(args.look))
    report = check(args.root, plan, args.max_frames, show_progress)
    print(summary(report))
    if args.report:
        from photoreal.inspect.report_page import write_report
        write_report(args.report, report)
        print(f'report: {args.report}')
    if report.failed:
        sys.exit(1)
    if args.config:
        given = dict(option.split('=', 1) for option in args.cfg_options if not option.startswith('data_root='))
        options = {'data_root': args.root, **given, **({} if args.look is None else {'look': args.look})}
        say_next('train', args.config, '--cfg-options', *(f'{key}={value}' for key, value in options.items()))
