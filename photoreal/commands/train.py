"""Train a model.

example: python tools/train.py configs/tecogan_multimodal.py --cfg-options data_root=/path/to/data
"""

import argparse
from pathlib import Path

from photoreal.cli import ToolParser, add_config_options, say_next


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    add_config_options(parser)
    parser.add_argument('--work-dir', help='where everything of this run goes (default: work_dirs/<config name>; '
                                           'of a config that is not in configs/: work_dirs/<its folder>/<config name>)')
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument('--resume', nargs='?', const='auto', metavar='CKPT',
                         help='continue a run: from CKPT, a file or a URL, or from the newest checkpoint in the '
                              'work dir')
    earlier.add_argument('--overwrite', action='store_true',
                         help='replace the run that the work dir holds: its checkpoints, metrics and logs are removed')
    parser.add_argument('--seed', type=int, help="of everything random (default: the config's)")
    parser.add_argument('--deterministic', action='store_true',
                        help='the same bits each time on the same hardware; slower on GPUs')
    parser.add_argument('--amp', nargs='?', const='auto', choices=['auto', 'bf16', 'fp16'],
                        help='mixed precision; auto, also without a word: what the device computes quickly, which is '
                             'float32 on a CPU without instructions for bfloat16')
    parser.add_argument('--dry-run', action='store_true',
                        help='check config and data, put one batch through the model, write nothing')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.config import check_config, default_work_dir, load_config, use_determinism, use_seed
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    named = args.work_dir or cfg.get('work_dir')
    cfg.work_dir = named or default_work_dir(args.config)
    if args.seed is not None:
        use_seed(cfg, args.seed)
    if args.deterministic:
        use_determinism(cfg)
    check_config(cfg)

    from mmengine.dist import is_main_process

    from photoreal.engine import runner
    from photoreal.engine.occupancy import check_same_config
    from photoreal.engine.optim import use_mixed_precision
    if args.amp:
        use_mixed_precision(cfg, args.amp)
    if args.resume:
        if not named:
            check_same_config(cfg)
        runner.resume_from(cfg, args.resume)
    if args.dry_run:
        from photoreal.engine.dry_run import dry_run
        print(dry_run(cfg))
        return
    runner.train(cfg, 'replace' if args.overwrite else 'continue' if args.resume else 'keep')
    if is_main_process():
        from photoreal.reporting import health_of
        if (health := health_of(cfg.work_dir)) is not None:
            print(health)
        print(f'done: checkpoints, log, metrics and TensorBoard pictures are in {cfg.work_dir}')
        say_next('test', f'{cfg.work_dir}/{Path(args.config).name}', '--checkpoint', cfg.work_dir)
