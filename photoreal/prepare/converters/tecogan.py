"""Data of TecoGAN-PyTorch: an LMDB of decoded frames, or folders of pictures."""

from pathlib import Path

from photoreal.datasets.sources import IMAGE_SUFFIXES, FolderSource, visible
from photoreal.datasets.tecogan_lmdb import read_sequences
from photoreal.prepare.converters.base import Converter, no_videos
from photoreal.prepare.footage import Footage, Track
from photoreal.registry import CONVERTERS


@CONVERTERS.register_module('tecogan')
class TecoGan(Converter):
    """Data of TecoGAN-PyTorch (https://github.com/skycrapers/TecoGAN-PyTorch): ``GT.lmdb/``, or ``GT/<video>/*.png``.

    The list of frames in ``meta_info.pkl`` is never read, since a pickle can run any code: the keys tell the same.
    """

    def find(self, root: Path) -> list[Footage]:
        """The sequences in the LMDB ``root``, or in the folders of pictures below ``root``."""
        if (root / 'data.mdb').is_file():
            return [Footage(source.video, source.video, Track(source)) for source in read_sequences(root)]
        folders = [p for p in visible(root) if p.is_dir()] if root.is_dir() else []
        found = [Footage(p.name, p.name, Track(FolderSource(p))) for p in folders
                 if any(f.suffix.lower() in IMAGE_SUFFIXES for f in visible(p))]
        if not found:
            raise no_videos(root, 'TecoGAN-PyTorch', 'an LMDB (data.mdb), or folders of pictures, <video>/*.png')
        return found
