"""Fit a camera: what lens, sensor and codec of footage do, as a file that `photoreal infer --camera` applies.

An effect that the footage does not tell from none stays off; the table says so. Motion blur, vignette, bloom and noise
take consecutive frames.

example: python tools/fit_camera.py dashcam.mp4 --out camera.json
example: python tools/fit_camera.py drive/train/real/urban/frames --out camera.json --without bloom --set blur=0.001
example: python tools/fit_camera.py --set blur=0.0015 glare=0.1 vignette=0.2 noise=0.005 --out camera.json
"""

import argparse
from dataclasses import replace

from photoreal.cli import ToolParser, say_next


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('footage', nargs='*', metavar='PATH', help='videos or folders of pictures, all of one camera; '
                        'none: a camera by hand')
    parser.add_argument('--out', default='camera.json', metavar='JSON', help='where it goes (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=48, metavar='N', help='moments that are looked at, spread over '
                        'the footage, three frames each (default: %(default)s)')
    parser.add_argument('--without', nargs='+', default=[], metavar='NAME', help='effects to leave out: motion, '
                        'aberration, glare, blur, bloom, vignette, noise, rolloff')
    parser.add_argument('--set', nargs='+', default=[], metavar='KEY=VALUE', help='settings by hand in place of what '
                        'was found')
    args = parser.parse_args()
    if args.frames < 2:
        parser.error('--frames must be 2 or more')
    if not args.footage and not args.set:
        parser.error('give footage, or settings by hand with --set')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.camera import CameraSettings, fit_camera
    from photoreal.camera.footage import shots_of
    from photoreal.camera.settings import parse_settings, settings_of
    from photoreal.camera.summary import summarise
    by_hand = dict.fromkeys(settings_of(args.without), 0.0) | parse_settings(args.set)
    if not args.footage:
        CameraSettings(**by_hand).save(args.out)
        print(f'camera: {args.out}')
        say_next('infer', 'MODEL', 'game.mp4', '--camera', args.out, '--out', 'photoreal.mp4')
        return
    fit = fit_camera(shots_of(args.footage, args.frames))
    settings = replace(fit.settings, **by_hand)
    settings.save(args.out)
    print(f'fitted to {fit.shots} moments of footage {fit.size[0]} pixels high; ± is half of a 95 % interval')
    print(f'{"":<12}{"found":>16}{"camera":>18}')
    for line in summarise(replace(fit, settings=settings), fit.size[0]):
        print(f'{line.name:<12}{line.found:>16}{line.used:>18}  {line.meaning}')
    print(f'camera: {args.out}')
    say_next('infer', 'MODEL', 'game.mp4', '--camera', args.out, '--out', 'photoreal.mp4')
