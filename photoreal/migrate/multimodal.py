"""What a multimodal YAML becomes: TecoGAN at scale 1 on folders of modalities beside the frames.

The program that such YAMLs are for is a fork of TecoGAN-PyTorch (github.com/BrainGardenAI/TecoGAN-PyTorch); keys and
meanings are those of its public examples, and what other forks call the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photoreal.errors import CheckpointError, ConfigError
from photoreal.migrate import sections
from photoreal.migrate.inputs import modality_configs, parse_inputs
from photoreal.migrate.options import Options
from photoreal.migrate.places import Places, data_section, find_places, split_sections
from photoreal.modalities import build_modalities
from photoreal.models.features import find_weights

TAIL = 2  # convolutions that the fork keeps where larger scales have their upsampling
_CLIP = ('tempo_extent', 'num_frames', 'num_frame', 'n_frames', 'seq_len', 'seq_length', 'clip_length', 'clip_len',
         'n_seq')
_CROP = ('gt_crop_size', 'crop_size', 'patch_size', 'image_size', 'crop')
_BATCH = ('batch_size', 'batch_size_per_gpu', 'bs')
_CHANNELS = ('model.generator.in_nc', 'model.generator.in_channels', 'model.generator.input_nc', 'model.in_nc', 'in_nc',
             'input_nc', 'in_channels')
_SQUEEZE = {'type': 'PerceptualLoss', 'backbone': 'squeezenet1_1', 'weight': 0.2}


@dataclass(frozen=True)
class Multimodal:
    """What became of a multimodal YAML.

    Attributes:
        sections: Config key -> value.
        places: Where its videos are.
        channels: Name of a modality -> its channels, in the order of the network's input.
    """

    sections: dict[str, Any]
    places: Places
    channels: dict[str, int]


def is_multimodal(options: Options) -> bool:
    """Whether a YAML is of a fork that reads modalities at scale 1, and not of video super-resolution."""
    scale = options.value('scale')
    kind = options.value(f'{data_section(options)}.degradation.type')
    if str(kind).lower() == 'multimodal' or parse_inputs(options)[1]:
        return True
    return scale in (1, '1') or (scale is None and kind is None)


def convert_multimodal(options: Options, exp_dir: Path, model: str | None = None, channels: int | None = None,
                       tail: int | None = None) -> Multimodal:
    """Convert a YAML.

    Args:
        options: It; what has no counterpart becomes a note in it.
        exp_dir: The experiment's folder.
        model: 'TecoGAN' or 'FRVSR'; None: as the YAML says.
        channels: Input channels of old weights that the run starts from, if there are such.
        tail: Convolutions that these weights have between the residual blocks and the last layer.

    Raises:
        ConfigError: No modality can be read, or the scale is another one than 1, 2 or 4.
    """
    scale = options.take('scale', 1, int)
    if scale not in (1, 2, 4):
        raise ConfigError(f'{options.path}: scale={scale}: expected 1, for frames in and frames of the same size out')
    frames, inputs = parse_inputs(options)
    places = find_places(options, exp_dir, frames)
    said = options.first(_CHANNELS, None, int)
    modalities = modality_configs(options, inputs, places, channels or said) or _blurred(options)
    counts = {name: built.channels for name, built in build_modalities(modalities).items()}
    if said is not None and said != sum(counts.values()):
        options.notes['model.generator.in_nc'] = f'{said}, but the modalities have {sum(counts.values())} channels ' \
            f'({_listed(counts)}), which is what the networks get'
    _note_the_rest(options)
    unnamed = bool(options.keys('train')) and not any(key.endswith('_crit') for key in options.keys('train'))
    adversarial = sections.is_tecogan(options, model) if unnamed else sections.is_adversarial(options, model)
    crop = options.first([f'{data_section(options)}.train.{name}' for name in _CROP] +
                         [f'train.{name}' for name in _CROP], 128, int)
    image = _image(options, modalities, counts)
    clip = [f'{section}.{name}' for section in ('train', f'{data_section(options)}.train') for name in _CLIP]
    networks: dict[str, Any] = {
        'generator': _generator(options, (TAIL if tail is None else tail) if scale == 1 else 0),
        'discriminator': sections.discriminator(options, 'bilinear', crop) if adversarial else None,
        'losses': {'_delete_': True} | _losses(options, adversarial, unnamed),
        'ema_momentum': None}
    if adversarial:
        threshold = options.take('train.discriminator.update_threshold', 0.4, float)
        adaptive = options.choose('train.discriminator.update_policy', {'adaptive': True, 'always': False}, 'adaptive')
        networks['update_threshold'] = threshold if adaptive else None
    made = {'clip_length': options.first(clip, 10, int), 'crop_size': crop // scale, 'scale': scale,
            'seed': options.first(['manual_seed', 'seed'], 0, int),
            'modalities': {'_delete_': True} | modalities, 'image': image, 'model': networks}
    made |= _data(options) | _metrics(options, places) | sections.optimisation(options, adversarial)
    return Multimodal(made | _loop(options), places, counts)


def _listed(channels: Mapping[str, int]) -> str:
    return ', '.join(f'{name} {count}' for name, count in channels.items())


def describe_channels(channels: Mapping[str, int]) -> str:
    """Which channels of the network's input belong to which modality: ``style 0-2, segments 3-26``."""
    parts, start = [], 0
    for name, count in channels.items():
        parts.append(f'{name} {start}' + (f'-{start + count - 1}' if count > 1 else ''))
        start += count
    return ', '.join(parts)


