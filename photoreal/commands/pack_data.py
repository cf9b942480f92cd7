"""Pack a data set into one LMDB file, which any config then takes as its data_root.

example: python tools/pack_data.py data/drive drive.lmdb --raw
"""

import argparse

from photoreal.cli import ToolParser, show_progress


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('data_root', help="the data set's folder, with train/ and val/ in it")
    parser.add_argument('out', help='the LMDB to write, such as drive.lmdb')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--encoded', action='store_true', help='the files as they are (default)')
    form.add_argument('--raw', action='store_true',
                      help='decoded pictures: a crop is read without decoding; 1080p takes 6 MB a frame')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.datasets.pack import pack
    done = pack(args.data_root, args.out, raw=args.raw, report=show_progress)
    print(f'{args.out}: {done.videos} videos, {done.files} files, {done.size / 1e6:.1f} MB; '
          f'use it with --cfg-options data_root={args.out}')
    for path in done.left_out:
        print(f'left out, no part of a data set: {path}')
