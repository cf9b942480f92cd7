"""Networks, losses and the training step; importing this registers them."""

from mmengine.registry import MODELS

from photoreal.models import discriminators, generators, losses
from photoreal.models.preprocessor import ClipPreprocessor
from photoreal.models.unpaired import UnpairedBranch
from photoreal.models.video_gan import VideoGAN

for kind in (VideoGAN, UnpairedBranch):
    MODELS.register_module(module=kind)

__all__ = ['ClipPreprocessor', 'UnpairedBranch', 'VideoGAN', 'discriminators', 'generators', 'losses']
