"""Generators: one architecture a file."""

from photoreal.models.generators.base import Generator, State
from photoreal.models.generators.detail_unet import DetailUNet
from photoreal.models.generators.frame_resnet import FrameResNet
from photoreal.models.generators.frnet import FRNet
from photoreal.models.generators.recurrent_unet import RecurrentUNet
from photoreal.models.generators.spade_recurrent import SPADERecurrent

__all__ = ['DetailUNet', 'FRNet', 'FrameResNet', 'Generator', 'RecurrentUNet', 'SPADERecurrent', 'State']
