"""KITTI raw data."""

from pathlib import Path

from photoreal.datasets.sources import FolderSource
from photoreal.prepare.converters.base import Converter, folders_below, no_videos, numbers_of, without_gaps
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS

_FPS = 10.0


@CONVERTERS.register_module('kitti')
class Kitti(Converter):
    """KITTI raw data: ``<date>/<date>_drive_<number>_sync/image_02/data/<number>.png``, the left colour camera.

    A. Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013. Drives with lost frames are split there.
    """

    def find(self, root: Path) -> list[Footage]:
        """The drives below ``root``, which may be the whole set, a date or a drive."""
        found = []
        for drive in folders_below(root, 2):
            folder = drive / 'image_02' / 'data'
            if folder.is_dir():
                source = FolderSource(folder)
                name = drive.resolve().name
                found += without_gaps(Footage(name, name, Track(source), fps=_FPS), numbers_of(source))
        if not found:
            raise no_videos(root, 'KITTI raw', '<date>/<drive>/image_02/data/*.png')
        return found
