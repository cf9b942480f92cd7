"""As tecogan_multimodal.py, and virtual clips train the generator too: ``<data_root>/train/virtual`` holds them.

What they become is judged against real crops that show the like, and held to what the render shows and how it moves.
Any other config does the same with ``--cfg-options unpaired={}``.
"""

_base_ = 'tecogan_multimodal.py'

unpaired = dict(
    _delete_=True,  # it was None
    critic=dict(type='SpatialDiscriminator', conditional=False),
    losses=dict(
        adversarial=dict(type='AdversarialLoss', kind='vanilla', weight=0.005),
        structure=dict(type='PerceptualLoss', against='frames', layers=('fire5', 'fire9'), weight=0.2),
        temporal=dict(type='MaskedTemporalLoss', weight=0.5),
        ping_pong=dict(type='PingPongLoss', weight=0.5)),
    crop_size=64,  # of what is compared, in pixels of the prediction
    frames=3,
    bank_size=256,  # real crops of the last steps that a virtual crop may be compared with
    keep=0.5)  # share of the virtual crops, those most like a real one, that is judged
