"""Show what the network will really see: training clips after all transforms, with the parameters drawn for them.

The clips are those of training, in its order and with its seed.

example: python tools/browse_data.py configs/tecogan_multimodal.py --html clips.html
"""

import argparse
from pathlib import Path

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('config', help='a Python config, such as configs/tecogan_multimodal.py')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE',
                        help='override keys of the config; an unknown key is an error')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--out', metavar='DIR', help='where a PNG for each clip goes '
                                                    '(default: clips/ in the work dir of the config)')
    where.add_argument('--html', nargs='?', const='clips.html', metavar='PAGE',
                       help='write one page instead (default name: %(const)s)')
    parser.add_argument('--clips', type=int, default=8, metavar='N', help='how many (default: %(default)s)')
    parser.add_argument('--start', type=int, default=0, metavar='K', help='number of the first; clip K is what '
                        'training sees after K / batch_size iterations (default: %(default)s)')
    args = parser.parse_args()
    if args.clips < 1 or args.start < 0:
        parser.error('--clips must be 1 or more and --start 0 or more')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.config import check_config, default_work_dir, load_config
    cfg = load_config(args.config, args.cfg_options)
    check_config(cfg)

    from photoreal.inspect import browse
    from photoreal.inspect.clip_page import write_page, write_pictures
    views = browse(cfg, args.start, args.clips)
    if args.html:
        write_page(args.html, views, f'Training clips of {args.config}')
        print(f'page: {args.html}')
    else:
        out = Path(args.out or Path(default_work_dir(args.config), 'clips'))
        for path in write_pictures(out, views):
            print(path)
