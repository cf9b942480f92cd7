"""What each computed modality costs beside the step of ``nano``, the quickest generator, at the same size.

    python benchmarks/modalities_cost.py
    python benchmarks/modalities_cost.py --size 1920x1080 --rounds 5

Modality and generator take turns, on one thread each, in seconds of the processor; the quickest of some rounds counts.
A modality that takes more than a third of the step is marked: with two cores, on which modalities and generator
overlap, it is the generator alone that should be waited for.
"""

import argparse
import time
from typing import Any

import cv2
import numpy as np
import torch

from photoreal.bundle import load_untrained
from photoreal.modalities import build_modalities
from photoreal.precision import choose_dtype

COMPUTED: dict[str, dict[str, Any]] = {
    'Blur': {}, 'Edges': {}, 'Gray': {}, 'Posterize': {}, 'Palette': {}, 'LineDrawing': {}, 'Guided': {}, 'Smooth': {},
    'Kuwahara': {}, 'Superpixels': {}, 'Flow': {}}
MOST = 1 / 3


def timed(call: Any) -> tuple[float, Any]:
    """Seconds of the processor that a call takes, and its result."""
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--size', default='1920x1080', help='width x height')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--config', default='configs/realtime_nano.py')
    parser.add_argument('--only', nargs='+', choices=COMPUTED, default=list(COMPUTED))
    args = parser.parse_args()
    width, height = map(int, args.size.split('x'))
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    model = load_untrained(args.config)
    generator, kind = model.generator, choose_dtype('auto', torch.device('cpu'))
    scene = cv2.resize(np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8),
                       (width + 8, height + 8), interpolation=cv2.INTER_CUBIC)
    clip = np.stack([scene[i:i + height, i:i + width] for i in range(2)])
    modalities = build_modalities({name: dict(type=name, **COMPUTED[name]) for name in args.only})
    steps, best = [], dict.fromkeys(modalities, float('inf'))
    with torch.inference_mode(), torch.autocast('cpu', kind, enabled=kind != torch.float32):
        condition = torch.rand(1, model.preprocessor.layout.channels, height, width)
        _, state = generator.step(condition, generator.init_state(condition))
        for _ in range(args.rounds):
            for name, modality in modalities.items():
                seconds, (_, state) = timed(lambda state=state: generator.step(condition, state))
                steps.append(seconds)
                seconds, _ = timed(lambda modality=modality: modality.compute(clip[1 - modality.context:],
                                                                             **modality.sample(None)))
                best[name] = min(best[name], seconds)
    step = min(steps)
    print(f'step of {args.config} at {width}x{height} in {kind}: {1000 * step:.1f} ms')
    for name, seconds in sorted(best.items(), key=lambda item: item[1]):
        print(f'{name:<12} {1000 * seconds:8.1f} ms  {seconds / step:6.2f} of it'
              + '  more than a third' * (seconds > MOST * step))


if __name__ == '__main__':
    main()
