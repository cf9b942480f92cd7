"""Use a trained model on any video."""

from photoreal.inference.control import Control, Layers, compose
from photoreal.inference.enhancer import VideoEnhancer
from photoreal.inference.files import enhance_file
from photoreal.inference.inputs import Reading
from photoreal.inference.outputs import Writing
from photoreal.inference.prefetch import prefetch

__all__ = ['Control', 'Layers', 'Reading', 'VideoEnhancer', 'Writing', 'compose', 'enhance_file', 'prefetch']
