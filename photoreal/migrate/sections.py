"""What each part of an old YAML becomes in a config: the one home of the table in docs/migration.md."""

from typing import Any

from photoreal.errors import ConfigError
from photoreal.migrate.options import Options

DISTANCES = {'CB': 'charbonnier', 'L1': 'l1', 'MSE': 'mse'}
ALWAYS = 'always done'
TOTALS = ('total_iter', 'total_iters', 'max_iter', 'max_iters', 'niter', 'num_iter', 'iterations')
# VGG19's layers by their number in torchvision's stack.
_VGG19_BLOCKS = ([1, 3], [6, 8], [11, 13, 15, 17], [20, 22, 24, 26], [29, 31, 33, 35])
VGG19_LAYERS = {number: f'relu{block}_{conv}' for block, numbers in enumerate(_VGG19_BLOCKS, 1)
                for conv, number in enumerate(numbers, 1)}


def convert(options: Options, model: str | None = None) -> dict[str, Any]:
    """Config key -> value, in the order of a config.

    Args:
        options: The YAML.
        model: 'TecoGAN' or 'FRVSR'; None: as the YAML says.

    Raises:
        ConfigError: A value that has no counterpart here.
    """
    scale = options.take('scale', 4, int)
    if scale not in (2, 4):
        raise ConfigError(f'{options.path}: scale={scale}: expected 2 or 4')
    options.note('verbose', 'the log file always holds everything')
    kind = options.choose('dataset.degradation.type', {'BD': 'gaussian', 'BI': 'bicubic'}, 'BD')
    sigma = options.take('dataset.degradation.sigma', 1.5, float)
    if kind == 'bicubic':
        options.note('dataset.degradation.sigma', 'BI has no blur')
    adversarial = is_adversarial(options, model)
    crop = _crop(options, scale)
    top = {
        'clip_length': options.take('train.tempo_extent', 10, int),
        'crop_size': crop // scale,
        'scale': scale,
        'seed': options.take('manual_seed', 0, int),
        'modalities': {'_delete_': True, 'small': {'type': 'Downsample', 'kind': kind}
                       | ({'sigma': sigma} if kind == 'gaussian' else {})},
        'image': 'small',
    }
    upsample = 'bicubic' if kind == 'gaussian' else 'bilinear'
    networks: dict[str, Any] = {
        'generator': _generator(options, upsample),
        'discriminator': discriminator(options, upsample, crop) if adversarial else None,
        'losses': {'_delete_': True} | losses(options, adversarial),
        'ema_momentum': None,
    }
    if adversarial:
        threshold = options.take('train.discriminator.update_threshold', 0.4, float)
        adaptive = options.choose('train.discriminator.update_policy', {'adaptive': True, 'always': False}, 'always')
        networks['update_threshold'] = threshold if adaptive else None
    return top | {'model': networks} | _data(options, scale, kind) | metrics(options) | \
        optimisation(options, adversarial) | loop(options)


def is_tecogan(options: Options, model: str | None) -> bool:
    """Whether a TecoGAN is asked for, and not an FRVSR, which has no discriminator."""
    name = options.take('model.name', 'TecoGAN')
    if model is not None and model.lower() != name.lower():
        options.notes['model.name'] = f'{model} was asked for instead'
    name = (model or name).lower()
    if name not in ('tecogan', 'frvsr') and options.lenient:
        options.notes['model.name'] = f'{name!r} is not known here (known: FRVSR, TecoGAN); TecoGAN is taken'
        name = 'tecogan'
    if name not in ('tecogan', 'frvsr'):
        raise ConfigError(f"{options.path}: model.name='{name}' is unknown; known: FRVSR, TecoGAN")
    return name == 'tecogan'


def is_adversarial(options: Options, model: str | None) -> bool:
    """Whether there is a discriminator: in the training of a TecoGAN."""
    if is_tecogan(options, model) and 'train.gan_crit' in options:
        return True
    for section in ('model.discriminator', 'train.discriminator'):
        options.note(section, 'without gan_crit, and for FRVSR, there is no discriminator')
    return False


def _crop(options: Options, scale: int) -> int:
    """Side of the training crop in pixels of the target."""
    crop = options.take('dataset.train.crop_size', options.take('dataset.train.gt_crop_size', 128, int), int)
    if crop % scale:
        raise ConfigError(f'{options.path}: crop_size={crop} is no multiple of scale={scale}')
    return crop


def _generator(options: Options, upsample: str) -> dict[str, Any]:
    options.choose('model.generator.name', {'FRNet': None, 'frnet': None}, 'FRNet')
    for key in ('in_nc', 'out_nc'):
        if options.take(f'model.generator.{key}', 3, int) != 3:
            raise ConfigError(f'{options.path}: model.generator.{key}: expected 3, for RGB')
    return {'mid_channels': options.take('model.generator.nf', 64, int),
            'num_blocks': options.take('model.generator.nb', 16, int), 'upsample': upsample}


