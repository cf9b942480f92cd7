"""Make a data set of raw footage: frames, recorded maps, modalities computed beforehand.

Sources are video files, folders of pictures, folders of either, or patterns; with --from, roots of data sets in a known
layout.
What is whole is left alone: to continue a run that was killed, run it again.

example: python tools/prepare_data.py 'footage/*.mp4' --out data/mine --split train --domain real --cut-scenes
example: python tools/prepare_data.py carla_out --from carla --out data/mine --split val --domain virtual
"""

import argparse
import os
from pathlib import Path

from photoreal.cli import ToolParser, say_next


def parse_size(text: str) -> tuple[int, int]:
    """``1280x720`` -> (720, 1280)."""
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r}: expected WxH, such as 1280x720')
    return int(height), int(width)


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('sources', nargs='+', metavar='SOURCE',
                        help='a video file, a folder of pictures, a folder of either, or a pattern')
    parser.add_argument('--out', required=True, metavar='ROOT', help='root of the data set')
    parser.add_argument('--split', required=True, choices=['train', 'val'])
    parser.add_argument('--domain', required=True, choices=['real', 'virtual'])
    parser.add_argument('--from', dest='layout', metavar='LAYOUT',
                        help='what the sources are: carla, carla-0.9.13, cityscapes, gta, kitti, tecogan '
                             '(python tools/list_plugins.py converter lists all)')
    parser.add_argument('--modalities', nargs='+', metavar='NAME',
                        help="compute these: with --config some of the config's, else photoreal's own with their "
                             'defaults, such as blur edges')
    parser.add_argument('--config', help='compute the modalities of this config (those recorded with frames are not)')
    parser.add_argument('--fps', type=float, help='frames per second at most (default: those of the source)')
    parser.add_argument('--source-fps', type=float, help='frames per second of sources that are pictures')
    parser.add_argument('--size', type=parse_size, metavar='WxH',
                        help='size of frames; what does not fit the shape is cut off, nothing is stretched')
    parser.add_argument('--cut-scenes', action='store_true', help='make a video of every scene: <video>_000, ...')
    parser.add_argument('--min-frames', type=int, default=10, metavar='N',
                        help='leave out scenes, and stretches between lost frames, with fewer frames '
                             '(default: %(default)s)')
    parser.add_argument('--max-frames', type=int, metavar='N', help='at most so many frames of each video')
    parser.add_argument('--format', choices=['png', 'jpg'], default='png', help='of frames; maps are always png')
    parser.add_argument('--workers', type=int, metavar='N', help='processes (default: one a processor)')
    parser.add_argument('--engine', choices=['local', 'ray'], default='local', help='who does the work')
    parser.add_argument('--ray-address', metavar='ADDRESS',
                        help='with --engine ray: the cluster, auto or ray://<host>:10001 (default: RAY_ADDRESS of the '
                             'environment, or else this machine)')
    parser.add_argument('--skip-bad', action='store_true', help='exit with 0 although some sources cannot be used')
    args = parser.parse_args()
    if args.ray_address and args.engine != 'ray':
        parser.error('--ray-address goes with --engine ray')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.errors import DataError
    from photoreal.prepare import LocalEngine, RayEngine, Settings, find_footage, prepare
    from photoreal.prepare.converters import find_converted
    from photoreal.prepare.footage import with_fps
    from photoreal.prepare.pipeline import choose_modalities

    settings = Settings(Path(args.out), args.split, args.domain, args.fps, args.size, args.cut_scenes, args.min_frames,
                        args.max_frames, args.format)
    known = None
    if args.config:
        from photoreal.config import check_config, load_config
        cfg = load_config(args.config)
        check_config(cfg)
        known = cfg.model.modalities
    modalities = choose_modalities(args.modalities, known)
    find = (lambda sources: find_converted(args.layout, sources)) if args.layout else find_footage
    footage, faults = find(args.sources)
    if args.source_fps is not None:
        footage = with_fps(footage, args.source_fps)
    workers = args.workers if args.workers is not None else os.cpu_count() or 1
    with LocalEngine(workers) if args.engine == 'local' else RayEngine(args.ray_address, args.workers) as engine:
        summary = prepare(footage, settings, engine, modalities)
    summary.faults = faults + summary.faults
    for note in summary.notes:
        print(f'note: {note}')
    print(f'{args.out}/{args.split}/{args.domain}: {summary.text()}')
    if summary.faults and not args.skip_bad:
        raise DataError.from_faults('these sources could not be used; mend them, or pass --skip-bad:', summary.faults)
    for fault in summary.faults:
        print(f'skipped: {fault}')
    say_next('check_data', args.out)
