"""Measure predictions of one virtual video side by side: how near to real frames, how still, what was kept.

example: python tools/compare.py --render val/virtual/street --real train/real/urban ours=work_dirs/drive/test
         python tools/compare.py --render street.mp4 --real drive.mp4 ours=seed0.mp4 ours=seed1.mp4 other=other.mp4

Rows of the same name, such as those of several seeds, become one: the mean, with its spread. The rows of the render,
of two transfers of colour alone and of held-out real frames are there in any case.
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('predictions', nargs='*', metavar='NAME=VIDEO',
                        help='a folder of frames, a video file, the output of a test, or a look (.cube), which is '
                             'applied to the render')
    parser.add_argument('--render', required=True, metavar='VIDEO', help='the virtual video that they were made of')
    parser.add_argument('--render-labels', metavar='DIR',
                        help="label maps of the render, Cityscapes' trainIds (default: segmentation/ in --render)")
    parser.add_argument('--real', required=True, action='append', metavar='VIDEO',
                        help='a real video to compare with; give it again for more')
    parser.add_argument('--held-out', action='append', metavar='VIDEO',
                        help='another real video, likewise (default: the last third of --real, which then counts only '
                             'here)')
    parser.add_argument('--encoder', action='append', metavar='NAME',
                        help='a network that sees the patches, likewise (default: squeezenet, efficientnet and vgg16, '
                             'as far as they are installed)')
    parser.add_argument('--frames', type=int, default=40, help='frames of each video to cut patches of (default: 40)')
    parser.add_argument('--crops', type=int, default=4, help='patches of each frame (default: 4)')
    parser.add_argument('--patch', type=int, default=128, help='width and height of a patch (default: 128)')
    parser.add_argument('--first', type=int, metavar='N', help='look at no more than the first N frames of the render')
    parser.add_argument('--out', help='write all values as JSON to this file')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from photoreal.judging.compare import compare_videos
    from photoreal.judging.table import USUAL
    print(compare_videos(args.predictions, args.render, args.real, render_labels=args.render_labels,
                         held_out=args.held_out, encoders=args.encoder or USUAL, frames=args.frames,
                         crops=args.crops, side=args.patch, first=args.first, out=args.out))
