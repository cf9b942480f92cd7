"""A student of a slow teacher: gives what the teacher made of the render, in real time and without its flicker.

The data has ``train/virtual/<video>/target/``, what a diffusion model, a path tracer or a grading made of ``frames/``:
docs/teacher.md. Real video is not needed. The generator sees the render as it is.

Small enough for two CPU cores. On a GPU:
``--amp --cfg-options width=64 crop_size=256 clip_length=8 batch_size=16 max_iters=40000``.
"""

_base_ = 'tecogan_multimodal.py'

data_root = 'data/mine'
clip_length = 4  # frames of a training clip
crop_size = 96  # pixels of a side
batch_size = 2  # clips
width = 32  # channels of the generator
max_iters = 3000  # iterations
image = 'frame'
modalities = dict(_delete_=True, frame=dict(type='Blur', sigma=0.0))  # no blur: the frame itself

model = dict(
    generator=dict(_delete_=True, type='RecurrentUNet', width=width, fold=2, blocks=(1, 2), scale=1),
    discriminator=None,
    losses=dict(
        _delete_=True,
        teacher=dict(type='TeacherLoss', perceptual=0.2, temporal=0.5),
        warping=dict(type='WarpingLoss', source='target', weight=1.0)),  # teaches the flow; the target is the render
    ema_momentum=0.01)
train_dataloader = dict(batch_size=batch_size, dataset=dict(domain='virtual', strides=(1,), still_prob=0.0))
val_dataloader = dict(dataset=dict(domains=('virtual',)))
test_dataloader = dict(dataset=dict(domains=('virtual',)))
val_evaluator = [
    dict(type='WarpError', domain='virtual'),
    dict(type='PSNR', domain='virtual'),
    dict(type='FeatureDistance', domain='virtual')]
test_evaluator = [*val_evaluator, dict(type='InputTOF', domain='virtual'), dict(type='EdgeAgreement', domain='virtual')]
optim_wrapper = dict(generator=dict(optimizer=dict(lr=2e-3, betas=(0.9, 0.99)), clip_grad=dict(max_norm=1.0)))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, eta_min=1e-5)]  # over the whole run
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=500, save_best=None))
