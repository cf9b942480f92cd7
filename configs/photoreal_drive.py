"""Driving that looks filmed: detail of real footage on the colours of the render, class by class.

Real clips teach to restore detail that was smoothed away. Virtual clips learn by distribution: their detail must be
spread as that of real crops of the same class, for two frozen networks and for patches of pixels. There is no critic:
with one a fine weave came up on flat surfaces after a thousand iterations. Colour and light are left to the render,
and to a look (``photoreal fit-look``). ``<data_root>/train/virtual`` must hold some clips; labels are Cityscapes'
train ids.

Small enough for two CPU cores. On a GPU: ``--amp --cfg-options width=64 crop_size=256 batch_size=16``.
"""

_base_ = 'tecogan_multimodal.py'

data_root = 'data/drive'
clip_length = 2  # frames of a training clip
crop_size = 128  # pixels of a side
batch_size = 2  # real clips, and as many virtual ones
width = 32  # channels of the generator
max_iters = 1000  # iterations
image = 'smooth'
modalities = dict(
    _delete_=True,
    # A render is smooth as it is: at prediction little is taken from it, in training all of the texture.
    smooth=dict(type='Smooth', radius=(1, 4), sigma_color=(10, 60), sigma_space=(1.0, 3.0), passes=(1, 2),
                radius_fixed=2, sigma_color_fixed=8, sigma_space_fixed=1.5, passes_fixed=1),
    motion=dict(type='Flow', preset='fast'),
    segmentation=dict(type='LabelMap', num_classes=19, ignore=[24, 255]))
unpaired = dict(
    _delete_=True,
    match='labels',
    # Road; pavement; what is built; vegetation and terrain. Sky, vehicles, people and signs stay as they are rendered:
    # what is wrong with them is no lack of texture.
    groups=[[0], [1], [2, 3, 4], [8, 9]],
    compare='detail',
    losses=dict(
        features=dict(type='SlicedFeatureLoss', backbone='squeezenet1_1', weight=2.0),
        more_features=dict(type='SlicedFeatureLoss', backbone='efficientnet_lite0', weight=1.0),
        patches=dict(type='SlicedPatchLoss', weight=1.0),
        structure=dict(type='SelfSimilarityLoss', weight=0.3),
        colour=dict(type='ColourTieLoss', size=6, light=1.0, weight=8.0),
        unchanged=dict(type='UnchangedLoss', weight=40.0),
        temporal=dict(type='MaskedTemporalLoss', weight=3.0)),
    crop_size=crop_size,
    frames=clip_length,
    bank_size=128,
    keep=1.0)

model = dict(
    generator=dict(_delete_=True, type='DetailUNet', width=width, fold=2, blocks=(2, 4)),
    discriminator=None,
    losses=dict(
        _delete_=True,
        pixel=dict(type='PixelLoss', kind='charbonnier', weight=0.2),
        perceptual=dict(type='PerceptualLoss', weight=0.1)),
    ema_momentum=0.005)
train_dataloader = dict(batch_size=batch_size, dataset=dict(strides=(1,), still_prob=0.0))
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-3, betas=(0.5, 0.99)), clip_grad=dict(max_norm=1.0)))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, eta_min=2e-5)]  # over the whole run
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=500, save_best=None))
