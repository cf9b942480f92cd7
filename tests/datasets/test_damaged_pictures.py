"""Damage that PIL's plugins answer with whatever it leads to is told as damage."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from photoreal.datasets.pictures import picture_notes
from photoreal.errors import DataError


def test_a_page_of_a_tiff_without_a_width(tmp_path: Path) -> None:
    stream, page = io.BytesIO(), Image.new('RGB', (8, 6))
    page.save(stream, 'TIFF', save_all=True, append_images=[page])
    data = bytearray(stream.getvalue())
    [first] = struct.unpack_from('<I', data, 4)
    [entries] = struct.unpack_from('<H', data, first)
    [second] = struct.unpack_from('<I', data, first + 2 + 12 * entries)
    assert struct.unpack_from('<H', data, second + 2) == (256,)  # ImageWidth
    struct.pack_into('<H', data, second + 2, 65000)
    path = tmp_path / 'a.tiff'
    path.write_bytes(data)
    with pytest.raises(DataError, match='a.tiff: unreadable picture'):
        picture_notes(path)
