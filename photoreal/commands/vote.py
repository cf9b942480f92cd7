"""Let people vote on blind pairs of predictions, and count their votes.

example: python tools/vote.py render=val/virtual/street ours=work_dirs/drive/test --out vote.html
         python tools/vote.py render=street.mp4 ours=ours.mp4 other=other.mp4 --seconds 2 --pairs clips
         python tools/vote.py --count anna.json ben.json --key pairs.key.json

Which is on which side, and in which order, is drawn with --seed. --out makes a page that needs no other file:
viewers open it, answer by keyboard, and send back the file that it saves. --pairs writes the pairs as pictures or
clips, with the key beside the folder. A name that is given again adds another scene.
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('methods', nargs='*', metavar='NAME=VIDEO',
                        help='a folder of frames, a video file, or the output of a test')
    parser.add_argument('--out', metavar='HTML', help='write a page to vote on')
    parser.add_argument('--pairs', metavar='DIR', help='write the pairs as pictures or clips into a new folder')
    parser.add_argument('--number', type=int, default=20, help='pairs of every two methods (default: 20)')
    parser.add_argument('--seconds', type=float, default=0.0, help='show clips of this length (default: stills)')
    parser.add_argument('--seed', type=int, default=0, help='of frames, sides and order (default: 0)')
    parser.add_argument('--question', help='what viewers are asked')
    parser.add_argument('--count', nargs='+', metavar='JSON', help="count these files of viewers' answers")
    parser.add_argument('--key', metavar='JSON', help='the key of the pairs, for answers that do not hold it')
    args = parser.parse_args()
    if bool(args.count) == bool(args.methods):
        parser.error('expected either NAME=VIDEO NAME=VIDEO, to make pairs, or --count')
    if args.methods and not (args.out or args.pairs):
        parser.error('expected --out, --pairs or both: where the pairs go')
    return args


def main() -> None:
    args = parse_args()
    if args.count:
        from photoreal.judging.count import as_text, read_answers
        print(as_text(read_answers(args.count, args.key)))
        return
    from photoreal.judging.compare import open_named
    from photoreal.judging.pairs import QUESTION, make_ballot, write_pairs
    ballot = make_ballot(open_named(args.methods), args.number, args.seconds, args.seed, args.question or QUESTION)
    if args.out:
        from photoreal.judging.ballot_page import write_page
        print(f'{len(ballot.pairs)} pairs: {write_page(ballot, args.out)}')
    if args.pairs:
        print(f'{len(ballot.pairs)} pairs: {args.pairs}, key: {write_pairs(ballot, args.pairs)}')
