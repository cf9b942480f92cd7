"""Fit a look: one fixed map of colours that brings virtual frames to real ones, as a .cube file for any program.

Of a data set train/virtual is fitted to train/real, class by class where all videos have labels. A picture of frames
before and after is written beside the .cube. Without footage --develop sets a camera's exposure and curve by hand.

example: python tools/fit_look.py data/drive --out look.cube
example: python tools/fit_look.py --virtual game.mp4 --real dashcam/ --out look.cube
example: python tools/fit_look.py --develop exposure=0.45 contrast=0.4 saturation=0.82 --out look.cube
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from photoreal.cli import ToolParser, say_next

if TYPE_CHECKING:
    from photoreal.look import Look


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('data', nargs='?', help='a data root: train/virtual is fitted to train/real')
    parser.add_argument('--virtual', nargs='+', metavar='PATH', help='in place of a data root: videos or folders of '
                        'pictures of the render')
    parser.add_argument('--real', nargs='+', metavar='PATH', help='likewise of real footage')
    parser.add_argument('--out', default='look.cube', metavar='CUBE', help='where it goes (default: %(default)s)')
    parser.add_argument('--labels', default='segmentation', metavar='FOLDER', help='class maps of a data root, used '
                        'where all videos have them; none: no labels (default: %(default)s)')
    parser.add_argument('--strength', type=float, default=1.0, help='from 0, no change, to 1 (default: %(default)s)')
    parser.add_argument('--develop', nargs='+', metavar='NAME=VALUE', help='exposure in stops, contrast (0: as it is) '
                        'and saturation (1: as it is), set by hand; after what is fitted, where something is')
    parser.add_argument('--frames', type=int, default=48, metavar='N', help='frames of each side that are looked at '
                        '(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the pixels that are drawn (default: %(default)s)')
    args = parser.parse_args()
    named = args.virtual is not None or args.real is not None
    if args.data is not None and named or not (args.data is not None or named or args.develop):
        parser.error('give a data root, or --virtual and --real, or --develop')
    if named and not (args.virtual and args.real):
        parser.error('--virtual and --real go together')
    if not 0 <= args.strength <= 1:
        parser.error('--strength must be from 0 to 1')
    if args.frames < 1:
        parser.error('--frames must be 1 or more')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.look import Development
    from photoreal.look.cube import check_name
    from photoreal.look.summary import summarise
    check_name(args.out)
    developed = Development.parse(args.develop).look() if args.develop else None
    if args.data is None and args.virtual is None:
        look = developed.blend(args.strength)
        look.save(args.out)
    else:
        look = _fit(args, developed)
    for line in summarise(look):
        print(f'{line.name:<14}{line.value:>14}  {line.meaning}')
    print(f'look: {args.out}')
    if args.data is not None:
        say_next('check_data', args.data, '--look', args.out)


def _fit(args: argparse.Namespace, developed: 'Look | None') -> 'Look':
    """Fit a look and write it, with a picture of what it does beside it."""
    from photoreal.datasets import write_image
    from photoreal.look import fit_look, samples
    if args.data is not None:
        virtual, real = samples.from_data_root(args.data, None if args.labels == 'none' else args.labels, args.frames)
    else:
        virtual, real = (samples.from_paths(paths, args.frames) for paths in (args.virtual, args.real))
    look = fit_look(virtual.frames, real.frames, virtual.labels, real.labels, args.seed,
                    f'{virtual.name} to {real.name}').blend(args.strength)
    look = look if developed is None else look.then(developed)
    look.save(args.out)
    picture = Path(args.out).with_suffix('.png')
    write_image(picture, samples.comparison(virtual.frames, look, real.frames))
    classes = 'class by class' if virtual.labels is not None else 'without labels'
    print(f'fitted {len(virtual.frames)} virtual frames to {len(real.frames)} real ones, {classes}\n'
          f'before, after, real: {picture}')
    return look
