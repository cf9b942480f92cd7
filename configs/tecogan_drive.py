"""Driving: labels recorded with the frames beside a blur computed from them.

The data has Cityscapes' train ids; 24 (lane marking, which only renders have) and 255 (void) are shown as no class.
"""

_base_ = 'tecogan_multimodal.py'

data_root = 'data/drive'
modalities = dict(segmentation=dict(type='LabelMap', num_classes=19, ignore=[24, 255]))
