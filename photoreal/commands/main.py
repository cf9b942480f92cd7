"""Train, test or profile an experiment of TecoGAN-PyTorch with the arguments of its codes/main.py, so that old scripts
keep working; new ones say tools/train.py and tools/test.py.

example: python tools/main.py --exp_dir experiments_BD/TecoGAN/001 --mode train --opt train.yml --gpu_ids 0
"""

import argparse
import os
from pathlib import Path

import yaml

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('--exp_dir', required=True, help="the experiment's folder; new files go there too")
    parser.add_argument('--mode', required=True, choices=['train', 'test', 'profile'])
    parser.add_argument('--opt', required=True, help="the YAML in the experiment's folder")
    parser.add_argument('--model', help="'TecoGAN' or 'FRVSR' (default: as the YAML says)")
    parser.add_argument('--gpu_ids', '--gpu_id', metavar='N[,N...]',
                        help='the GPUs to use, -1 for the CPU (default: as the YAML says, else -1)')
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument('--resume', action='store_const', dest='earlier', const='continue', default='keep',
                         help='with --mode train: go on from the newest checkpoint in the folder')
    earlier.add_argument('--overwrite', action='store_const', dest='earlier', const='replace',
                         help='with --mode train: replace the run that the folder holds')
    parser.add_argument('--lr_size', default='3x256x256', metavar='CxHxW',
                        help='size of the input to profile with (default: %(default)s)')
    parser.add_argument('--test_speed', action='store_true', help='a profile measures the speed in any case')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=-1, help='set by the launcher')
    args = parser.parse_args()
    if args.mode == 'profile' and not all(part.isdecimal() and int(part) for part in args.lr_size.split('x')[:3]) or \
            args.lr_size.count('x') != 2:
        parser.error(f"--lr_size: found '{args.lr_size}'; expected CHANNELSxHEIGHTxWIDTH, such as 3x134x320")
    return args


def choose_gpus(gpu_ids: str) -> None:
    """Show only these GPUs to torch, which must not have been imported yet; old scripts may have done so already."""
    if gpu_ids.startswith('-'):
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    else:
        os.environ.setdefault('CUDA_VISIBLE_DEVICES', gpu_ids)


def gpus_of(exp_dir: str, opt: str) -> str:
    """The GPUs that a YAML names as ``gpu_id`` or ``gpu_ids``; '-1' where it names none, or cannot be read."""
    inside = Path(exp_dir) / opt
    try:
        values = yaml.safe_load((inside if inside.is_file() else Path(opt)).read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return '-1'  # it is read once more, and its fault told
    named = next((values[key] for key in ('gpu_ids', 'gpu_id') if values.get(key) is not None), -1) \
        if isinstance(values, dict) else -1
    return ','.join(map(str, named if isinstance(named, list) else [named]))


def main() -> None:
    args = parse_args()
    gpu_ids = gpus_of(args.exp_dir, args.opt) if args.gpu_ids is None else args.gpu_ids
    choose_gpus(gpu_ids)
    if args.local_rank >= 0:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    import torch

    from photoreal.migrate import old_program
    if not gpu_ids.startswith('-') and not torch.cuda.is_available():
        print(f'note: there is no GPU {gpu_ids} here: this runs on the CPU')
    if args.mode == 'train':
        old_program.train(args.exp_dir, args.opt, args.model, args.earlier)
    elif args.mode == 'test':
        old_program.test(args.exp_dir, args.opt, args.model)
    else:
        _, height, width = map(int, args.lr_size.split('x'))
        print(old_program.profile(args.exp_dir, args.opt, args.model, (height, width)))
