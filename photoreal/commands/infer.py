"""Make any video photoreal: a video file or a folder of pictures in, a video file or a folder out.

example: python tools/infer.py model.safetensors drive.mp4 --out photoreal.mp4
example: python tools/infer.py configs/demo.py frames/ --checkpoint work_dirs/demo/latest.pth --out predicted/
"""

import argparse

from photoreal.cli import ToolParser, run_tool


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('model', help='a bundle (*.safetensors), or a config together with --checkpoint')
    parser.add_argument('input', help='a video file or a folder of pictures')
    parser.add_argument('--out', required=True, help='a video file (.mp4, .mkv), else a folder of PNGs')
    parser.add_argument('--checkpoint', help='weights for a config: a file, or a work dir')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override keys of the config')
    parser.add_argument('--modality', nargs='+', default=[], metavar='NAME=PATH',
                        help='recorded modalities: a folder or a video file each, as many maps as frames')
    parser.add_argument('--leave-out', nargs='+', default=[], metavar='NAME',
                        help='modalities to do without, for models trained with dropout; recorded ones that are not '
                             'given are left out anyway')
    parser.add_argument('--start', type=int, default=0, help='first frame, counted from 0')
    parser.add_argument('--end', type=int, help='frame after the last')
    parser.add_argument('--tile', type=int, help='work in square tiles of this side, for frames too large for memory')
    parser.add_argument('--overlap', type=int, default=32, help='pixels by which tiles overlap (default: 32)')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' (default: the GPU where there is one)")
    parser.add_argument('--dtype', choices=['auto', 'fp32', 'bf16', 'fp16'], default='auto')
    parser.add_argument('--compile', action='store_true', help='compile the network: a minute or so at the start, and '
                        'faster frames after it')
    parser.add_argument('--no-cut-reset', action='store_true', help='carry the state over scene cuts')
    parser.add_argument('--crf', type=int, default=18, help='quality of the video: 0 best, 51 worst (default: 18)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.bundle import load_model
    from photoreal.inference import VideoEnhancer, enhance_file
    model = load_model(args.model, args.checkpoint, tuple(args.cfg_options))
    enhancer = VideoEnhancer(model, args.device, args.dtype, args.tile, args.overlap, not args.no_cut_reset,
                             args.compile, args.leave_out)
    count, seconds = enhance_file(enhancer, args.input, args.out, args.modality, args.start, args.end, args.crf)
    print(f'{args.out}: {count} frames in {seconds:.1f} s, {count / seconds:.1f} frames/s')


if __name__ == '__main__':
    run_tool(main)
