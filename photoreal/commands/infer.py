"""Make any video photoreal: a file, pictures, a pipe, a camera or a stream in; a video, pictures or a pipe out.

example: python tools/infer.py model.safetensors drive.mp4 --out photoreal.mp4
example: python tools/infer.py configs/demo.py frames/ --checkpoint work_dirs/demo/latest.pth --out predicted/
example: torchrun --nproc_per_node=2 tools/infer.py model.safetensors videos/ --out photoreal/
example: python tools/infer.py model.safetensors rtsp://camera/live --stream --out - --format mpegts | ffplay -
"""

import argparse
import os
import sys
from functools import partial

from photoreal.cli import ToolParser, frame_rate


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('model', help='a bundle (*.safetensors), or a config together with --checkpoint')
    parser.add_argument('input', help='a video file, a folder of pictures, a picture, a pattern in quotes '
                        "('shots/*.png'), - for the standard input (raw frames with --size, else mkv, mpegts, y4m), "
                        'camera:0, or a URL; or a folder or a pattern of several videos, which processes that torchrun '
                        'started share')
    parser.add_argument('--out', required=True, help='a video file (.mp4, .mkv ...), a picture (.png ...), - for the '
                        'standard output, else a folder of PNGs')
    parser.add_argument('--checkpoint', help='weights for a config: a file, a work dir, or a URL of either')
    parser.add_argument('--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='override keys of the config')
    parser.add_argument('--modality', nargs='+', default=[], metavar='NAME=PATH',
                        help='recorded modalities: whatever can be an input, with as many maps as frames')
    parser.add_argument('--leave-out', nargs='+', default=[], metavar='NAME',
                        help='modalities to do without, for models trained with dropout; recorded ones that are not '
                             'given are left out anyway')
    parser.add_argument('--look', metavar='CUBE', help="a .cube file in place of the model's look, or none for frames "
                        'as they are')
    parser.add_argument('--camera', metavar='JSON', help="a camera of fit-camera in place of the model's, or none for "
                        'predictions without blur and noise')
    shown = parser.add_argument_group('what is shown of the prediction')
    shown.add_argument('--strength', type=float, default=1.0, help='0 gives the input, 1 the prediction (default), and '
                       "between them a blend, of the look and the model's own camera, too; --camera FILE stays whole")
    shown.add_argument('--guard', type=on_or_off, nargs='?', const=1.0, default=0.0, metavar='0..1',
                       help='go back to the input where the prediction shows what the input does not: on, off '
                            '(default), or how far')
    shown.add_argument('--keep', nargs='+', default=[], metavar='CLASS', help='classes, by number or name, that stay '
                       "as in the input: of the model's labels, else of segmentation/ or --modality segmentation=PATH")
    shown.add_argument('--keep-mask', metavar='PATH', help='what stays as in the input: white in masks, one a frame, '
                       'whatever can be an input')
    parser.add_argument('--streams', type=int, default=1, help='how many videos of a folder are predicted at once, '
                        'their frames as one batch (default: 1)')
    parser.add_argument('--start', type=int, default=0, help='first frame, counted from 0')
    parser.add_argument('--end', type=int, help='frame after the last')
    parser.add_argument('--tile', type=int, help='work in square tiles of this side, for frames too large for memory')
    parser.add_argument('--overlap', type=int, default=32, help='pixels by which tiles overlap (default: 32)')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' (default: the GPU where there is one)")
    parser.add_argument('--dtype', choices=['auto', 'fp32', 'bf16', 'fp16'], default='auto')
    parser.add_argument('--compile', action='store_true', help='compile the network: a minute or so at the start, and '
                        'faster frames after it')
    parser.add_argument('--no-cut-reset', action='store_true', help='carry the state over scene cuts')
    parser.add_argument('--codec', default='h264', help='h264 (default), h265, or ffv1, which loses nothing (.mkv)')
    parser.add_argument('--crf', type=int, help='quality of the video: 0 best, 51 worst (default: 18)')
    parser.add_argument('--format', choices=['y4m', 'raw', 'mkv', 'mpegts'], default='y4m', help='what --out - writes: '
                        'uncompressed y4m (default) or raw rgb24, or a container with the codec and the sound')
    parser.add_argument('--no-audio', action='store_true', help='leave the sound out')
    parser.add_argument('--size', type=width_x_height, metavar='WIDTHxHEIGHT', help='of raw rgb24 frames on a pipe, or '
                        'to ask a camera for')
    parser.add_argument('--fps', type=frame_rate, help='of pictures (default: meta.json beside them, else 25), of raw '
                        'frames, or to ask a camera for')
    parser.add_argument('--skip-bad', action='store_true', help='go on after a frame that cannot be read or has '
                        'another size: the prediction before it is repeated')
    parser.add_argument('--stream', action='store_true', help='as little delay as can be: every frame is encoded at '
                        'once, and none is waited for (so that scene cuts are not noticed)')
    return parser.parse_args()


def width_x_height(text: str) -> tuple[int, int]:
    """A type of option: '1280x720', as FFmpeg writes sizes -> (720, 1280)."""
    width, _, height = text.partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"found '{text}'; expected WIDTHxHEIGHT, such as 1280x720")
    return int(height), int(width)


