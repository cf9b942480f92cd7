"""Make a bundle: one file with the generator, its modalities and its weights, which tools/infer.py takes.

example: python tools/export.py configs/demo.py --checkpoint work_dirs/demo/latest.pth --out demo.safetensors
"""

import argparse

from photoreal.cli import run_tool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='the config that the model was trained with')
    parser.add_argument('--checkpoint', required=True, help='weights: a file, or a work dir')
    parser.add_argument('--out', required=True, help='the bundle to write, *.safetensors')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override keys of the config')
    parser.add_argument('--note', nargs='+', default=[], metavar='KEY=VALUE',
                        help='what to note in the file: data, licence, metrics ...')
    args = parser.parse_args()
    from photoreal.bundle import load_model, save_bundle
    from photoreal.config import parse_override
    notes = dict(parse_override(note) for note in args.note)
    save_bundle(load_model(args.config, args.checkpoint, tuple(args.cfg_options)), args.out,
                {key: str(value) for key, value in notes.items()})
    print(f'{args.out}: use it with tools/infer.py')


if __name__ == '__main__':
    run_tool(main)
