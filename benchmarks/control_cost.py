"""What strength, structure guard and kept classes cost, as shares of a predicted frame, in one process.

Prediction and each control take turns frame by frame, so that whatever else the machine does falls on all alike.

example: python benchmarks/control_cost.py examples/models/photoreal_any.safetensors --size 640x360 --frames 10
"""

import argparse
import time
from collections.abc import Callable
from typing import Any


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', nargs='?', default='examples/models/photoreal_any.safetensors')
    parser.add_argument('--size', default='640x360', help='width x height of the frames')
    parser.add_argument('--frames', type=int, default=10)
    parser.add_argument('--device')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import numpy as np

    from photoreal.bundle import load_model
    from photoreal.inference import Control, VideoEnhancer, compose
    from photoreal.inference.structure import StructureGuard
    from photoreal.testing.modality import street_frames

    width, height = map(int, args.size.split('x'))
    frames = street_frames(np.random.default_rng(0), args.frames + 1, height, width)
    labels = np.zeros((len(frames), height, width, 1), np.uint8)
    labels[:, height // 3:height * 2 // 3, width // 3:width * 2 // 3] = 13
    enhancer = VideoEnhancer(load_model(args.model), args.device)
    guard, times = StructureGuard(), {}
    layers = enhancer.layers(frames, {'segmentation': labels})
    next(layers)  # what is set up once

    def timed(name: str, work: Callable, *args: Any) -> Any:
        began = time.perf_counter()
        made = work(*args)
        times.setdefault(name, []).append(time.perf_counter() - began)
        return made

    for _ in range(args.frames):
        one = timed('prediction', next, layers)
        timed('guard', guard.watch, one.looked, one.pred)
        timed('strength', compose, one, Control(strength=0.5))
        timed('keep', compose, one, Control(keep=(13,)))
        if enhancer.camera is not None:
            timed('camera', compose, one, Control(), enhancer.camera)
    whole = np.median(times['prediction'])
    print(f'{args.size} on {enhancer.device}, medians of {args.frames} frames')
    for name, spent in times.items():
        print(f'{name:12}{np.median(spent) * 1000:8.1f} ms {np.median(spent) / whole:7.1%} of a prediction')


if __name__ == '__main__':
    main()
