"""Videos on disk: how they are found, checked, decoded, cut into clips or streams, and written."""

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.layout import VideoRecord, scan
from photoreal.datasets.samplers import ClipSampler, WholeVideoSampler
from photoreal.datasets.sources import FolderSource, FrameSource, VideoSource, open_source
from photoreal.datasets.streams import StreamDataset
from photoreal.datasets.styles import FDA, HistogramMatch, InputStyle, Jitter, RandomConv, Reference, Reinhard
from photoreal.datasets.video_writers import VideoWriter
from photoreal.datasets.writers import write_image, write_json

__all__ = ['FDA', 'ClipDataset', 'ClipSampler', 'FolderSource', 'FrameSource', 'HistogramMatch', 'InputStyle', 'Jitter',
           'RandomConv', 'Reference', 'Reinhard', 'StreamDataset', 'VideoRecord', 'VideoSource', 'VideoWriter',
           'WholeVideoSampler', 'open_source', 'scan', 'write_image', 'write_json']
