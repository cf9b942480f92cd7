"""From labels alone, recorded with the frames: a generator that is told them at every layer.

The judge looks at frozen features, and at what the labels say there is. The data has Cityscapes' train ids.
"""

_base_ = 'tecogan_multimodal.py'

data_root = 'data/drive'
modalities = dict(_delete_=True, segmentation=dict(type='LabelMap', num_classes=19, ignore=[24, 255]))
image = None

model = dict(
    generator=dict(_delete_=True, type='SPADERecurrent', width=32, blocks=4),
    discriminator=dict(_delete_=True, type='PerceptualDiscriminator'))
