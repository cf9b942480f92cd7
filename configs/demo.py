"""The demo: tecogan_multimodal.py made small enough to train on two CPU cores in minutes."""

_base_ = 'tecogan_multimodal.py'

clip_length = 4
crop_size = 64
modalities = dict(blur=dict(sigma=(0.5, 2.5), down=(1, 2), down_fixed=1))

model = dict(
    generator=dict(mid_channels=32, num_blocks=4, flow_channels=16),
    losses=dict(adversarial=dict(weight=0.003)),
    ema_momentum=0.01)
train_dataloader = dict(batch_size=2)
val_dataloader = dict(dataset=dict(max_frames=12))
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-3)), discriminator=dict(optimizer=dict(lr=2e-4)))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, T_max=300, eta_min=5e-5)]
train_cfg = dict(max_iters=300, val_interval=150)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=150))
