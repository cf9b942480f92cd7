"""Fit a camera: how blurred, how noisy and how grainy footage is, as a file that `photoreal infer --camera` applies.

Vignette, bloom and chromatic aberration cannot be told from a scene's own light yet: they are given by hand.

example: python tools/fit_camera.py dashcam.mp4 --out camera.json
example: python tools/fit_camera.py data/drive/train/real/urban/frames --vignette 0.15 --bloom 0.1 --out camera.json
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
    parser.add_argument('--vignette', type=float, default=0.0, metavar='SHARE', help='of the light that the corners '
                        'lack (default: %(default)s)')
    parser.add_argument('--bloom', type=float, default=0.0, metavar='SHARE', help='of the light of highlights that '
                        'is scattered around them (default: %(default)s)')
    parser.add_argument('--aberration', type=float, default=0.0, metavar='SHARE', help='by which the red picture is '
                        'larger than the green one (default: %(default)s)')
    args = parser.parse_args()
    if args.frames < 2:
        parser.error('--frames must be 2 or more')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.camera import fit_camera
    from photoreal.camera.summary import summarise
    from photoreal.look import samples
    footage = samples.from_paths(args.footage, args.frames)
    fit = fit_camera(footage.frames)
    settings = replace(fit.settings, vignette=args.vignette, bloom=args.bloom, aberration=args.aberration)
    settings.save(args.out)
    height = footage.frames[0].shape[0]
    print(f'fitted to {fit.frames} frames {height} pixels high')
    for line in summarise(replace(fit, settings=settings), height):
        print(f'{line.name:<12}{line.value:>18}  {line.meaning}')
    print(f'camera: {args.out}')
    say_next('infer', 'MODEL', 'game.mp4', '--camera', args.out, '--out', 'photoreal.mp4')
