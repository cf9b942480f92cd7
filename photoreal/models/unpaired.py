"""The unpaired branch: virtual clips train the generator too, though nobody has filmed what they should become.

What they become is judged by a critic, against real crops that show the like: between crops that show other things it
would learn to tell a sky from a road, and the generator to paint trees into the sky (Richter et al., "Enhancing
Photorealism Enhancement", TPAMI 2022, arXiv 2105.04619, section 3.3). Other losses hold the render's structure.

Legend: N batch, T time, H height, W width, s scale, t frames of a crop, p its side, n crops, B crops in the bank.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from mmengine.registry import MODELS
from torch import Tensor, nn

from photoreal.errors import ConfigError
from photoreal.models.features import build_features
from photoreal.models.pairs import NO_GROUP, Pairs, cut, detail
from photoreal.registry import DISCRIMINATORS, LOSSES
from photoreal.structures import ClipContext

LABEL_CELLS = 4  # a side: so fine is it looked where the classes of two crops lie
VIEWS = {'frames': None, 'detail': detail}
USUAL_CRITIC = dict(type='SpatialDiscriminator', conditional=False)
USUAL_LOSSES = dict(
    adversarial=dict(type='AdversarialLoss', weight=0.005),
    structure=dict(type='PerceptualLoss', against='frames', layers=('fire5', 'fire9'), weight=0.2),
    temporal=dict(type='MaskedTemporalLoss', weight=0.5))


@MODELS.register_module()
class UnpairedBranch(nn.Module):
    """Which losses virtual clips train the generator with, and which real crops their crops are compared with.

    Real crops are kept in a bank, the oldest replaced by those of the batch, the same on all processes. Each crop of
    the virtual frames is matched with its nearest neighbour there: by where its classes lie, or in the pooled features
    of a network trained on photographs. Nothing is random, and the bank is part of the checkpoint, so that a run is
    resumed exactly.

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
        match: 'features', or 'labels' where the modalities have a LabelMap: crops are matched by their classes, losses
            compare class with class, and a critic that takes a condition is given the classes.
        groups: Classes that are taken together, such as ``[[0], [2, 3, 4]]``; of those not named nothing
            is learnt. None: each class by itself.
        compare: 'frames', or 'detail': greys without what is broader than some pixels. Colour and light are then left
            to the frame that the generator adds to.
        classes: Of the label map; 0: there is none. VideoGAN gives it.

    Raises:
        ConfigError: An argument is out of range, or there is no loss.
        CheckpointError: The backbone's weights cannot be had.
    """

    def __init__(self, losses: dict[str, dict | None] | None = None, critic: dict | None = None, crop_size: int = 64,
                 frames: int = 3, bank_size: int = 256, keep: float = 0.5, backbone: str = 'squeezenet1_1',
                 layer: str = 'fire9', weights: str | None = None, match: str = 'features',
                 groups: Sequence[Sequence[int]] | None = None, compare: str = 'frames', classes: int = 0) -> None:
        super().__init__()
        for name, value in (('crop_size', crop_size), ('frames', frames), ('bank_size', bank_size)):
            if value < 1:
                raise ConfigError(f'model.unpaired.{name}={value}: expected 1 or more')
        if not 0 < keep <= 1:
            raise ConfigError(f'model.unpaired.keep={keep}: expected a share in (0, 1]')
        if compare not in VIEWS:
            raise ConfigError(f'model.unpaired.compare={compare!r}: expected one of {list(VIEWS)}')
        self.view = VIEWS[compare]
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
        self.by_labels = self._parse_match(match, groups, classes)
        self.classes = 0
        if self.by_labels:
            table, self.classes = _group_table(groups, classes)
            self.register_buffer('group_of', table, persistent=False)
        self.compares = self.has_critic or any(loss.compares_pairs for loss in self.losses.values())
        if not self.compares:
            return
        if not self.by_labels:
            self.features = build_features(backbone, [layer], weights)
        crop = torch.zeros(1, frames, 3, crop_size, crop_size)
        with torch.no_grad():
            size = self._describe(crop, crop[:, :, 0].byte()).shape[1]
        self.register_buffer('bank', torch.zeros(bank_size, *crop.shape[1:], dtype=torch.uint8))
        self.register_buffer('bank_features', torch.zeros(bank_size, size))
        self.register_buffer('banked', torch.zeros((), dtype=torch.long))  # crops so far, those replaced too
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))
        if self.by_labels:
            self.register_buffer('bank_groups', torch.full((bank_size, frames, crop_size, crop_size), NO_GROUP,
                                                           dtype=torch.int16))

    @staticmethod
    def _parse_match(match: str, groups: Sequence[Sequence[int]] | None, classes: int) -> bool:
        """Whether crops are matched by labels."""
        if match not in ('features', 'labels'):
            raise ConfigError(f"model.unpaired.match={match!r}: expected 'features' or 'labels'")
        if match == 'features' and groups is not None:
            raise ConfigError("model.unpaired.groups is given with match='features': expected match='labels', or no "
                              'groups')
        if match == 'labels' and not classes:
            raise ConfigError("model.unpaired.match='labels' needs a LabelMap among the modalities: add one, or set "
                              "match='features'")
        return match == 'labels'

    def build_critic(self, scale: int) -> nn.Module | None:
        """The critic, for predictions of a scale; None where no loss needs one."""
        if not self.has_critic:
            return None
        for key in ('in_channels', 'scale'):
            if key in self.critic_config:
                raise ConfigError(f'model.unpaired.critic.{key}={self.critic_config[key]} is derived: remove it')
        return DISCRIMINATORS.build({**self.critic_config, 'in_channels': self.classes, 'scale': scale})

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
        (real_crops, real_groups), (crops, groups) = (self._cut(context, steps) for context in (real, virtual))
        self._remember(real_crops, real_groups)
        found = self._describe(crops, groups)
        empty = torch.arange(len(self.bank), device=found.device) >= self.banked
        likeness, partner = (found @ self.bank_features.T).masked_fill(empty, -torch.inf).max(dim=1)
        chosen = likeness.topk(max(1, round(self.keep * len(found)))).indices
        partner = partner[chosen]
        if self.by_labels:
            groups, partner_groups = groups[chosen], self.bank_groups[partner]
        else:  # each crop is compared with its partner alone
            own = torch.arange(len(chosen), dtype=torch.int16, device=found.device).view(-1, 1, 1, 1)
            groups = partner_groups = own.expand(-1, self.frames, self.crop_size, self.crop_size)
        return Pairs(steps, self.crop_size, chosen, self.bank[partner].float() / 255, likeness[chosen].mean(), groups,
                     partner_groups, self.classes, self.view)

    def _cut(self, context: ClipContext, steps: Tensor) -> tuple[Tensor, Tensor | None]:
        """Crops (n, t, 3, p, p) of a clip's frames and, where they are matched by labels, their groups (n, t, p, p)."""
        crops = cut(context.frames.index_select(1, steps), self.crop_size)
        if not self.by_labels:
            return crops, None
        labels = context.need('labels', "model.unpaired.match='labels'").index_select(1, steps).unsqueeze(2)
        if labels.shape[-2:] != context.frames.shape[-2:]:
            labels = F.interpolate(labels, (1, *context.frames.shape[-2:]), mode='nearest')
        return crops, self.group_of[cut(labels, self.crop_size).squeeze(2).int()]

    def _check(self, length: int, height: int, width: int) -> None:
        if min(height, width) < self.crop_size:
            raise ConfigError(f'model.unpaired.crop_size={self.crop_size} does not fit into training crops of '
                              f'{width}x{height} pixels: lower it, or raise crop_size')
        if length < self.frames:
            raise ConfigError(f'model.unpaired.frames={self.frames} is more than the {length} of a training clip: '
                              'lower it, or raise clip_length')

    def _remember(self, crops: Tensor, groups: Tensor | None) -> None:
        """Replace the oldest crops by these (n, t, 3, p, p) and those of all other processes."""
        features = torch.cat(all_gather(self._describe(crops, groups)))[-len(self.bank):]
        crops = torch.cat(all_gather((crops * 255).round().to(torch.uint8)))[-len(self.bank):]
        places = (self.banked + torch.arange(len(crops), device=crops.device)) % len(self.bank)
        self.bank.index_copy_(0, places, crops)
        self.bank_features.index_copy_(0, places, features)
        if groups is not None:
            self.bank_groups.index_copy_(0, places, torch.cat(all_gather(groups))[-len(self.bank):])
        self.banked += len(crops)

    def _describe(self, crops: Tensor, groups: Tensor | None) -> Tensor:
        """Unit vectors (n, D) of crops (n, t, 3, p, p): what their middle frame shows, and where."""
        middle = crops.shape[1] // 2
        if not self.by_labels:
            [features] = self.features(crops[:, middle])
            return F.normalize(F.adaptive_avg_pool2d(features, 2).flatten(1))
        groups = groups[:, middle].unsqueeze(1)  # (n, 1, p, p)
        share = (groups == torch.arange(self.classes, device=groups.device).view(-1, 1, 1)).float()  # (n, K, p, p)
        return F.normalize(F.adaptive_avg_pool2d(share, LABEL_CELLS).flatten(1))


def _group_table(groups: Sequence[Sequence[int]] | None, classes: int) -> tuple[Tensor, int]:
    """(256,) int16, class -> group, and how many groups there are."""
    groups = [[number] for number in range(classes)] if groups is None else groups
    named = [number for group in groups for number in group]
    if len(set(named)) != len(named) or any(not 0 <= number < classes for number in named):
        raise ConfigError(f'model.unpaired.groups={groups}: expected each of the classes 0 to {classes - 1} once at '
                          'most')
    table = torch.full((256,), NO_GROUP, dtype=torch.int16)
    for i, group in enumerate(groups):
        table[list(group)] = i
    return table, len(groups)
