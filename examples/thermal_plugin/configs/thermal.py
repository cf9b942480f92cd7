"""From temperatures and a blurred frame, with the plugins of this package; small enough for any machine."""

_base_ = '../../../configs/tecogan_multimodal.py'

data_root = 'data/thermal'
clip_length = 4
crop_size = 32
own = dict(thermal=dict(type='Thermal'), gray=dict(type='Gray'))
modalities = dict(_delete_=True, **own)  # in place of those of the base
image = None

model = dict(
    generator=dict(_delete_=True, type='HeatNet', width=16),
    discriminator=dict(_delete_=True, type='SpatialDiscriminator'),
    losses=dict(warping=None, gradient=dict(type='GradientLoss', weight=0.5)))
train_dataloader = dict(
    batch_size=2, num_workers=0,
    dataset=dict(_delete_=True, type='NpzClips', data_root=data_root, modalities=own, clip_length=clip_length,
                 crop_size=crop_size))
val_dataloader = dict(num_workers=0)
test_dataloader = dict(num_workers=0)
train_cfg = dict(max_iters=20, val_interval=20)
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=20))
