"""The tables and the plot of docs/camera.md: what cameras are fitted, what they cost, and what they do to metrics.

    python benchmarks/camera.py /path/to/drive --video highway.mp4 --out work_dirs/camera --docs docs/camera.md

DRIVE is a data set in photoreal's layout. A camera is fitted to its real video and to each other video that is named.
Then the render goes through the look alone, the shipped model alone, each of them with a camera, and H.264 alone; all
of it is measured against the real video by an encoder that nothing was trained with. Speed is a ratio to `nano`'s step
on one core, both timed in turns. `--only fit speed` leaves out what takes long.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from generator_cpu import Stream
from results import HELD_OUT_PART, LOOK, fitted_look, insert

from photoreal.bundle import load_bundle, load_untrained
from photoreal.camera import Camera, CameraFit, CameraSettings, fit_camera, noise
from photoreal.camera.footage import shots_from
from photoreal.camera.shots import Shot
from photoreal.camera.summary import summarise
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image
from photoreal.inference import VideoEnhancer
from photoreal.judging.footage import Footage, fit, open_footage
from photoreal.judging.table import BASELINES, HELD_OUT, RENDER, Setting, measure_rows
from photoreal.metrics import WarpError
from photoreal.precision import choose_dtype
from photoreal.structures import FrameResult
from photoreal.testing.networks import moving_clip

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / 'examples/models/photoreal_any.safetensors'
SIZE = 360, 640  # that speed is measured at
TYPICAL = CameraSettings(blur=0.0016, bloom=0.08, aberration=0.0004, vignette=0.1, noise=0.005, shot=1e-4, grain=0.001,
                         rolloff=0.03)
SPECTRA = 24  # frames of a spectrum


def fits(videos: dict[str, Footage], count: int) -> tuple[dict[str, CameraFit], str]:
    """The camera of each video, and a table of them."""
    found = {name: fit_camera(shots_from(video.source, count)) for name, video in videos.items()}
    lines = {name: summarise(one, one.size[0]) for name, one in found.items()}
    rows = ['| | ' + ' | '.join(f'{name}, {one.size[1]}x{one.size[0]} | used' for name, one in found.items()) + ' | |',
            '|---' * (2 * len(found) + 2) + '|']
    for same in zip(*lines.values(), strict=True):
        cells = [cell for line in same for cell in (line.found, line.used)]
        rows.append(f'| {same[0].name} | {" | ".join(cells)} | {same[0].meaning} |')
    return found, '\n'.join(rows)


def speed(rounds: int) -> str:
    """A table of milliseconds and shares of `nano`'s step, on one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    step = Stream(load_untrained(ROOT / 'configs/realtime_nano.py').generator, moving_clip(1, 4, 4, *SIZE),
                  choose_dtype('auto', torch.device('cpu')))
    clip = moving_clip(1, 2, 3, *SIZE)[0]  # (2, 3, H, W)
    clip[..., :SIZE[0] // 3, :SIZE[1] // 3] = 1  # a highlight: without one there is no bloom to compute
    frames = list((255 * clip.clamp(0, 1)).byte().permute(0, 2, 3, 1).contiguous().numpy())
    cameras = {name: TYPICAL.without(*({'motion', 'aberration', 'blur', 'bloom', 'vignette', 'noise', 'rolloff'}
                                       - {name})) for name in ('aberration', 'blur', 'bloom', 'vignette', 'noise',
                                                               'rolloff')}
    cameras |= {'all of these': TYPICAL, 'motion blur on top': CameraSettings(shutter=0.5)}
    contenders: dict[str, Callable[[], object]] = {'nano': step}
    for name, settings in cameras.items():
        contenders[name] = partial(Camera(settings).film, frames[1], 0, 1.0, (frames[1], frames[0]))
    seconds = dict.fromkeys(contenders, float('inf'))
    for turn in range(1 + rounds):
        for name, run in contenders.items():
            for _ in range(4):
                began = time.process_time()  # of one thread: what else runs on the machine is not counted
                run()
                if turn:  # the first one fills caches
                    seconds[name] = min(seconds[name], time.process_time() - began)
    rows = ['| one core, 640x360 | ms | share of `nano` |', '|---|---|---|']
    return '\n'.join(rows + [f'| {name} | {1000 * took:.2f} | {took / seconds["nano"]:.3f} |'
                             for name, took in seconds.items()])


def rendered(name: str, frames: Iterable[np.ndarray], out: Path) -> Footage:
    """Frames as a folder of PNGs, made anew."""
    folder = out / name.replace(' ', '_').replace(',', '')
    for i, frame in enumerate(frames):
        write_image(folder / f'{i:05d}.png', frame)
    return open_footage(folder)


def compressed(video: Footage, crf: int, out: Path) -> Footage:
    path = out / f'crf{crf}.mp4'
    with VideoWriter(path, 25, crf=crf) as writer:
        for frame in video:
            writer.write(frame)
    return open_footage(path)


def warping_error(video: Footage, render: Footage) -> float:
    metric = WarpError('virtual')
    for i in range(len(video)):
        metric.process(None, [FrameResult(
            pred=video.read(i), frame=render.read(i), target=None, image=None, labels=None,
            info={'domain': 'virtual', 'video': 'video', 'name': str(i), 'index': i, 'length': len(video), 'fps': 25})])
    metric.compute_metrics(metric.results)
    return float(np.mean([x for x in metric.per_frame['virtual/video']['warp_error'] if x is not None]))


def noise_of(video: Footage) -> noise.Curve:
    """Noise as fit-camera finds it."""
    return noise.solve([noise.observe(Shot([video.read(i), video.read(i + 1)]))
                        for i in range(0, len(video) - 1, max(1, len(video) // SPECTRA))])


def judged(render: Footage, real: Footage, look: Callable[[np.ndarray], np.ndarray], fitted: CameraSettings,
           encoder: str, frames: int, out: Path) -> tuple[str, dict[str, Footage]]:
    """A table of the render by every way, and the videos."""
    model = load_bundle(MODEL)
    own, model.camera = model.camera, None
    looked = rendered(LOOK, map(look, render), out)
    predicted = rendered('shipped model', VideoEnhancer(model, 'cpu')(iter(render)), out)
    rows, calm = {LOOK: looked, 'shipped model': predicted}, {}
    for name, video, camera in ((f'{LOOK}, fitted camera', looked, fitted),
                                ('shipped model, its camera', predicted, own),
                                ('shipped model, fitted camera', predicted, fitted)):
        rows[name] = rendered(name, map(Camera(camera).take(), video), out)
        calm[name] = rendered(f'{name} without noise', map(Camera(camera.without('noise')).take(), video), out)
    rows |= {f'render, H.264 at crf {crf}': compressed(render, crf, out) for crf in (18, 28)}
    kept, held_out = real.split(1 - HELD_OUT_PART)
    setting = Setting(render, [kept], [held_out], frames=frames)
    found = measure_rows(setting, {name: [video] for name, video in rows.items()}, [encoder],
                         lambda text: print(text, file=sys.stderr, flush=True))
    titles = ('', f'{encoder}: KID x1000', 'way %', 'SW', 'way %', 'warping error', 'without the noise', 'noise',
              'edges kept')
    lines = [f'| {" | ".join(titles)} |', '|---' * len(titles) + '|']
    for row in found:
        if row.name in BASELINES:
            continue
        cells = [_cell(row.values, f'{key} {encoder}', digits, factor) for key, digits, factor in (
            ('kid', 0, 1), ('kid way', 0, 100), ('sw', 2, 1), ('sw way', 0, 100))]
        cells.append(_cell(row.values, 'warp_error', 1, 1))
        cells.append(f'{warping_error(calm[row.name], render):.1f}' if row.name in calm else '')
        black, gain = noise_of({**rows, RENDER: render, HELD_OUT: held_out}[row.name]).line
        cells += [f'{255 * max(0.0, black + gain / 2)**0.5:.1f}', _cell(row.values, 'edge_f1', 3, 1)]
        lines.append(f'| {row.name} | {" | ".join(cells)} |')
    return '\n'.join(lines), rows


def _cell(values: dict, key: str, digits: int, factor: int) -> str:
    if key not in values:
        return ''
    found = values[key]
    error = '' if found.error is None else f' ± {factor * found.error:.{digits}f}'
    return f'{factor * found.value:.{digits}f}{error}'


def spectrum(video: Footage, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Cycles a pixel, at the height of the render, and amplitude in levels of 255."""
    total = []
    for i in np.linspace(0, len(video) - 1, SPECTRA).astype(int):
        luma = cv2.cvtColor(fit(video.read(i), height), cv2.COLOR_RGB2GRAY).astype(np.float64)
        luma = (luma - luma.mean()) * np.hanning(luma.shape[0])[:, None] * np.hanning(luma.shape[1])
        power = np.abs(np.fft.fft2(luma))**2 / luma.size
        at = np.hypot(np.fft.fftfreq(luma.shape[0])[:, None], np.fft.fftfreq(luma.shape[1]))
        bins = np.minimum((at / 0.02).astype(int), 25)
        total.append(np.bincount(bins.ravel(), power.ravel(), 26) / np.bincount(bins.ravel(), minlength=26))
    return 0.02 * (np.arange(1, 25) + 0.5), np.sqrt(np.mean(total, axis=0))[1:25]


def plot(videos: dict[str, Footage], height: int, path: Path) -> None:
    """Spectrum and noise by brightness."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 3), dpi=80, layout='constrained')
    left, right = figure.subplots(1, 2)
    for name, video in videos.items():
        left.semilogy(*spectrum(video, height), label=name)
        curve = noise_of(video)
        right.plot(curve.level, 255 * curve.deviation, 'o-', label=name, markersize=3)
    left.set(xlabel='cycles a pixel', ylabel='amplitude, levels of 255')
    right.set(xlabel='brightness', ylabel='noise, levels of 255', xlim=(0, 1), ylim=(0, None))
    left.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('drive', type=Path)
    parser.add_argument('--out', type=Path, required=True)
    parser.add_argument('--video', type=Path, action='append', default=[], help='more footage to fit a camera to')
    parser.add_argument('--real', default='urban', help='video of train/real (default: urban)')
    parser.add_argument('--virtual', default='street_b', help='video of train/virtual for the look (default: street_b)')
    parser.add_argument('--street', default='street', help='video of val/virtual to measure on (default: street)')
    parser.add_argument('--encoder', default='vgg16', help='see tools/compare.py (default: vgg16)')
    parser.add_argument('--shots', type=int, default=48, help='moments that a camera is fitted to (default: 48)')
    parser.add_argument('--first', type=int, help='so many frames of the render count (default: all)')
    parser.add_argument('--frames', type=int, default=40, help='of each video that patches are cut of (default: 40)')
    parser.add_argument('--rounds', type=int, default=3, help='of timing (default: 3)')
    parser.add_argument('--only', nargs='+', choices=['fit', 'speed', 'judge'], default=['fit', 'speed', 'judge'])
    parser.add_argument('--docs', type=Path, help='put the tables into this page, and the plot beside it')
    return parser.parse_args()


def say(table: str) -> str:
    print(table, end='\n\n', flush=True)
    return table


def main() -> None:
    args = parse_args()
    tables: list[str] = []
    args.out.mkdir(parents=True, exist_ok=True)
    real = open_footage(args.drive / 'train/real' / args.real)
    if 'speed' in args.only:
        tables.append(say(speed(args.rounds)))
    if 'fit' in args.only or 'judge' in args.only:
        found, table = fits({args.real: real} | {path.stem: open_footage(path) for path in args.video}, args.shots)
        found[args.real].settings.save(args.out / 'camera.json')
        tables.insert(0, say(table))
    if 'judge' in args.only:
        render = open_footage(args.drive / 'val/virtual' / args.street).first(args.first)
        look = fitted_look(args.drive / 'train/virtual' / args.virtual, args.drive / 'train/real' / args.real)
        table, rows = judged(render, real, look.apply, found[args.real].settings, args.encoder,
                             args.frames, args.out)
        tables.append(say(table))
        image = (args.docs.parent / 'images' if args.docs else args.out) / 'camera.png'
        plot({f'real ({args.real})': real, 'render': render, 'look': rows[LOOK],
              'look + camera': rows[f'{LOOK}, fitted camera']}, render.size[0], image)
    if args.docs:
        insert('\n\n'.join(tables), args.docs)


if __name__ == '__main__':
    main()