def discriminator(options: Options, upsample: str, crop: int) -> dict[str, Any]:
    """The discriminator, for crops of so many pixels a side."""
    section = 'model.discriminator'
    kind = options.choose(f'{section}.name', {'STNet': 'STNet', 'stnet': 'STNet', 'SNet': 'SNet', 'snet': 'SNet'},
                          'STNet')
    options.take(f'{section}.in_nc', 3, int)
    options.note(f'{section}.spatial_size', 'follows from crop_size')
    border = options.take('train.discriminator.crop_border_ratio', 1.0, float)
    # Its fully connected verdict wants crops whose halvings come out even.
    common = {'spatial_size': crop if crop % 16 == 0 else None, 'upsample': upsample}
    if kind == 'SNet':
        return {'_delete_': True, 'type': 'SpatialDiscriminator',
                'conditional': options.take(f'{section}.use_cond', True, bool)} | common
    if options.take(f'{section}.tempo_range', 3, int) != 3:
        if options.lenient:
            options.notes[f'{section}.tempo_range'] = 'it judges triplets of frames, 3'
            return common | {'border_crop': border}
        raise ConfigError(f'{options.path}: {section}.tempo_range: expected 3, the frames of a triplet')
    return common | {'border_crop': border}


def losses(options: Options, adversarial: bool, flow_of: str = 'image') -> dict[str, Any]:
    """The criteria; those that the YAML leaves out stay out.

    Args:
        options: The YAML.
        adversarial: Whether there is a discriminator.
        flow_of: What the warping criterion compares.
    """
    found: dict[str, Any] = {}

    def add(name: str, old: str, kinds: dict[str, Any], weight: float = 1.0, **arguments: Any) -> None:
        section = f'train.{old}'
        if section not in options:
            return
        if not adversarial and name in ('feature_matching', 'adversarial'):
            options.note(section, 'there is no discriminator')
            return
        kind = options.choose(f'{section}.type', kinds)
        if options.choose(f'{section}.reduction', {'mean': 'mean', 'sum': 'sum'}, 'mean') != 'mean':
            raise ConfigError(f"{options.path}: {section}.reduction: expected 'mean'; a sum depends on the size of the "
                              'crop: divide the weight by the number of values, and write mean')
        found[name] = {**arguments, 'kind': kind, 'weight': options.take(f'{section}.weight', weight, float)}

    add('pixel', 'pixel_crit', DISTANCES, type='PixelLoss')
    add('warping', 'warping_crit', DISTANCES, type='WarpingLoss', source=flow_of)
    add('perceptual', 'feature_crit', {'CosineSimilarity': 'cosine', 'L1': 'l1'}, type='PerceptualLoss',
        backbone='vgg19', layers=_vgg_layers(options))
    add('ping_pong', 'pingpong_crit', DISTANCES, type='PingPongLoss')
    add('feature_matching', 'feature_matching_crit', DISTANCES, type='FeatureMatchingLoss', norms=options.take(
        'train.feature_matching_crit.layer_norm', [12.0, 14.0, 24.0, 100.0], list))
    add('adversarial', 'gan_crit', {'GAN': 'vanilla', 'LSGAN': 'lsgan'}, type='AdversarialLoss')
    return found or {'pixel': {'type': 'PixelLoss'}}  # a YAML for testing has no criteria


def _vgg_layers(options: Options) -> list[str]:
    numbers = options.take('train.feature_crit.feature_layers', [8, 17, 26, 35], list)
    wrong = [number for number in numbers if number not in VGG19_LAYERS]
    if wrong and options.lenient:
        options.notes['train.feature_crit.feature_layers'] = f'{wrong} are no ReLUs of VGG19, and left out'
        numbers = [number for number in numbers if number in VGG19_LAYERS] or [8, 17, 26, 35]
        wrong = []
    if wrong:
        raise ConfigError(f'{options.path}: train.feature_crit.feature_layers: {wrong[0]} is no ReLU of VGG19; '
                          f'expected some of {", ".join(map(str, VGG19_LAYERS))}')
    return [VGG19_LAYERS[number] for number in numbers]


def _data(options: Options, scale: int, kind: str) -> dict[str, Any]:
    options.choose('dataset.train.data_type', {'rgb': None}, 'rgb')
    moving = options.take('train.moving_first_frame', False, bool)
    factor = options.take('train.moving_factor', 1.0, float)
    # A still frame moves by up to 4 pixels of the target there, or 1.5 of the condition, at random; evenly here.
    speed = 4 / scale if kind == 'gaussian' else 1.5
    clips = {'strides': [1], 'reverse_prob': 0.5 if kind == 'gaussian' else 0.0, 'flip_prob': 0.5,
             'still_prob': round(1 - factor, 6) if moving else 0.0, 'still_speed': speed}
    loaders: dict[str, Any] = {'train_dataloader': {
        'batch_size': options.take('dataset.train.batch_size_per_gpu', 2, int), **workers(options, 'dataset.train'),
        'dataset': clips}}
    tests = [name for name in options.keys('dataset') if name.startswith('test')]
    settings = [workers(options, f'dataset.{name}') for name in tests]  # all are asked for; the first one's are taken
    own = settings[0] if settings else {}
    loaders['val_dataloader'] = {**own, 'dataset': {'domains': ['real'], 'max_frames': None}}
    loaders['test_dataloader'] = {**own, 'dataset': {'domains': ['real']}}
    return loaders


