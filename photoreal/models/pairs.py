"""Crops of virtual clips, each with a real crop that shows the like: what the unpaired branch compares.

Legend: N batch, T time, H height, W width, s scale, t frames of a crop, p its side, n crops, K groups.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from photoreal.structures import ClipContext

NO_GROUP = -1
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass
class Pairs:
    """Virtual crops and their real partners.

    Pixels belong to groups, and only like groups are compared: with labels a group is a class (or several that are
    taken together), without them it is the crop itself and its partner.

    Attributes:
        steps: (t,) which frames of the clips they show.
        side: p.
        chosen: (n,) which of all the crops of the virtual clips, as :func:`cut` gives them, have partners.
        partners: (n, t, 3, p, p) in [0, 1]: the real crops.
        likeness: Mean cosine similarity of the pairs.
        groups: (n, t, p, p) group of each pixel of the virtual crops, a whole number; -1: none.
        partner_groups: (n, t, p, p), likewise of the real crops.
        classes: K, where groups are those of labels; 0: they are crops.
        view: What is compared of crops (n, t, 3, p, p), see :func:`detail`; None: they themselves.
    """

    steps: Tensor
    side: int
    chosen: Tensor
    partners: Tensor
    likeness: Tensor
    groups: Tensor
    partner_groups: Tensor
    classes: int = 0
    view: Callable[[Tensor], Tensor] | None = None

    def compare(self, pred: Tensor) -> tuple[Tensor, Tensor]:
        """What losses and critic see of the crops of predictions (N, T, 3, H*s, W*s), and of their partners.

        Pixels of no group are grey on both sides, so that nothing is learnt of them.
        """
        crops, partners = self.cut(pred), self.partners.to(pred)
        if self.view is not None:
            crops, partners = self.view(crops), self.view(partners)
        hidden, hidden_partners = ((groups == NO_GROUP).unsqueeze(2) for groups in (self.groups, self.partner_groups))
        return crops.masked_fill(hidden, 0.5), partners.masked_fill(hidden_partners, 0.5)

    def cut(self, clip: Tensor) -> Tensor:
        """The crops (n, t, c, p, p) of clips (N, T, c, H*s, W*s) that have partners."""
        return cut(clip.index_select(1, self.steps), self.side)[self.chosen]

    def judged(self, pred: Tensor) -> tuple[ClipContext, ClipContext]:
        """What the critic may see beside the virtual crops, and beside the real ones.

        The condition would tell the domains apart. All it may know is the classes, where there are labels.
        """
        fake, real = self.compare(pred)
        return tuple(ClipContext(self._one_hot(groups), real, pred=fake)
                     for groups in (self.groups, self.partner_groups))

    def _one_hot(self, groups: Tensor) -> Tensor:
        """(n, t, p, p) -> (n, t, K, p, p), 1 in the channel of the group."""
        classes = torch.arange(self.classes, dtype=groups.dtype, device=groups.device).view(-1, 1, 1)
        return (groups.unsqueeze(2) == classes).float()


def cut(clip: Tensor, side: int) -> Tensor:
    """Cover frames with squares: clips (N, T, c, H, W) -> (N*n, T, c, side, side), which overlap where they must."""
    rows, columns = (_evenly(extent, side) for extent in clip.shape[-2:])
    crops = [clip[..., top:top + side, left:left + side] for top in rows for left in columns]
    return torch.stack(crops, dim=1).flatten(0, 1)


def detail(crops: Tensor, radius: int = 8) -> Tensor:
    """Crops (n, t, 3, p, p) as greys, with what is brighter than its surroundings above 0.5 and what is darker below.

    Colour and light come with the frame that the generator adds to; taught by them, it would repaint things.
    """
    luma = (crops * crops.new_tensor(LUMA).view(3, 1, 1)).sum(2)  # (n, t, p, p)
    around = F.pad(luma, (radius,) * 4, mode='replicate')
    around = F.avg_pool2d(around, 2 * radius + 1, stride=1)
    return (luma - around + 0.5).unsqueeze(2).expand(-1, -1, 3, -1, -1)


def shrink_groups(groups: Tensor, size: tuple[int, int]) -> Tensor:
    """(n, t, p, p) -> (n*t, *size): the groups at the places of a feature map."""
    rows, columns = (torch.arange(side, device=groups.device) * whole // side
                     for side, whole in zip(size, groups.shape[-2:]))
    return groups.flatten(0, 1)[:, rows.unsqueeze(1), columns]


def _evenly(extent: int, side: int) -> list[int]:
    """As few places as cover the extent."""
    count = -(-extent // side)
    return [(extent - side) * i // max(1, count - 1) for i in range(count)]
