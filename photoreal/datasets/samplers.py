"""Which rank sees which items: endless clips for training, whole videos for testing."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from photoreal.datasets.clips import ClipDataset
from photoreal.datasets.streams import StreamDataset
from photoreal.errors import ConfigError


def clip_indices(start: int, rank: int, world_size: int) -> Iterator[int]:
    """Endless indices of one rank: together the ranks count up from ``start``."""
    return count(start + rank, world_size)


def share_videos(lengths: Sequence[int], world_size: int) -> list[list[int]]:
    """Deal videos out so that the ranks have about as many frames: the longest first, each to the emptiest rank.

    Args:
        lengths: Frames of every video.
        world_size: Number of ranks.

    Returns:
        For every rank its videos, ascending; the same on every rank, as nothing is random.
    """
    shares: list[list[int]] = [[] for _ in range(world_size)]
    loads = [0] * world_size
    for video in sorted(range(len(lengths)), key=lambda v: (-lengths[v], v)):
        rank = loads.index(min(loads))
        shares[rank].append(video)
        loads[rank] += lengths[video]
    return [sorted(share) for share in shares]


@DATA_SAMPLERS.register_module()
class ClipSampler(Sampler[int]):
    """Endless indices of a ClipDataset, whose order lies in the dataset: resuming is starting at an index.

    Args:
        dataset: The clips.
        seed: Unused, MMEngine hands it to every sampler; ``dataset.seed`` rules the order.
        start: First index over all ranks: iterations done x batch size x ranks. May be set later, before iterating.

    Attributes:
        clip_length: Number of a clip -> its frames; None: as the dataset says.
    """

    def __init__(self, dataset: ClipDataset, seed: int | None = None, start: int = 0) -> None:
        if start < 0:
            raise ConfigError(f'ClipSampler: start={start}; expected 0 or more')
        self.dataset = dataset
        self.start = start
        self.clip_length: Callable[[int], int] | None = None
        self.rank, self.world_size = get_dist_info()

    def __iter__(self) -> Iterator[int | tuple[int, int]]:
        return map(self.item, clip_indices(self.start, self.rank, self.world_size))

    def item(self, k: int) -> int | tuple[int, int]:
        """What clip ``k`` is asked of the dataset by."""
        return k if self.clip_length is None else (k, self.clip_length(k))

    def __len__(self) -> int:
        """Clips of one epoch on this rank; iteration goes on beyond it."""
        return -(-(len(self.dataset) - self.rank) // self.world_size)


@DATA_SAMPLERS.register_module()
class WholeVideoSampler(Sampler[int]):
    """The frames of whole videos, in order: recurrent models need every frame of a video on one rank.

    Ranks may have different numbers of frames, or none.

    Args:
        dataset: Frames of videos; its ``video_ranges`` tell where each begins and ends.
        seed: Unused, MMEngine hands it to every sampler; nothing here is random.
    """

    def __init__(self, dataset: StreamDataset, seed: int | None = None) -> None:
        if not hasattr(dataset, 'video_ranges'):
            raise ConfigError(f'WholeVideoSampler: a {type(dataset).__name__} has no video_ranges; '
                              'expected a StreamDataset')
        rank, world_size = get_dist_info()
        share = share_videos([len(span) for span in dataset.video_ranges], world_size)[rank]
        self._ranges = [dataset.video_ranges[video] for video in share]

    def __iter__(self) -> Iterator[int]:
        for span in self._ranges:
            yield from span

    def __len__(self) -> int:
        return sum(len(span) for span in self._ranges)
