"""Measure how fast this machine is.

example: python tools/benchmark.py data configs/tecogan_multimodal.py --cfg-options data_root=drive.lmdb
example: python tools/benchmark.py model configs/realtime_nano.py --size 360p 720p --dtype bf16
"""

import argparse
from collections.abc import Callable

from photoreal.cli import ToolParser, add_config_options, frame_size


def whole(least: int) -> Callable[[str], int]:
    """A type of option: a whole number of at least ``least``."""
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found '{text}'; expected a whole number of {least} or more")
        return int(text)
    return parse


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    what = parser.add_subparsers(dest='what', required=True, metavar='WHAT')
    data = what.add_parser('data', help='the training loader by stage, and whether the model has to wait for it')
    add_config_options(data)
    data.add_argument('--clips', type=whole(1), default=32, help='clips to time by stage (default: %(default)s)')
    data.add_argument('--batches', type=whole(1), default=8,
                      help='batches to time from the loader (default: %(default)s)')
    data.add_argument('--steps', type=whole(0), default=3,
                      help='training steps to time; 0: no model (default: %(default)s)')
    data.add_argument('--json', metavar='FILE', help='write the numbers there too')
    data.set_defaults(run=run_data)
    model = what.add_parser('model', help="the generator's step alone: frames/s, and the share of the machine's peak")
    model.add_argument('model', metavar='CONFIG|BUNDLE', help='a config, whose initial weights do, or a bundle')
    model.add_argument('--size', nargs='+', type=frame_size, default=[(720, 1280), (1080, 1920)],
                       metavar='SIZE', help='of frames at the input: HEIGHTxWIDTH or 720p (default: 720p 1080p)')
    model.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' (default: the GPU where there is one)")
    model.add_argument('--dtype', choices=['auto', 'fp32', 'bf16', 'fp16'], default='auto')
    model.add_argument('--compile', action='store_true', help='compile the step first')
    model.add_argument('--profile', action='store_true', help='show the share of each operator of torch instead')
    model.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override keys of the config')
    model.add_argument('--json', metavar='FILE', help='write the numbers there too')
    model.set_defaults(run=run_model)
    return parser.parse_args()


def run_data(args: argparse.Namespace) -> None:
    from photoreal.config import check_config, load_config
    cfg = load_config(args.config, args.cfg_options)
    check_config(cfg)

    from photoreal.benchmark.data import measure_data
    from photoreal.datasets.writers import write_json
    report = measure_data(cfg, clips=args.clips, batches=args.batches, steps=args.steps)
    print(report.as_text())
    if args.json:
        write_json(args.json, report.as_dict())


def run_model(args: argparse.Namespace) -> None:
    from photoreal.benchmark.model import as_table, measure_model
    from photoreal.bundle import SUFFIX, load_bundle, load_untrained
    from photoreal.datasets.writers import write_json
    model = load_bundle(args.model) if args.model.endswith(SUFFIX) else \
        load_untrained(args.model, tuple(args.cfg_options))
    how = dict(device=args.device, dtype=args.dtype, compiled=args.compile)
    if args.profile:
        from photoreal.benchmark.profile import as_profile, profile_model
        profiles = {f'{width}x{height}': profile_model(model, (height, width), **how) for height, width in args.size}
        print('\n'.join(f'{size}\n{as_profile(found)}' for size, found in profiles.items()))
        reports = {size: [one.as_dict() for one in found] for size, found in profiles.items()}
    else:
        measured = measure_model(model, args.size, **how)
        print(as_table(measured))
        reports = [report.as_dict() for report in measured]
    if args.json:
        write_json(args.json, reports)


def main() -> None:
    args = parse_args()
    args.run(args)
