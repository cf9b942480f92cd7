"""Run the contract of a plugin family on any class: what photoreal asks of every plugin, its own included.

example: python -m photoreal.testing modality my_pkg:Thermal --args folder=thermal

Exit codes: 0 it keeps the contract, 1 it does not, 2 wrong usage.
"""

import sys

from photoreal.cli import ToolParser, run_tool


def main() -> None:
    parser = ToolParser(__doc__, prog='python -m photoreal.testing')
    parser.add_argument('family', choices=('dataset', 'modality', 'input_style', 'generator', 'discriminator', 'loss'))
    parser.add_argument('plugin', metavar='MODULE:CLASS',
                        help='the class, or a subclass of the contract that builds it')
    parser.add_argument('--args', nargs='+', default=[], metavar='KEY=VALUE', help='what the class is built with')
    parser.add_argument('--contract', nargs='+', default=[], metavar='KEY=VALUE',
                        help="attributes of the contract: a loss's least=0.0, a generator's recurrent=False ...")
    args = parser.parse_args()
    try:
        from photoreal.config import parse_override
        from photoreal.errors import ConfigError
        from photoreal.testing.run import check
    except ModuleNotFoundError as error:
        parser.error(f"the contracts need the package '{error.name}': pip install {error.name}")
    total, failed = 0, 0
    try:
        for outcome in check(args.family, args.plugin, *(dict(map(parse_override, given))
                                                         for given in (args.args, args.contract))):
            total, failed = total + 1, failed + (outcome.fault is not None)
            print(f'{"passed" if outcome.fault is None else "FAILED"}  {outcome.test}', flush=True)
            if outcome.fault is not None:
                print('        ' + outcome.fault.replace('\n', '\n        '))
    except ConfigError as error:
        parser.error(str(error))
    name = args.plugin.rpartition(':')[2]
    if failed:
        print(f'{name} breaks the contract of {args.family}: {failed} of {total} tests failed')
        sys.exit(1)
    print(f'{name} keeps the contract of {args.family}: {total} tests passed')


if __name__ == '__main__':
    run_tool(main)
