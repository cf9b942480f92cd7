"""Networks, losses and the training step; importing this registers them."""

from mmengine.registry import MODELS

from photoreal.models import discriminators, generators, losses
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.models.video_gan import VideoGAN

MODELS.register_module(module=VideoGAN)

__all__ = ['ClipPreprocessor', 'VideoGAN', 'discriminators', 'generators', 'losses']
