"""Bring over what was made with TecoGAN-PyTorch.

example: python tools/migrate.py weights G_iter430000.pth generator.pth
"""


from photoreal.cli import ToolParser, run_tool


def main() -> None:
    parser = ToolParser(__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    weights = commands.add_parser('weights', help="convert a generator's or discriminator's weights")
    weights.add_argument('source', help='G_iterN.pth or D_iterN.pth')
    weights.add_argument('target', help='file to write; use it with load_from or --checkpoint')
    args = parser.parse_args()
    from photoreal.migrate import convert_weights_file
    part = convert_weights_file(args.source, args.target)
    print(f'{args.target}: the weights of a {part}')


if __name__ == '__main__':
    run_tool(main)