def on_or_off(text: str) -> float:
    """A type of option: 'on', 'off', or a number between."""
    try:
        return {'on': 1.0, 'off': 0.0}[text] if text in ('on', 'off') else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"found '{text}'; expected on, off, or a number from 0 to 1") from None


def main() -> None:
    args = parse_args()
    from photoreal.bundle import load_model
    from photoreal.camera import CameraSettings
    from photoreal.errors import ConfigError
    from photoreal.inference import Reading, VideoEnhancer, Writing, enhance_file
    from photoreal.inference.batch import enhance_jobs, find_jobs, own_device, own_share, processes
    from photoreal.inference.keeping import KEEP_MASK
    from photoreal.inference.outputs import take_stdout
    from photoreal.inference.places import place_of
    from photoreal.look import build_look
    from photoreal.storage import local
    reading = Reading(args.start, args.end, args.size, args.fps, not args.no_audio)
    say = partial(print, file=sys.stderr)
    writing = Writing(args.codec, args.crf, args.format, args.stream, pipe=take_stdout() if args.out == '-' else None)
    place_of(args.out)  # a name that cannot be is told of before the model is loaded
    args.input = local(args.input)
    args.modality = ['='.join([name, local(path)]) if equals else name
                     for name, equals, path in (text.partition('=') for text in args.modality)]
    if args.keep_mask:
        args.modality.append(f'{KEEP_MASK}={local(args.keep_mask)}')
    jobs = find_jobs(args.input, args.out, args.codec, say)
    model = load_model(args.model, args.checkpoint, tuple(args.cfg_options))
    if args.look is not None:
        model.look = None if args.look == 'none' else build_look(args.look)
    if args.camera is not None:
        model.camera = None if args.camera == 'none' else CameraSettings.load(args.camera)
    enhancer = VideoEnhancer(model, args.device or own_device(), args.dtype, args.tile, args.overlap,
                             not (args.no_cut_reset or args.stream), args.compile, args.leave_out, args.streams,
                             strength=args.strength, guard=args.guard, keep=args.keep,
                             camera_strength=None if args.camera is None else 1.0)
    if jobs:
        with processes() as (rank, count):
            enhance_jobs(enhancer, own_share(jobs, rank, count), args.modality, reading, writing, args.skip_bad,
                         args.streams)
        return
    if args.streams > 1 or int(os.environ.get('WORLD_SIZE', 1)) > 1:
        raise ConfigError(f'{args.input} is one input: --streams and torchrun are for folders of several videos')
    done = enhance_file(enhancer, args.input, args.out, args.modality, reading, writing, args.skip_bad,
                        say=say)
    print(f'{args.out}: {done.frames} frames in {done.seconds:.1f} s, {done.frames / done.seconds:.1f} frames/s'
          + f', {done.repeated} of them repeated' * bool(done.repeated))