def workers(options: Options, section: str) -> dict[str, Any]:
    """Settings of a loader, those of its workers."""
    count = options.first([f'{section}.{name}' for name in ('num_worker_per_gpu', 'num_workers', 'n_workers')], 2, int)
    found: dict[str, Any] = {'num_workers': count}
    if not options.take(f'{section}.pin_memory', True, bool):
        found['pin_memory'] = False  # else it is pinned where there is a GPU
    return found


def metrics(options: Options) -> dict[str, Any]:
    """What is measured of real video."""
    known = {'PSNR': {'type': 'PSNR'}, 'LPIPS': {'type': 'LPIPS'}, 'tOF': {'type': 'TOF'}, 'SSIM': {'type': 'SSIM'},
             'tLP': {'type': 'LPIPS'}}
    found = []
    for name in options.keys('metric'):
        if name not in known:
            continue  # it stays among the unknown
        entry = {**known[name], 'domain': 'real'}
        options.note(f'metric.{name}.mult', 'values are given as they are')
        options.note(f'metric.{name}.colorspace', 'psnr is measured on RGB, psnr_y and the others on luma')
        if name == 'LPIPS':
            entry['net'] = options.take('metric.LPIPS.net', 'alex')
            options.choose('metric.LPIPS.model', {'net-lin': None}, 'net-lin')
            options.choose('metric.LPIPS.colorspace', {'rgb': None}, 'rgb')
            for key in ('spatial', 'version'):
                options.note(f'metric.LPIPS.{key}', 'LPIPS 0.1, its mean over the frame')
        if entry not in found:
            found.append(entry)
        options.take(f'metric.{name}', {}, dict)
    found = found or [{'type': 'PSNR', 'domain': 'real'}]
    return {'val_evaluator': found, 'test_evaluator': found}


def optimisation(options: Options, adversarial: bool) -> dict[str, Any]:
    """Optimizers and schedules of the networks."""
    parts = ['generator', 'discriminator'] if adversarial else ['generator']
    schedules = {part: _schedule(options, part) for part in parts}
    alike = all(schedule == schedules['generator'] for schedule in schedules.values())
    return {
        'optim_wrapper': {part: {'optimizer': _optimizer(options, part)} for part in parts},
        'param_scheduler': schedules['generator'] if alike else {'_delete_': True, **schedules},
    }


def _optimizer(options: Options, part: str) -> dict[str, Any]:
    section = f'train.{part}'
    usual = [options.take(f'{section}.beta{i}', beta, float) for i, beta in ((1, 0.9), (2, 0.999))]
    found = {'lr': options.take(f'{section}.lr', options.take('train.lr', 1e-4, float), float),
             'betas': options.take(f'{section}.betas', usual, list)}
    decay = options.take(f'{section}.weight_decay', 0.0, float)
    return found | ({'weight_decay': decay} if decay else {})


def _schedule(options: Options, part: str) -> list[dict[str, Any]]:
    section = f'train.{part}.lr_schedule'
    kind = options.choose(f'{section}.type', {name: name for name in
                                              ('FixedLR', 'MultiStepLR', 'CosineAnnealingRestartLR')}, 'FixedLR')
    if kind == 'MultiStepLR':
        return [{'type': 'MultiStepLR', 'by_epoch': False,
                 'milestones': options.take(f'{section}.milestones', [], list),
                 'gamma': options.take(f'{section}.gamma', 0.1, float)}]
    if kind == 'CosineAnnealingRestartLR':
        return [{'type': 'CosineRestartLR', 'by_epoch': False, 'periods': options.take(f'{section}.periods', [], list),
                 'restart_weights': options.take(f'{section}.restart_weights', [1], list),
                 'eta_min': options.take(f'{section}.eta_min', 0.0, float)}]
    return []


def loop(options: Options) -> dict[str, Any]:
    """How long a training is, and what it does now and then."""
    iterations = options.first([f'train.{name}' for name in TOTALS], 500000, int)
    options.note('train.start_iter', 'counting starts at 0; a run of photoreal is continued with --resume')
    options.note('train.ckpt_dir', 'checkpoints lie in the work dir')
    for key in ('save_res', 'save_json', 'json_dir'):
        options.note(f'test.{key}', ALWAYS + ': pictures, side-by-side videos and metrics.json')
    for key in ('padding_mode', 'num_pad_front'):
        options.note(f'test.{key}', 'no counterpart: a video starts from a blank state, so its first frames differ')
    options.note('logger.decay', 'the log shows means over the last iterations')
    every = options.take('test.test_freq', 0, int) or iterations
    checkpoint = {'interval': options.take('logger.ckpt_freq', 20000, int), 'max_keep_ckpts': -1}
    if 'metric' in options and 'metric.PSNR' not in options:
        checkpoint['save_best'] = None
    return {'train_cfg': {'max_iters': iterations, 'val_interval': min(every, iterations)},
            'default_hooks': {'logger': {'interval': options.take('logger.log_freq', 100, int)},
                              'checkpoint': checkpoint}}
