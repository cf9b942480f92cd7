"""Let people vote on blind pairs of predictions, drawn from frames of the same videos.

example: python tools/vote.py render=val/virtual/street ours=work_dirs/drive/test --pairs pairs
         python tools/vote.py render=street.mp4 ours=ours.mp4 other=other.mp4 --seconds 2 --pairs clips

Which is on which side, and in which order, is drawn with --seed. --pairs writes the pairs as pictures or clips, and the
key beside the folder. A name that is given again adds another scene.
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('methods', nargs='*', metavar='NAME=VIDEO',
                        help='a folder of frames, a video file, or the output of a test')
    parser.add_argument('--pairs', metavar='DIR', help='write the pairs as pictures or clips into a new folder')
    parser.add_argument('--number', type=int, default=20, help='pairs of every two methods (default: 20)')
    parser.add_argument('--seconds', type=float, default=0.0, help='show clips of this length (default: stills)')
    parser.add_argument('--seed', type=int, default=0, help='of frames, sides and order (default: 0)')
    parser.add_argument('--question', help='what viewers are asked')
    args = parser.parse_args()
    if not args.pairs:
        parser.error('nothing to do; expected --pairs')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.judging.compare import open_named
    from photoreal.judging.pairs import QUESTION, make_ballot, write_pairs
    ballot = make_ballot(open_named(args.methods), args.number, args.seconds, args.seed, args.question or QUESTION)
    if args.pairs:
        print(f'{len(ballot.pairs)} pairs: {args.pairs}, key: {write_pairs(ballot, args.pairs)}')
