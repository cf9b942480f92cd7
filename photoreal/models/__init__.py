"""Networks, losses and the training step; ``registered`` is what configs name of them.

Each is imported when it is first asked for: prediction needs no training step, whose base ``mmengine.model`` takes
nearly as long to import as torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photoreal.models.preprocessor import ClipPreprocessor
    from photoreal.models.unpaired import UnpairedBranch
    from photoreal.models.video_gan import VideoGAN

__all__ = ['ClipPreprocessor', 'UnpairedBranch', 'VideoGAN']

_HOMES = {'ClipPreprocessor': 'preprocessor', 'UnpairedBranch': 'unpaired', 'VideoGAN': 'video_gan'}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__} has no attribute {name}')
    return getattr(import_module(f'{__name__}.{_HOMES[name]}'), name)
