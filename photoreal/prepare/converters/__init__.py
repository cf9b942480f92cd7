"""Layouts of published data sets, and how their videos are found: one file a layout."""

from collections.abc import Sequence
from pathlib import Path

from photoreal.errors import ConfigError, DataError
from photoreal.prepare.converters.base import Converter
from photoreal.prepare.converters.carla import Carla, Carla0913
from photoreal.prepare.converters.cityscapes import Cityscapes
from photoreal.prepare.converters.gta import Gta
from photoreal.prepare.converters.kitti import Kitti
from photoreal.prepare.converters.tecogan import TecoGan
from photoreal.prepare.footage import Footage
from photoreal.registry import CONVERTERS

__all__ = ['Carla', 'Carla0913', 'Cityscapes', 'Converter', 'Gta', 'Kitti', 'TecoGan', 'find_converted']


def find_converted(layout: str, roots: Sequence[str]) -> tuple[list[Footage], list[str]]:
    """Find the videos of data sets in a known layout.

    Args:
        layout: Name of a registered converter.
        roots: Folders of data sets.

    Returns:
        The videos, and a sentence for each root that cannot be used.

    Raises:
        ConfigError: No converter has that name.
    """
    try:
        converter = CONVERTERS.build({'type': layout})
    except KeyError as error:
        raise ConfigError(str(error.args[0])) from error
    found, faults = [], []
    for root in roots:
        try:
            found += converter.find(Path(root))
        except DataError as error:
            faults.append(str(error))
    return found, faults
