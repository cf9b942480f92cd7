"""The unpaired branch: virtual clips train the generator too, though nobody has filmed what they should become.

What they become is judged by a critic, against real crops that show the like: between crops that show other things it
would learn to tell a sky from a road, and the generator to paint trees into the sky (Richter et al., "Enhancing
Photorealism Enhancement", TPAMI 2022, arXiv 2105.04619, section 3.3). Other losses hold the render's structure.

Legend: N batch, T time, H height, W width, s scale, t frames of a crop, p its side, n crops, B crops in the bank.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.registry import DISCRIMINATORS, LOSSES
from photoreal.structures import ClipContext

USUAL_CRITIC = dict(type='SpatialDiscriminator', conditional=False)
USUAL_LOSSES = dict(
    adversarial=dict(type='AdversarialLoss', weight=0.005),
    structure=dict(type='PerceptualLoss', against='frames', layers=('fire5', 'fire9'), weight=0.2),
    temporal=dict(type='MaskedTemporalLoss', weight=0.5))


@dataclass
class Pairs:
    """Virtual crops and their real partners.

    Attributes:
        steps: (t,) which frames of the clips they show.
        side: p.
        chosen: (n,) which of all the crops of the virtual clips, as :func:`cut` gives them, have partners.
        partners: (n, t, 3, p, p) in [0, 1]: the real crops.
        likeness: Mean cosine similarity of the pairs.
    """

    steps: Tensor
    side: int
    chosen: Tensor
    partners: Tensor
    likeness: Tensor

    def cut(self, clip: Tensor) -> Tensor:
        """The crops (n, t, 3, p, p) of predictions (N, T, 3, H*s, W*s) that have partners."""
        return cut(clip.index_select(1, self.steps), self.side)[self.chosen]

    def judged(self, pred: Tensor) -> ClipContext:
        """What the critic may see of the pairs: no condition, which would tell the domains apart."""
        real = self.partners
        return ClipContext(real.new_zeros(*real.shape[:2], 0, self.side, self.side), real, pred=self.cut(pred))


class UnpairedBranch(nn.Module):
    """Which losses virtual clips train the generator with, and which real crops their crops are compared with.

    Real crops are kept in a bank, the oldest replaced by those of the batch, the same on all processes. Each crop of
    the virtual frames is matched with its nearest neighbour there, in the pooled features of a network trained on
    photographs. Nothing is random, and the bank is part of the checkpoint, so that a run is resumed exactly.

    Args:
        losses: Name -> config of a loss, which is given the virtual clips: ``frames`` are the render, and there is no
            target; ``real_scores`` and ``fake_scores`` are the critic's. None in place of a config leaves the loss
            out. None: adversarial, structure and temporal, the usual ones.
        critic: Config of the discriminator of the adversarial loss, without ``in_channels`` and ``scale``; it gets no
            condition and no flow. None: a SpatialDiscriminator. Without an adversarial loss there is none.
        crop_size: Side of the crops in pixels of the prediction; at most that of the training crop.
        frames: Consecutive frames of a crop; at most clip_length. They move through the clip from step to step.
        bank_size: Crops that are kept. They are part of each checkpoint: ``frames * 3 * crop_size**2`` bytes each.
        keep: Share of the virtual crops, those with the nearest partners, that is judged.
        backbone: Network whose features are compared, see :func:`photoreal.models.features.build_features`.
        layer: Its layer.
        weights: Path of its weights, where it does not come with the package.

    Raises:
        ConfigError: An argument is out of range, or there is no loss.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, losses: dict[str, dict | None] | None = None, critic: dict | None = None, crop_size: int = 64,
                 frames: int = 3, bank_size: int = 256, keep: float = 0.5, backbone: str = 'squeezenet1_1',
                 layer: str = 'fire9', weights: str | None = None) -> None:
        super().__init__()
        for name, value in (('crop_size', crop_size), ('frames', frames), ('bank_size', bank_size)):
            if value < 1:
                raise ConfigError(f'model.unpaired.{name}={value}: expected 1 or more')
        if not 0 < keep <= 1:
            raise ConfigError(f'model.unpaired.keep={keep}: expected a share in (0, 1]')
        chosen = USUAL_LOSSES if losses is None else losses
        self.losses = nn.ModuleDict({name: LOSSES.build(cfg) for name, cfg in chosen.items() if cfg is not None})
        self.has_critic = any(loss.trains_discriminator for loss in self.losses.values())
        if not self.losses:
            raise ConfigError('model.unpaired.losses has none that is not None: configure at least one, or set '
                              'unpaired=None')
        if not self.has_critic and any(loss.penalises_discriminator for loss in self.losses.values()):
            raise ConfigError('model.unpaired.losses penalise a critic, but none of them trains it: add '
                              "adversarial=dict(type='AdversarialLoss'), or leave the penalty out")
        self.critic_config = critic or USUAL_CRITIC
        self.crop_size, self.frames, self.keep = crop_size, frames, keep
        if self.has_critic:
            self.features = build_features(backbone, [layer], weights)
            with torch.no_grad():
                size = self._describe(torch.zeros(1, 1, 3, crop_size, crop_size)).shape[1]
            self.register_buffer('bank', torch.zeros(bank_size, frames, 3, crop_size, crop_size, dtype=torch.uint8))
            self.register_buffer('bank_features', torch.zeros(bank_size, size))
            self.register_buffer('banked', torch.zeros((), dtype=torch.long))  # crops so far, those replaced too
            self.register_buffer('steps', torch.zeros((), dtype=torch.long))

    def build_critic(self, scale: int) -> nn.Module | None:
        """The critic, for predictions of a scale; None where no loss needs one."""
        if not self.has_critic:
            return None
        for key in ('in_channels', 'scale'):
            if key in self.critic_config:
                raise ConfigError(f'model.unpaired.critic.{key}={self.critic_config[key]} is derived: remove it')
        return DISCRIMINATORS.build({**self.critic_config, 'in_channels': 0, 'scale': scale})

    @torch.no_grad()
    def match(self, real: ClipContext, virtual: ClipContext) -> Pairs:
        """Put the real clips' crops into the bank, and find the partners of the virtual clips' crops there.

        Raises:
            ConfigError: The clips are shorter or smaller than the crops are to be.
        """
        length = real.frames.shape[1]
        length = (length + 1) // 2 if real.ping_pong else length  # on the way back it shows the same frames
        self._check(length, *real.frames.shape[-2:])
        steps = self.steps % (length - self.frames + 1) + torch.arange(self.frames, device=self.steps.device)
        self.steps += 1
        self._remember(cut(real.frames.index_select(1, steps), self.crop_size))
        found = self._describe(cut(virtual.frames.index_select(1, steps), self.crop_size))
        empty = torch.arange(len(self.bank), device=found.device) >= self.banked
        likeness, partner = (found @ self.bank_features.T).masked_fill(empty, -torch.inf).max(dim=1)
        chosen = likeness.topk(max(1, round(self.keep * len(found)))).indices
        partners = self.bank[partner[chosen]].float() / 255
        return Pairs(steps, self.crop_size, chosen, partners, likeness[chosen].mean())

    def _check(self, length: int, height: int, width: int) -> None:
        if min(height, width) < self.crop_size:
            raise ConfigError(f'model.unpaired.crop_size={self.crop_size} does not fit into training crops of '
                              f'{width}x{height} pixels: lower it, or raise crop_size')
        if length < self.frames:
            raise ConfigError(f'model.unpaired.frames={self.frames} is more than the {length} of a training clip: '
                              'lower it, or raise clip_length')

    def _remember(self, crops: Tensor) -> None:
        """Replace the oldest crops by these (n, t, 3, p, p) and those of all other processes."""
        features = torch.cat(all_gather(self._describe(crops)))[-len(self.bank):]
        crops = torch.cat(all_gather((crops * 255).round().to(torch.uint8)))[-len(self.bank):]
        places = (self.banked + torch.arange(len(crops), device=crops.device)) % len(self.bank)
        self.bank.index_copy_(0, places, crops)
        self.bank_features.index_copy_(0, places, features)
        self.banked += len(crops)

    def _describe(self, crops: Tensor) -> Tensor:
        """Unit vectors (n, D) of crops (n, t, 3, p, p): what their middle frame shows, in each of its quarters."""
        [features] = self.features(crops[:, crops.shape[1] // 2])
        return F.normalize(F.adaptive_avg_pool2d(features, 2).flatten(1))


def cut(clip: Tensor, side: int) -> Tensor:
    """Cover frames with squares: clips (N, T, 3, H, W) -> (N*n, T, 3, side, side), which overlap where they must."""
    rows, columns = (_evenly(extent, side) for extent in clip.shape[-2:])
    crops = [clip[..., top:top + side, left:left + side] for top in rows for left in columns]
    return torch.stack(crops, dim=1).flatten(0, 1)


def _evenly(extent: int, side: int) -> list[int]:
    """As few places as cover the extent."""
    count = -(-extent // side)
    return [(extent - side) * i // max(1, count - 1) for i in range(count)]
