"""Show in the browser what a model makes of a video, frame by frame.

example: python tools/demo.py model.safetensors --sample examples/sample/street
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('models', nargs='+', metavar='BUNDLE', help='models to choose from (*.safetensors)')
    parser.add_argument('--sample', nargs='+', default=[], metavar='VIDEO',
                        help='videos to choose from: files, folders of pictures, or folders with frames/ and maps')
    parser.add_argument('--host', default='127.0.0.1',
                        help='address to listen on; 0.0.0.0 lets other machines in (default: %(default)s)')
    parser.add_argument('--port', type=int, default=7860, help='(default: %(default)s)')
    parser.add_argument('--login', metavar='FILE', help='who may come in: a line user:password each')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' (default: the GPU where there is one)")
    limits = parser.add_argument_group('limits')
    limits.add_argument('--megabytes', type=int, default=100, help='of an upload (default: %(default)s)')
    limits.add_argument('--seconds', type=float, default=20, help='of a video (default: %(default)s)')
    limits.add_argument('--frames', type=int, default=600, help='of a video (default: %(default)s)')
    limits.add_argument('--side', type=int, default=1920, help='longest of a frame, in pixels (default: %(default)s)')
    limits.add_argument('--jobs', type=int, default=1, help='videos at once (default: %(default)s)')
    limits.add_argument('--waiting', type=int, default=8, help='visitors that may wait (default: %(default)s)')
    limits.add_argument('--keep-minutes', type=int, default=60,
                        help='how long results and uploads are kept (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.demo.serving import serve
    serve(args)
