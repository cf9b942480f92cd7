"""Use a trained model on any video."""

from photoreal.inference.dtypes import choose_dtype
from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.files import enhance_file
from photoreal.inference.prefetch import prefetch

__all__ = ['VideoEnhancer', 'choose_dtype', 'enhance_file', 'prefetch']