def _blurred(options: Options) -> dict[str, dict[str, Any]]:
    """What the generator sees where there is nothing but frames: a YAML of plain restoration at scale 1."""
    data = data_section(options)
    sigma = options.take(f'{data}.degradation.sigma', None, float)
    options.notes['modalities'] = 'none is listed, and nothing lies beside the frames: the generator sees them blurred'
    return {'blur': {'type': 'Blur'} | ({} if sigma is None else {'sigma': sigma})}


def _note_the_rest(options: Options) -> None:
    data = data_section(options)
    for key in (f'{data}.degradation.type', f'{data}.degradation.sigma'):
        options.take(key, None, float if key.endswith('sigma') else str)
    options.note('verbose', 'the log file always holds everything')
    for key in ('experiment', 'name', 'exp_name'):
        options.note(key, "the folder's name tells experiments apart")
    for key in ('gpu_id', 'gpu_ids', 'device'):
        options.note(key, 'taken where --gpu_id does not say it')
    for section in (*split_sections(options, 'train'), *split_sections(options, 'val')):
        for key, reason in (('name', 'videos are told apart by their folders'), ('decode', sections.ALWAYS),
                            ('framewise', 'videos are always read frame by frame'),
                            ('data_type', 'pictures of any kind are read'),
                            ('lr_seq_dir', 'the modalities are what the generator sees'),
                            ('ext', 'pictures of any kind are found by their names')):
            options.note(f'{section}.{key}', reason)
        if options.take(f'{section}.add_background', False, bool):
            options.note(f'{section}.add_background', 'not done: record the modalities with their background')
        options.take(f'{section}.domain', None)


def _image(options: Options, modalities: Mapping[str, dict[str, Any]], channels: Mapping[str, int]) -> str | None:
    """The modality that the output is added to: there the first three channels, whatever they are."""
    first = next(iter(modalities))
    pictures = [name for name, cfg in modalities.items() if channels[name] == 3 and cfg['type'] != 'LabelMap']
    if pictures and pictures[0] != first:
        options.notes['(image)'] = f'the output is added to {pictures[0]}, the first picture, not to the first three ' \
            f'channels of {first}'
    elif not pictures:
        options.notes['(image)'] = 'no modality is a picture of 3 channels: the output is added to nothing'
    return pictures[0] if pictures else None


