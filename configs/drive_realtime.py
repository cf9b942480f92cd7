"""Driving in real time, made to carry over from real to virtual video: the generator paints what it cannot copy.

What is taken from the frame has no colours and a strength that changes from clip to clip, labels have faults, any
modality but the first may be missing, and the brightness of training input is that of virtual frames. Virtual clips
train the generator too: ``<data_root>/train/virtual`` must hold some. Small enough for two CPU cores at 256x144.
Each part can be left out: ``--cfg-options unpaired=None``, ``input_styles={}``, ``dropout=None``.
"""

_base_ = 'tecogan_multimodal.py'

data_root = 'data/drive'
clip_length = 4
crop_size = 96
image = 'gray'
gray = dict(type='Gray', channels=3)  # brightness alone, as the image that colours are added to
modalities = dict(
    _delete_=True,
    gray=dict(type='OneOf', probs=[0.5, 0.25, 0.25], choices=[
        gray,
        dict(type='Chain', steps=[dict(type='Smooth', radius=(1, 3)), gray]),
        dict(type='Chain', steps=[dict(type='Blur', sigma=(0.5, 1.5)), gray])]),
    edges=dict(type='Edges'),
    segmentation=dict(type='LabelMap', num_classes=19, ignore=[24, 255],
                      degrade=dict(prob=0.5, warp=(0, 2), erode=(0, 2), drop=0.05)))
dropout = dict(prob=dict(edges=0.3, segmentation=0.1))  # how often a clip does without them
input_styles = dict(  # the brightness and colours of virtual frames, of random strength
    histogram=dict(type='HistogramMatch', prob=0.5, strength=(0.3, 1.0)),
    frequencies=dict(type='FDA', prob=0.25),
    jitter=dict(type='Jitter', prob=0.5))
unpaired = dict(_delete_=True)

model = dict(
    generator=dict(_delete_=True, type='RecurrentUNet', width=32, fold=2, blocks=(2, 4), scale=1),
    dropout=dropout,
    ema_momentum=0.005)
train_dataloader = dict(batch_size=2, dataset=dict(input_styles=input_styles))
optim_wrapper = dict(generator=dict(optimizer=dict(lr=1e-3)), discriminator=dict(optimizer=dict(lr=2e-4)))
param_scheduler = [dict(type='CosineAnnealingLR', by_epoch=False, T_max=800, eta_min=1e-5)]
train_cfg = dict(max_iters=800, val_interval=400)
default_hooks = dict(checkpoint=dict(interval=400))
