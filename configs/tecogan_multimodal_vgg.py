"""As tecogan_multimodal.py with VGG19 as the measure of likeness, as published; its weights are torchvision's."""

_base_ = 'tecogan_multimodal.py'

model = dict(losses=dict(perceptual=dict(backbone='vgg19')))
