"""Make a data set of raw footage: frames, recorded maps, modalities computed beforehand.

Sources are video files, folders of pictures, folders of either, or patterns; with --from, roots of data sets in a known
layout; with --add, roots of data sets in photoreal's own, whose videos get modalities, of both splits and domains.
What is whole is left alone: to continue a run that was killed, run it again.

example: python tools/prepare_data.py 'footage/*.mp4' --out data/mine --split train --domain real --cut-scenes
example: python tools/prepare_data.py data/mine --add --modalities depth segmentation
example: python tools/prepare_data.py carla_out --from carla --out data/mine --split val --domain virtual
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photoreal.cli import ToolParser, say_next

if TYPE_CHECKING:
    from photoreal.prepare import Engine, Summary


def parse_size(text: str) -> tuple[int, int]:
    """``1280x720`` -> (720, 1280)."""
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r}: expected WxH, such as 1280x720')
    return int(height), int(width)


def parse_model(text: str) -> tuple[str, str]:
    """``depth=FILE`` -> ('depth', 'FILE')."""
    folder, equals, model = text.partition('=')
    if not (folder in ('depth', 'segmentation') and equals and model):
        raise argparse.ArgumentTypeError(f"found '{text}'; expected depth=MODEL or segmentation=MODEL")
    return folder, model


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('sources', nargs='+', metavar='SOURCE',
                        help='a video file, a folder of pictures, a folder of either, or a pattern')
    parser.add_argument('--out', metavar='ROOT', help='root of the data set')
    parser.add_argument('--split', choices=['train', 'val'])
    parser.add_argument('--domain', choices=['real', 'virtual'])
    parser.add_argument('--add', action='store_true',
                        help='make no videos: compute --modalities into all those of the data sets SOURCE')
    parser.add_argument('--from', dest='layout', metavar='LAYOUT',
                        help='what the sources are: carla, carla-0.9.13, cityscapes, gta, kitti, tecogan '
                             '(python tools/list_plugins.py converter lists all)')
    parser.add_argument('--modalities', nargs='+', metavar='NAME',
                        help="compute these: with --config some of the config's, else photoreal's own with their "
                             'defaults, such as blur edges, or depth and segmentation by a network')
    parser.add_argument('--model', nargs='+', action='extend', default=[], type=parse_model, metavar='NAME=MODEL',
                        help='the network for depth or segmentation: a file, or one that python tools/fetch_model.py '
                             '--list shows (default: the first listed one that was fetched)')
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
    made = [name for name in ('out', 'split', 'domain') if getattr(args, name) is not None]
    if args.add and (made or args.layout):
        parser.error(f'--{(made or ["from"])[0]} does not go with --add, which adds to the videos where they are')
    if args.add and not (args.modalities or args.config):
        parser.error('--add needs --modalities or --config, which say what to add')
    if not args.add and len(made) < 3:
        parser.error(f'--{next(name for name in ("out", "split", "domain") if name not in made)} is missing')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.errors import DataError
    from photoreal.prepare import LocalEngine, RayEngine
    from photoreal.prepare.pipeline import choose_modalities

    known = None
    if args.config:
        from photoreal.config import check_config, load_config
        cfg = load_config(args.config)
        check_config(cfg)
        known = cfg.model.modalities
    modalities = choose_modalities(args.modalities, known, dict(args.model))
    workers = args.workers if args.workers is not None else os.cpu_count() or 1
    with LocalEngine(workers) if args.engine == 'local' else RayEngine(args.ray_address, args.workers) as engine:
        summaries = (add if args.add else make)(args, engine, modalities)
    faults = [fault for summary in summaries.values() for fault in summary.faults]
    for place, summary in summaries.items():
        for note in summary.notes:
            print(f'note: {note}')
        print(f'{place}: {summary.text()}')
    if faults and not args.skip_bad:
        raise DataError.from_faults('these sources could not be used; mend them, or pass --skip-bad:', faults)
    for fault in faults:
        print(f'skipped: {fault}')
    say_next('check_data', args.sources[0] if args.add else args.out)


def make(args: argparse.Namespace, engine: 'Engine', modalities: dict[str, Any]) -> dict[str, 'Summary']:
    """Make videos of footage: the place in the data set -> what was done."""
    from photoreal.prepare import Settings, find_footage, prepare
    from photoreal.prepare.converters import find_converted
    from photoreal.prepare.footage import with_fps
    settings = Settings(Path(args.out), args.split, args.domain, args.fps, args.size, args.cut_scenes, args.min_frames,
                        args.max_frames, args.format)
    footage, faults = find_converted(args.layout, args.sources) if args.layout else find_footage(args.sources)
    if args.source_fps is not None:
        footage = with_fps(footage, args.source_fps)
    summary = prepare(footage, settings, engine, modalities)
    summary.faults = faults + summary.faults
    return {f'{args.out}/{args.split}/{args.domain}': summary}


def add(args: argparse.Namespace, engine: 'Engine', modalities: dict[str, Any]) -> dict[str, 'Summary']:
    """Add modalities to the videos of data sets: root -> what was done."""
    from photoreal.prepare import add_modalities
    return {root: add_modalities(Path(root), engine, modalities) for root in args.sources}
