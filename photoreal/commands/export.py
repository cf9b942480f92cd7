"""Make one file of a trained model: a bundle for tools/infer.py, or its step as ONNX or torch.export.

example: python tools/export.py configs/demo.py --checkpoint work_dirs/demo/latest.pth --out demo.safetensors
example: python tools/export.py demo.safetensors --to onnx --size 720x1280 --out demo.onnx
"""

import argparse

from photoreal.cli import ToolParser, frame_size


def size(text: str) -> tuple[int, int] | None:
    """A height and width, or None for 'dynamic'."""
    return None if text == 'dynamic' else frame_size(text)


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('model', metavar='config', help='the config that the model was trained with, or a bundle of it')
    parser.add_argument('--checkpoint', help='weights for a config: a file, a work dir, or a URL of either')
    parser.add_argument('--to', choices=['bundle', 'onnx', 'torch'], default='bundle',
                        help='a bundle (*.safetensors), ONNX (*.onnx) or torch.export (*.pt2) (default: bundle)')
    parser.add_argument('--out', required=True, help='the file to write')
    parser.add_argument('--size', type=size, metavar='HxW|dynamic', help='for onnx and torch: height and width of the '
                        'frames at the input, or dynamic: any (default: dynamic)')
    parser.add_argument('--half', action='store_true', help='float16: half the size; in onnx and torch all tensors, in '
                        'a bundle the weights as they are stored')
    parser.add_argument('--look', metavar='CUBE', help='a .cube file of fit-look that a bundle carries, or none '
                        "(default: the model's)")
    parser.add_argument('--camera', metavar='JSON', help='a camera of fit-camera that a bundle carries, or none '
                        "(default: the model's)")
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override keys of the config')
    parser.add_argument('--note', nargs='+', default=[], metavar='KEY=VALUE',
                        help='what to note in the file: data, licence, metrics ...')
    args = parser.parse_args()
    if args.to == 'bundle' and args.size:
        parser.error('--size is for --to onnx and --to torch: a bundle takes frames of any size')
    if args.to != 'bundle' and (args.look or args.camera):
        parser.error('--look and --camera are for bundles: other formats hold the network alone')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.bundle import load_model, save_bundle
    from photoreal.camera import CameraSettings
    from photoreal.config import parse_override
    from photoreal.datasets.writers import keep_apart
    from photoreal.export import export_onnx, export_torch
    from photoreal.look import build_look
    keep_apart(args.out, [args.model, *filter(None, [args.checkpoint])])
    notes = {key: str(value) for key, value in map(parse_override, args.note)}
    model = load_model(args.model, args.checkpoint, tuple(args.cfg_options))
    if args.look is not None:
        model.look = None if args.look == 'none' else build_look(args.look)
    if args.camera is not None:
        model.camera = None if args.camera == 'none' else CameraSettings.load(args.camera)
    if args.to == 'bundle':
        save_bundle(model, args.out, notes, args.half)
        print(f'{args.out}: use it with tools/infer.py')
    else:
        export = export_onnx if args.to == 'onnx' else export_torch
        export(model, args.out, args.size, args.half, notes)
        print(f'{args.out}: modalities and state in, prediction and state out')
