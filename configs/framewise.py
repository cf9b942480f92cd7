"""Each frame by itself, as pix2pixHD: what recurrent generators are to be compared with."""

_base_ = 'tecogan_multimodal.py'

clip_length = 2  # more frames of a clip would only be more frames of the same scene

model = dict(
    generator=dict(_delete_=True, type='FrameResNet', width=32, halvings=3, blocks=6),
    discriminator=dict(_delete_=True, type='MultiScaleDiscriminator', levels=3),
    losses=dict(warping=None, ping_pong=None,
                feature_matching=dict(type='FeatureMatchingLoss', norms=(1.0, 1.0, 1.0, 1.0), weight=0.1)))
