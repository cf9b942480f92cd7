"""As tecogan_multimodal.py, and twice as large: a small render comes out large and photoreal."""

_base_ = 'tecogan_multimodal.py'

scale = 2
crop_size = 64
