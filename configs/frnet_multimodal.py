"""The generator alone, without adversarial losses: the first stage of TecoGAN's training.

Carry it over::

    tools/train.py configs/tecogan_multimodal.py --cfg-options load_from=work_dirs/frnet_multimodal/latest.pth
"""

_base_ = 'tecogan_multimodal.py'

model = dict(discriminator=None, losses=dict(ping_pong=None, perceptual=None, adversarial=None))
