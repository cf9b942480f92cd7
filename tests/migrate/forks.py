"""Multimodal experiments at scale 1 as different people wrote them, and the data that they are for."""

from pathlib import Path

import cv2
import numpy as np
import torch

from photoreal.datasets.writers import write_image
from photoreal.migrate.inputs import SEMANTIC
from photoreal.models.features import AlexNetFeatures, VGG19Features

HEIGHT, WIDTH, LENGTH = 36, 44, 5
VIDEOS = {'train/real': ['park', 'road'], 'val/real': ['lane'], 'val/virtual': ['game']}

_TAIL = """
test:
  test_freq: 5
  save_res: true
metric:
  PSNR: {colorspace: y, mult: 1.0}
logger:
  log_freq: 1
  decay: 0.99
  ckpt_freq: 5
"""

# The public examples of the multimodal fork: the target and numbered inputs in each section, types, beta1 and beta2.
NUMBERED = """
# basic configs
scale: 1
manual_seed: 0
verbose: true
experiment: 'first' # !!
dataset:
  degradation:
    type: Multimodal
  train:
    name: Multimodal
    data_path: data/set/train
    domain: real
    add_background: false
    modalities: &all
      ground_truth: {name: frames, type: standard, ext: [.jpg, .png]}
      input_1:
        name: style # (1/3 1/3)
        type: standard
        ext:
          - .jpg
          - .png
      input_2: {name: segments, type: semantic, ext: [.png]}
      input_3: {name: normal_renders, type: normal_map, ext: [.png]}
    gt_crop_size: 32
    batch_size: 1
    num_workers: 0
    pin_memory: true
    decode: true
  validate1: {name: Multimodal, data_path: data/set/val, domain: real, framewise: true, modalities: *all,
              num_workers: 0, pin_memory: true, decode: true}
  validate2: {name: Multimodal, data_path: data/set/val, domain: virtual, framewise: true, modalities: *all,
              num_workers: 0, pin_memory: true, decode: true}
model:
  name: TecoGAN
  generator: {name: FRNet, in_nc: 30, out_nc: 3, nf: 4, nb: 1, load_path: ~}
  discriminator: {name: STNet, orig_nc: 30, in_nc: 3, tempo_range: 3, load_path: ~}
train:
  tempo_extent: 3
  start_iter: 0
  total_iter: 5
  res_dir: /disk/results
  generator: {lr: !!float 5e-5, lr_schedule: {type: FixedLR}, beta1: 0.9, beta2: 0.99}
  discriminator: {update_policy: adaptive, update_threshold: 0.4, crop_border_ratio: 0.75, lr: !!float 5e-5,
                  lr_schedule: {type: FixedLR}, beta1: 0.9, beta2: 0.999}
  moving_first_frame: false
  moving_factor: 0.7
  pixel_crit: {type: CB, weight: 1, reduction: mean}
  warping_crit: {type: CB, weight: 1, reduction: mean}
  feature_crit: {type: CosineSimilarity, weight: 0.2, reduction: mean, feature_layers: [3, 8]}
  pingpong_crit: {type: CB, weight: 0.5, reduction: mean}
  gan_crit: {type: GAN, weight: 0.01, reduction: mean}
test:
  test_freq: 5
  save_res: true
  res_dir: results   # use default dir
  save_json: false
  json_dir: ~
  padding_mode: reflect
  num_pad_front: 5
metric:
  PSNR: {colorspace: y, mult: 1.0}
  LPIPS: {model: net-lin, net: alex, colorspace: rgb, spatial: false, version: 0.1, mult: 1.0}
  tOF: {mult: 1.0}
logger: {log_freq: 1, decay: 0.99, ckpt_freq: 5}
"""

# A list of names, one folder for each split, no scale, no count of channels, the GPU in the file.
NAMES = """
manual_seed: 7
gpu_id: -1
dataset:
  train_dir: data/set/train
  val_dir: data/set/val
  modalities: [style, depth, labels]
  train: {crop_size: 32, batch_size: 1, num_workers: 0}
  val: {num_workers: 0}
model:
  name: TecoGAN
  generator: {name: FRNet, nf: 4, nb: 1, load_path:}
  discriminator: {name: STNet}
train:
  tempo_extent: 3
  total_iter: 5
  generator: {lr: 1e-4, lr_schedule: {type: OneCycleLR}}
  discriminator: {lr: 1e-4}
  pixel_crit: {type: L1, weight: 1}
  gan_crit: {type: LSGAN, weight: 0.01}
""" + _TAIL

# Names with options, one root for all, no criteria, other words for the length of a clip and the iterations.
OPTIONS = """
scale: 1
seed: 3
dataset:
  root: data/set
  train:
    patch_size: 32
    batch_size: 1
    num_workers: 0
    num_frames: 3
    modalities:
      normal_renders: {channels: 3}
      depth: {channels: 1}
      labels: {type: segmentation, num_classes: 5}
  test: {num_workers: 0}
model:
  name: TecoGAN
  generator: {name: FRNet, in_nc: 9, nf: 4, nb: 1, load_path: ~}
train:
  max_iters: 5
  lr: 1e-4
  augmentations: {hflip: true}
  clip_grad: 1.0
""" + _TAIL

