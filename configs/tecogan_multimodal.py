"""TecoGAN on several modalities: a recurrent generator against a spatio-temporal discriminator.

The generator sees blurred frames and their edges and restores the frames. Every variable up to the first dict that
uses it can be overridden once, for all: ``--cfg-options data_root=/path crop_size=256``.
"""

_base_ = '_base_/runtime.py'

# What the data is.
data_root = 'data/sample'
clip_length = 10  # frames of a training clip
crop_size = 128  # pixels of the condition; the target's crop is `scale` times larger
scale = 1  # size of the prediction over that of the condition
seed = 0  # of initial weights and of all that is random in the data
randomness = dict(seed=seed)

# What the generator sees, in this order. `image` names the one that is a degraded frame of 3 channels: the
# generator adds its output to it.
modalities = dict(
    blur=dict(type='Blur', sigma=(1.0, 4.0), down=(1, 2, 4)),
    edges=dict(type='Edges'))
image = 'blur'

# A .cube file that virtual frames go through before modalities are computed from them, see tools/fit_look.py; None: no.
look = None

# Whether virtual clips, from <data_root>/train/virtual, train the generator too: dict() or what is to differ from the
# usual, see unpaired.py; None: no.
unpaired = None

model = dict(
    type='VideoGAN',
    modalities=modalities,
    image=image,
    generator=dict(type='FRNet', mid_channels=64, num_blocks=10, scale=scale),
    discriminator=dict(type='SpatioTemporalDiscriminator'),
    losses=dict(
        pixel=dict(type='PixelLoss', kind='charbonnier', weight=1.0),
        warping=dict(type='WarpingLoss', source='target', weight=1.0),
        ping_pong=dict(type='PingPongLoss', weight=0.5),
        perceptual=dict(type='PerceptualLoss', backbone='squeezenet1_1', weight=0.2),
        adversarial=dict(type='AdversarialLoss', kind='vanilla', weight=0.01)),
    unpaired=unpaired,
    look=look,
    update_threshold=0.4,
    ema_momentum=0.001)

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    sampler=dict(type='ClipSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='ClipDataset', data_root=data_root, modalities=modalities, clip_length=clip_length,
                 crop_size=crop_size, scale=scale, strides=(1, 2), reverse_prob=0.5, flip_prob=0.5, still_prob=0.1,
                 seed=seed, unpaired=unpaired, look=look))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='WholeVideoSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='StreamDataset', data_root=data_root, modalities=modalities, scale=scale, max_frames=30,
                 look=look))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='WholeVideoSampler'),
    collate_fn=dict(type='default_collate'),
    dataset=dict(type='StreamDataset', data_root=data_root, modalities=modalities, scale=scale, look=look))

val_evaluator = [
    dict(type='PSNR', domain='real'),
    dict(type='SSIM', domain='real'),
    dict(type='WarpError', domain='real'),
    dict(type='WarpError', domain='virtual')]
# What takes longer. dict(type='LPIPS', domain='real') can stand here too: it takes torchvision's weights of AlexNet.
test_evaluator = [
    *val_evaluator,
    dict(type='MSSSIM', domain='real'),
    dict(type='FeatureDistance', domain='real'),
    dict(type='TOF', domain='real'),
    dict(type='InputTOF', domain='virtual'),
    dict(type='EdgeAgreement', domain='virtual'),
    dict(type='Distribution')]

optim_wrapper = dict(
    constructor='PartwiseOptimWrapperConstructor',
    generator=dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))),
    discriminator=dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))),
    critic=dict(type='GuardedOptimWrapper', optimizer=dict(type='Adam', lr=1e-4, betas=(0.9, 0.999))))  # of unpaired
param_scheduler = [dict(type='MultiStepLR', by_epoch=False, milestones=[60000, 90000], gamma=0.5)]
train_cfg = dict(type='ClipTrainLoop', max_iters=100000, val_interval=2000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
