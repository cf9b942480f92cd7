"""Bring over what was made with TecoGAN-PyTorch.

example: python tools/migrate.py config train.yml --exp-dir experiments_BD/TecoGAN/001
example: python tools/migrate.py weights G_iter430000.pth generator.pth
         python tools/migrate.py weights G_iter80000.pth generator.pth --modalities style:3 segments:24 normals:3
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    config = commands.add_parser('config', help='convert an experiment: config, links to its data, weights')
    config.add_argument('yaml', help='its YAML, as given to the old program with --opt')
    config.add_argument('--exp-dir', required=True, help="the experiment's folder, where all is written")
    config.add_argument('--out', metavar='CONFIG.py', help='default: <exp-dir>/photoreal/<name of the YAML>.py')
    config.add_argument('--model', metavar='NAME', help='TecoGAN or FRVSR (default: as the YAML says)')
    config.set_defaults(run=convert_config)
    weights = commands.add_parser('weights', help="convert a generator's or discriminator's weights")
    weights.add_argument('source', help='G_iterN.pth or D_iterN.pth')
    weights.add_argument('target', help='file to write; use it with load_from or --checkpoint')
    weights.add_argument('--modalities', nargs='+', metavar='NAME:CHANNELS', type=modality, default=[],
                         help='of a multimodal generator: what its input channels are, in their order, such as '
                              'style:3 segments:24; noted in the file, so that other models can start from it')
    weights.set_defaults(run=convert_weights)
    return parser.parse_args()


def modality(text: str) -> tuple[str, int]:
    """A type of option: 'style:3' -> ('style', 3)."""
    name, colon, channels = text.rpartition(':')
    if not colon or not name or not channels.isdecimal() or not int(channels):
        raise argparse.ArgumentTypeError(f"found '{text}'; expected NAME:CHANNELS, such as style:3")
    return name, int(channels)


def convert_config(args: argparse.Namespace) -> None:
    from photoreal.config import check_config, load_config
    from photoreal.migrate import migrate_experiment
    migrated = migrate_experiment(args.yaml, args.exp_dir, args.out, args.model)
    check_config(load_config(migrated.config))
    print(migrated.text())
    print(f'train: python tools/train.py {migrated.config} --work-dir {args.exp_dir}')
    for path in migrated.checkpoints:
        print(f'test:  python tools/test.py {migrated.config} --checkpoint {path} --domains '
              + ' '.join(migrated.domains or ('real',)))


def convert_weights(args: argparse.Namespace) -> None:
    from photoreal.migrate import convert_weights_file
    from photoreal.migrate.multimodal import describe_channels
    channels = dict(args.modalities) or None
    part = convert_weights_file(args.source, args.target, channels=channels)
    print(f'{args.target}: the weights of a {part}')
    if channels:
        print(f'input channels: {describe_channels(channels)}')


def main() -> None:
    args = parse_args()
    args.run(args)
