"""A small project of TecoGAN-PyTorch: its data, and experiments as YAML files."""

from pathlib import Path
from typing import Any

import cv2
import lmdb
import numpy as np
import yaml

from photoreal.datasets.writers import write_image

HEIGHT, WIDTH, LENGTH = 72, 88, 5
KINDS = [(degradation, model, scale) for degradation in ('BD', 'BI') for model in ('FRVSR', 'TecoGAN')
         for scale in (2, 4)]


def video(seed: int) -> np.ndarray:
    """(T, H, W, 3) uint8: a window that moves over a smooth picture."""
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(0, 256, (8, 9, 3), dtype=np.uint8), (WIDTH + LENGTH, HEIGHT + LENGTH))
    return np.stack([scene[i:i + HEIGHT, i:i + WIDTH] for i in range(LENGTH)])


def make_data(root: Path) -> None:
    """``data/Old/GT.lmdb`` with two videos, and ``data/Four/GT`` with two folders of pictures."""
    (root / 'data/Old').mkdir(parents=True)
    with lmdb.open(str(root / 'data/Old/GT.lmdb'), map_size=1 << 24) as environment, \
            environment.begin(write=True) as writing:
        for seed, name in enumerate(('scene_1', 'scene_2')):
            for i, frame in enumerate(video(seed)):
                writing.put(f'{name}_{LENGTH}x{HEIGHT}x{WIDTH}_{i:04d}'.encode(), frame.tobytes())
    for seed, name in enumerate(('calendar', 'walk')):
        for i, frame in enumerate(video(10 + seed)[:3]):
            write_image(root / f'data/Four/GT/{name}/{i:04d}.png', frame)


def experiment(degradation: str = 'BD', model: str = 'TecoGAN', scale: int = 4, **changes: Any) -> dict[str, Any]:
    """The YAML of an experiment as nested dicts, tiny; ``changes``: values by key, with __ for the dots."""
    train = {'name': 'Old', 'data_type': 'rgb', 'filter_file': None, 'batch_size_per_gpu': 1, 'num_worker_per_gpu': 0,
             'pin_memory': True}
    train |= {'seq_dir': 'data/Old/GT.lmdb', 'crop_size': 32} if degradation == 'BD' else \
        {'gt_seq_dir': 'data/Old/GT.lmdb', 'lr_seq_dir': 'data/Old/Bicubic4xLR.lmdb', 'gt_crop_size': 32}
    player = {'lr': 5e-5, 'lr_schedule': {'type': 'FixedLR'}, 'betas': [0.9, 0.999]}
    values: dict[str, Any] = {
        'scale': scale, 'manual_seed': 3, 'verbose': True,
        'dataset': {
            'degradation': {'type': degradation} | ({'sigma': 1.5} if degradation == 'BD' else {}),
            'train': train,
            'test': {'name': 'Four', 'gt_seq_dir': 'data/Four/GT', 'lr_seq_dir': None, 'filter_list': ['walk'],
                     'num_worker_per_gpu': 0, 'pin_memory': True}},
        'model': {'name': model, 'generator': {'name': 'FRNet', 'in_nc': 3, 'out_nc': 3, 'nf': 4, 'nb': 2,
                                               'load_path': None}},
        'train': {
            'tempo_extent': 4, 'start_iter': 0, 'total_iter': 5,
            'generator': player if model == 'TecoGAN' else player | {
                'lr': '1e-4', 'lr_schedule': {'type': 'MultiStepLR', 'milestones': [2, 4], 'gamma': 0.5}},
            'moving_first_frame': True, 'moving_factor': 0.7,
            'pixel_crit': {'type': 'CB', 'weight': 1, 'reduction': 'mean'},
            'warping_crit': {'type': 'CB', 'weight': 1, 'reduction': 'mean'}},
        'test': {'test_freq': 5, 'save_res': False, 'res_dir': None, 'save_json': True, 'json_dir': None,
                 'padding_mode': 'reflect', 'num_pad_front': 2},
        'metric': {'PSNR': {'colorspace': 'y'}, 'tOF': {'colorspace': 'y'}},
        'logger': {'log_freq': 1, 'decay': 0.99, 'ckpt_freq': 5}}
    if model == 'TecoGAN':
        values['model']['discriminator'] = {'name': 'STNet', 'in_nc': 3, 'tempo_range': 3, 'load_path': None}
        values['train'] |= {
            'discriminator': {**player, 'update_policy': 'adaptive', 'update_threshold': 0.4,
                              'crop_border_ratio': 0.75},
            'feature_crit': {'type': 'CosineSimilarity', 'weight': 0.2, 'reduction': 'mean', 'feature_layers': [3, 8]},
            'pingpong_crit': {'type': 'CB', 'weight': 0.5, 'reduction': 'mean'},
            'gan_crit': {'type': 'GAN', 'weight': 0.01, 'reduction': 'mean'}}
    for key, value in changes.items():
        *sections, last = key.split('__')
        node = values
        for section in sections:
            node = node.setdefault(section, {})
        node[last] = value
    return values


def write(path: Path, values: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values))
    return path


def for_testing(values: dict[str, Any], load_path: str, **test: Any) -> dict[str, Any]:
    """The YAML that tests what another one trains."""
    dataset = {key: value for key, value in values['dataset'].items() if key != 'train'}
    generator = {**values['model']['generator'], 'load_path': load_path}
    return {'scale': values['scale'], 'manual_seed': 0, 'dataset': dataset,
            'model': {'name': values['model']['name'], 'generator': generator},
            'test': {'save_res': True, 'res_dir': None, **test}, 'metric': values['metric']}