# A section for each domain of the validation, folders of single domains, a text with commas, the frames among them.
SECTIONS = """
scale: 1
manual_seed: 0
dataset:
  degradation: {type: BI}
  train: {name: Mine, gt_seq_dir: data/set/train/real, gt_crop_size: 32, batch_size_per_gpu: 1, num_worker_per_gpu: 0}
  val_real: {name: Mine, gt_seq_dir: data/set/val/real, num_worker_per_gpu: 0}
  val_virtual: {name: Mine, gt_seq_dir: data/set/val/virtual, num_worker_per_gpu: 0}
model:
  name: TecoGAN
  generator: {name: FRNet, modalities: 'frames, style, labels', in_nc: 6, out_nc: 3, nf: 4, nb: 1, load_path: ~}
  discriminator: {name: SNet, in_nc: 3, use_cond: true}
train:
  tempo_extent: 3
  total_iter: 5
  generator: {lr: 5e-5, betas: [0.9, 0.999]}
  discriminator: {lr: 5e-5, update_policy: always}
  pixel_crit: {type: MSE, weight: 1}
  warping_crit: {type: CB, weight: 1}
  gan_crit: {type: GAN, weight: 0.01}
""" + _TAIL

# Nothing is listed: all folders beside the frames; no discriminator; keys that nobody knows.
BARE = """
scale: 1
data_root: data/set
dataset:
  train: {crop_size: 32, batch_size: 1, num_workers: 0, shufle: true}
model:
  name: FRVSR
  generator: {name: FRNet, nf: 4, nb: 1, load_pth: old.pth}
train:
  tempo_extnt: 3
  clip_length: 3
  total_iter: 5
  generator: {lr: fast}
  pixel_crit: {type: Huber, weight: 1}
""" + _TAIL

# Modality before video on the disk, a list of mappings, `datasets`, test sections by domain, a frame folder of its own.
BY_MODALITY = """
scale: 1
datasets:
  train:
    dataroot: data/by_modality/train
    domain: real
    crop_size: 32
    batch_size: 1
    num_workers: 0
    modalities:
      - {name: rgb_in, channels: 3}
      - labels: {num_classes: 5}
  test1: {dataroot: data/by_modality/val, domain: real, num_workers: 0}
  test2: {dataroot: data/by_modality/val, domain: virtual, num_workers: 0}
model:
  name: MyTecoGAN
  generator: {name: MyFRNet, nf: 4, nb: 1}
  discriminator: {name: STNet, tempo_range: 3}
train:
  seq_len: 3
  total_iter: 5
  generator: {lr: 5e-5, lr_schedule: {type: CosineAnnealingRestartLR, periods: [3, 2], restart_weights: [1, 0.5]}}
  discriminator: {lr: 5e-5}
  pixel_crit: {type: CB, weight: 1}
  gan_crit: {type: GAN, weight: 0.01}
""" + _TAIL

ALL = {'numbered': NUMBERED, 'names': NAMES, 'options': OPTIONS, 'sections': SECTIONS, 'bare': BARE,
       'by_modality': BY_MODALITY}


def make_data(root: Path) -> None:
    """``data/set/<split>/<domain>/<video>/<kind>``, and ``data/by_modality/<split>/<domain>/<kind>/<video>``."""
    for seed, (place, names) in enumerate(VIDEOS.items()):
        for number, name in enumerate(names):
            maps = _maps(10 * seed + number)
            for kind, pictures in maps.items():
                for i, picture in enumerate(pictures):
                    write_image(root / f'data/set/{place}/{name}/{kind}/{i:04d}.png', picture)
            for kind, source in (('GT', 'frames'), ('rgb_in', 'style'), ('labels', 'labels')):
                for i, picture in enumerate(maps[source]):
                    write_image(root / f'data/by_modality/{place}/{kind}/{name}/{i:04d}.png', picture)


def _maps(seed: int) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8), (WIDTH + LENGTH, HEIGHT + LENGTH))
    frames = [scene[i:i + HEIGHT, i:i + WIDTH] for i in range(LENGTH)]
    colours = np.array([(0, 0, 0), *SEMANTIC[:4]], np.uint8)  # black is no class
    labels = [frame[..., 0] // 52 for frame in frames]
    return {'frames': frames, 'style': [frame // 64 * 64 for frame in frames],
            'segments': [colours[label] for label in labels], 'labels': labels,
            'normal_renders': [255 - frame for frame in frames],
            'depth': [frame[..., 1].astype(np.uint16) * 200 for frame in frames]}


def make_weights(folder: Path) -> None:
    """Weights of VGG19 and AlexNet under torchvision's names, random, as far down as is looked at."""
    torch.manual_seed(0)
    torch.save(dict(VGG19Features(['relu2_2']).named_parameters()), folder / 'vgg19-dcbb9e9d.pth')
    torch.save(dict(AlexNetFeatures(AlexNetFeatures.USUAL).named_parameters()), folder / 'alexnet-owt-7be5be79.pth')
