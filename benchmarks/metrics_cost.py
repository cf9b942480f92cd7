"""What the default metrics of a test cost, as a share of the test step, in one process.

Random weights do: the cost does not depend on them. Model and metrics alternate frame by frame, so that whatever else
the machine does falls on both alike. Decoding and writing, which a test does besides, would make the share smaller.

example: python benchmarks/metrics_cost.py --config configs/tecogan_multimodal.py --size 1280x720 --frames 6
"""

import argparse
import time
from collections import defaultdict


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--config', default='configs/tecogan_multimodal.py')
    parser.add_argument('--size', default='1280x720', help='width x height of the predictions')
    parser.add_argument('--frames', type=int, default=6, help='frames of each video, one real and one virtual')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    import cv2
    import numpy as np
    import torch
    from mmengine.device import get_device
    from mmengine.registry import METRICS, MODELS

    from photoreal.config import load_config
    from photoreal.structures import FrameResult

    cfg = load_config(args.config, [])
    model = MODELS.build(cfg.model).to(get_device()).eval()
    generator, channels = model.trained_generator, model.data_preprocessor.layout.channels
    metrics = [METRICS.build(dict(metric)) for metric in cfg.test_evaluator if metric['type'] != 'LPIPS']
    width, height = map(int, args.size.split('x'))
    cv2.setNumThreads(0)  # as in a test, see configs/_base_/runtime.py

    rng, times = np.random.default_rng(0), defaultdict(float)
    large = cv2.GaussianBlur(rng.integers(0, 256, (height + 64, width + 64, 3), dtype=np.uint8), (0, 0), 2)

    def timed(name, call):
        start = time.perf_counter()
        result = call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times[name] += time.perf_counter() - start
        return result

    with torch.no_grad():
        condition = torch.rand(1, channels, height // model.scale, width // model.scale, device=get_device())
        state = generator.init_state(condition)
        generator.step(condition, state)  # the first is slower
        for domain in ('real', 'virtual'):
            state = generator.init_state(condition)
            for i in range(args.frames):
                _, state = timed('model', lambda state=state: generator.step(condition, state))
                shift = 2 * i % 64
                frame = np.ascontiguousarray(large[shift:shift + height, shift:shift + width])
                info = dict(domain=domain, video='v', name=str(i), index=i, length=args.frames, fps=25.0)
                result = FrameResult(cv2.GaussianBlur(frame, (0, 0), 1), frame, frame if domain == 'real' else None,
                                     None, info)
                for metric in metrics:
                    timed(type(metric).__name__, lambda metric=metric, result=result: metric.process(None, [result]))
        for metric in metrics:
            timed(type(metric).__name__, lambda metric=metric: metric.evaluate(2 * args.frames))
    count = 2 * args.frames
    for name, seconds in sorted(times.items(), key=lambda item: -item[1]):
        print(f'{name:16} {seconds / count * 1000:9.1f} ms a frame  {seconds / times["model"]:7.2%} of the model')
    share = sum(seconds for name, seconds in times.items() if name != 'model') / times['model']
    print(f'all metrics: {share:.1%} of the model, {get_device()}, {args.size}')


if __name__ == '__main__':
    main()
