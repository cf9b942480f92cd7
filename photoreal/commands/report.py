"""Make a report of runs: one HTML file with curves, metrics, players and worst frames, to open in any browser.

example: python tools/report.py work_dirs/tecogan_multimodal --out report.html
         python tools/report.py work_dirs/first work_dirs/second --out comparison.html
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('folders', nargs='+', metavar='RUN_DIR_or_TEST_DIR',
                        help='work dirs of tools/train.py, or output folders of tools/test.py; several are compared')
    parser.add_argument('--out', default='report.html', help='the file to write (default: report.html)')
    parser.add_argument('--max-mb', type=float, default=32.0,
                        help='what videos and pictures may take, in MiB; the others are linked (default: 32)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.reporting import build_report
    build_report(args.folders, args.out, args.max_mb)
    print(f'report: {args.out}')
