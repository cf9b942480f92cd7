"""Fit a camera: how blurred, how noisy and how grainy footage is, as a file that `photoreal infer --camera` applies.

Vignette, bloom and chromatic aberration cannot be told from a scene's own light yet: set them by hand.

example: python tools/fit_camera.py dashcam.mp4 --out camera.json
example: python tools/fit_camera.py data/drive/train/real/urban/frames --out camera.json --set vignette=0.15 bloom=0.1
"""

import argparse
from dataclasses import replace

from photoreal.cli import ToolParser, say_next


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('footage', nargs='+', metavar='PATH', help='videos or folders of pictures, all of one camera')
    parser.add_argument('--out', default='camera.json', metavar='JSON', help='where it goes (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=48, metavar='N', help='frames that are looked at, spread over '
                        'the footage (default: %(default)s)')
    parser.add_argument('--set', nargs='+', default=[], metavar='KEY=VALUE', help='settings by hand: vignette, bloom '
                        'and aberration, which are not fitted, or others in place of what was found')
    args = parser.parse_args()
    if args.frames < 2:
        parser.error('--frames must be 2 or more')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.camera import fit_camera
    from photoreal.camera.camera import parse_settings
    from photoreal.camera.summary import summarise
    from photoreal.look import samples
    by_hand = parse_settings(args.set)
    footage = samples.from_paths(args.footage, args.frames)
    fit = fit_camera(footage.frames)
    settings = replace(fit.settings, **by_hand)
    settings.save(args.out)
    height = footage.frames[0].shape[0]
    print(f'fitted to {fit.frames} frames {height} pixels high')
    for line in summarise(replace(fit, settings=settings), height):
        print(f'{line.name:<12}{line.value:>18}  {line.meaning}')
    print(f'camera: {args.out}')
    say_next('infer', 'MODEL', 'game.mp4', '--camera', args.out, '--out', 'photoreal.mp4')
