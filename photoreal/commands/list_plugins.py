"""List every plugin that a config can name: name, channels, where it is written, what it is, where it came from.

example: python tools/list_plugins.py modality
"""


from photoreal.cli import ToolParser

FAMILIES = ('dataset', 'modality', 'input_style', 'generator', 'discriminator', 'loss', 'converter',
            'feature_extractor')


def main() -> None:
    parser = ToolParser(__doc__)
    parser.add_argument('family', nargs='?', choices=FAMILIES, help='only this family')
    args = parser.parse_args()
    from photoreal.plugins import describe_plugins
    for family in [args.family] if args.family else FAMILIES:
        print(f'{family}:')
        rows = describe_plugins(family)
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(4)]
        for row in rows:
            print('  ' + '  '.join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())
