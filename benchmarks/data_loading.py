"""Clips from 1080p frames: photoreal's loader against the straightforward way, and folders against packed data.

The straightforward way decodes whole frames, computes the modalities on them, and cuts the crop out last. Both ways
make the same clips, bit for bit, which is checked first. Clips have 10 frames and crops of 256 pixels; two workers.

    python benchmarks/data_loading.py --json data_loading.json

It makes its frames (the sample's, enlarged, with the noise of a camera: some 3 MB a PNG) in a temporary folder of about
700 MB. Contenders take turns, and the best of the rounds counts, so that what else runs on the machine matters little.
"""

import argparse
import platform
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import photoreal
from photoreal.benchmark.data import time_loader, time_stages
from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.pack import pack
from photoreal.datasets.sources import FolderSource
from photoreal.datasets.transforms import to_tensor
from photoreal.datasets.writers import write_image, write_json
from photoreal.structures import ClipItem

HEIGHT, WIDTH, FRAMES = 1080, 1920, 24
WORKERS = 2
MODALITIES = {
    'blur, edges, smooth': dict(blur=dict(type='Blur'), edges=dict(type='Edges'), smooth=dict(type='Smooth')),
    'blur, edges, posterize': dict(blur=dict(type='Blur'), edges=dict(type='Edges'), poster=dict(type='Posterize')),
}
WAYS = {'straightforward, PNG': 'png', 'photoreal, PNG': 'png', 'photoreal, JPEG': 'jpg',
        'photoreal, video (H.264, a keyframe each 12)': 'video', 'photoreal, LMDB encoded': 'encoded.lmdb',
        'photoreal, LMDB raw': 'raw.lmdb'}


class Straightforward(Dataset):
    """The clips of a ClipDataset, made from whole frames."""

    def __init__(self, clips: ClipDataset) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, k: int) -> ClipItem:
        choice = self.clips.describe(k)
        files = [choice.video.frames.where(i) for i in choice.indices]
        frames = np.stack([cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB) for file in files])
        window, modalities = choice.windows[0], self.clips.modalities
        maps = {name: window.cut(m.compute(frames, **choice.params[name])) for name, m in modalities.items()}
        target = window.cut(frames)
        if choice.flip:
            maps = {name: modalities[name].flip(x) for name, x in maps.items()}
            target = target[:, :, ::-1]
        return ClipItem(maps={name: to_tensor(x) for name, x in maps.items()}, target=to_tensor(target))


def make_data(root: Path, sample: Path) -> None:
    """The same video as PNG, as JPEG, as a video file, and in both forms of an LMDB."""
    rng = np.random.default_rng(0)
    frames = FolderSource(sample)
    video = root / 'video/train/real/a/frames.mp4'
    video.parent.mkdir(parents=True)
    with av.open(str(video), 'w') as container:
        stream = container.add_stream('libx264', rate=25, options={'g': '12', 'crf': '18'})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, 'yuv420p'
        for i in range(FRAMES):
            frame = cv2.resize(frames.read([i])[0], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            frame = np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8)
            write_image(root / f'png/train/real/a/frames/{i:05d}.png', frame)
            write_image(root / f'jpg/train/real/a/frames/{i:05d}.jpg', frame)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))
    for form in ('encoded', 'raw'):
        pack(root / 'png', root / f'{form}.lmdb', raw=form == 'raw')


def dataset(root: Path, way: str, modalities: dict[str, dict]) -> Dataset:
    clips = ClipDataset(root / WAYS[way], modalities, clip_length=10, crop_size=256)
    return Straightforward(clips) if way.startswith('straightforward') else clips


def check_equal(root: Path, modalities: dict[str, dict]) -> None:
    """All ways without loss must make the same clips."""
    expected = dataset(root, 'straightforward, PNG', modalities)[3]
    for way in WAYS:
        if WAYS[way] in ('png', 'encoded.lmdb', 'raw.lmdb'):
            found = dataset(root, way, modalities)[3]
            same = torch.equal(found['target'], expected['target']) and all(
                torch.equal(found['maps'][name], expected['maps'][name]) for name in modalities)
            if not same:
                raise SystemExit(f'{way}: other clips than the straightforward way makes')


def measure(root: Path, modalities: dict[str, dict], rounds: int, clips: int) -> dict[str, float]:
    """Clips a second of every way, the best of the rounds."""
    best = dict.fromkeys(WAYS, 0.0)
    for _ in range(rounds):
        for way in WAYS:
            loader = DataLoader(dataset(root, way, modalities), batch_size=1, num_workers=WORKERS,
                                worker_init_fn=_single_thread)
            best[way] = max(best[way], time_loader(loader, clips if 'photoreal' in way else max(4, clips // 4)))
    return best


def _single_thread(_: int) -> None:
    cv2.setNumThreads(0)  # as training sets it: threads of workers would fight for the cores


def show(title: str, rates: dict[str, float]) -> None:
    slow, png = rates['straightforward, PNG'], rates['photoreal, PNG']
    print(f'\n{title}\n{"":46}clips/s  x straightforward  x PNG')
    for way, rate in rates.items():
        print(f'{way:46}{rate:7.2f}  {rate / slow:17.2f}  {rate / png:5.2f}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sample', default='data/sample/train/real/bikes_a/frames', help='frames to enlarge')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--clips', type=int, default=24, help='clips to time in a round')
    parser.add_argument('--json', help='write the numbers there too')
    args = parser.parse_args()
    results: dict[str, Any] = {'photoreal': photoreal.__version__, 'machine': platform.machine()}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_data(root, Path(args.sample))
        for title, modalities in MODALITIES.items():
            check_equal(root, modalities)
            results[title] = measure(root, modalities, args.rounds, args.clips)
            show(f'{title} ({WORKERS} workers)', results[title])
        for way in ('photoreal, PNG', 'photoreal, LMDB raw'):
            stages = time_stages(dataset(root, way, MODALITIES['blur, edges, smooth']), 1, 8)
            results[f'stages: {way}'] = stages
            print(f'\n{way}, ms a clip: ' + ', '.join(f'{stage} {ms:.1f}' for stage, ms in stages.items()))
    if args.json:
        write_json(args.json, results)


if __name__ == '__main__':
    main()