def _generator(options: Options, tail: int) -> dict[str, Any]:
    options.choose('model.generator.name', {'FRNet': None, 'frnet': None}, 'FRNet')
    if options.take('model.generator.out_nc', 3, int) != 3:
        options.notes['model.generator.out_nc'] = 'predictions are RGB, 3 channels'
    found = {'mid_channels': options.first(['model.generator.nf', 'model.generator.mid_channels'], 64, int),
             'num_blocks': options.first(['model.generator.nb', 'model.generator.num_blocks'], 10, int)}
    return found | ({'tail': tail} if tail else {})


def _losses(options: Options, adversarial: bool, unnamed: bool) -> dict[str, Any]:
    """The criteria; where a training names none, the published ones."""
    options.note('model.discriminator.orig_nc', 'follows from the modalities')
    if unnamed:
        options.notes['train.*_crit'] = 'no criteria are named: the published ones are taken'
        found = {'pixel': {'type': 'PixelLoss'}, 'warping': {'type': 'WarpingLoss', 'source': 'condition'}}
        return found | ({'ping_pong': {'type': 'PingPongLoss'}, 'perceptual': dict(_SQUEEZE), 'adversarial': {
            'type': 'AdversarialLoss', 'weight': 0.01}} if adversarial else {})
    found = sections.losses(options, adversarial, flow_of='condition')
    if 'perceptual' in found:
        try:
            find_weights('vgg19')
        except CheckpointError as error:
            options.notes['train.feature_crit'] = 'SqueezeNet, which comes with the package, takes the place of ' \
                f'VGG19: {str(error).splitlines()[0]}'
            found['perceptual'] = _SQUEEZE | {key: found['perceptual'][key] for key in ('kind', 'weight')}
    return found


def _data(options: Options) -> dict[str, Any]:
    data = data_section(options)
    for key in ('train.moving_first_frame', 'train.moving_factor'):
        options.note(key, 'clips of recorded maps do not stand still')
    batch = options.first([f'{data}.train.{name}' for name in _BATCH] + [f'train.{name}' for name in _BATCH], 2, int)
    clips = {'strides': [1], 'reverse_prob': 0.0, 'flip_prob': 0.0, 'still_prob': 0.0}
    tests = [sections.workers(options, section) for section in split_sections(options, 'val')]
    own = tests[0] if tests else {}
    return {'train_dataloader': {'batch_size': batch, **sections.workers(options, f'{data}.train'), 'dataset': clips},
            'val_dataloader': {**own, 'dataset': {'max_frames': None}}, 'test_dataloader': own}


def _metrics(options: Options, places: Places) -> dict[str, Any]:
    """The YAML's metrics, for real video; of virtual video, which has no ground truth, how steady it is."""
    found = []
    for metric in sections.metrics(options)['val_evaluator']:
        if metric['type'] == 'LPIPS':
            try:
                find_weights('alexnet')
            except CheckpointError as error:
                options.notes['metric.LPIPS'] = 'FeatureDistance, whose network comes with the package, takes its ' \
                    f'place: {str(error).splitlines()[0]}'
                metric = {'type': 'FeatureDistance', 'domain': 'real'}
        found.append(metric)
    if places.of('val', 'virtual'):
        found.append({'type': 'WarpError', 'domain': 'virtual'})
    return {'val_evaluator': found, 'test_evaluator': found}


def _loop(options: Options) -> dict[str, Any]:
    """As that of the original; there the count of iterations starts at ``start_iter``."""
    start = options.take('train.start_iter', 0, int)
    made = sections.loop(options)
    total = made['train_cfg']['max_iters']
    if 0 < start < total:
        options.notes['train.start_iter'] = f'{total - start} iterations are left of {total}; counting starts at 0'
        made['train_cfg']['max_iters'] = total - start
        made['train_cfg']['val_interval'] = min(made['train_cfg']['val_interval'], total - start)
    for key in ('res_dir', 'ckpt_dir'):
        options.note(f'train.{key}', 'everything lies in the work dir')
    return made
