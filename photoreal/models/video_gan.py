"""VideoGAN: the training step of a recurrent video GAN, and its use on streams.

Legend: N batch, T time, C condition channels, H height, W width, s scale.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from mmengine.model import BaseModel, MomentumAnnealingEMA
from mmengine.optim import OptimWrapperDict
from mmengine.registry import MODELS
from torch import Tensor, nn

from photoreal.errors import ConfigError, DataError
from photoreal.look import build_look
from photoreal.modalities import Modality
from photoreal.models.generators import Generator, State
from photoreal.models.layers import wide
from photoreal.models.losses import Loss
from photoreal.models.micro_batches import learn_in_parts
from photoreal.models.preprocessor import ClipPreprocessor, merge_derived
from photoreal.models.regions import compile_parts, recompute
from photoreal.models.unpaired import UnpairedBranch
from photoreal.registry import DISCRIMINATORS, LOSSES
from photoreal.structures import LOOK_KEY, ClipContext, FrameInfo, FrameResult, GeneratorOutput, Score


@MODELS.register_module()
class VideoGAN(BaseModel):
    """Generator, discriminator and losses, assembled from configs.

    Args:
        modalities: Name -> config of a modality; the same as the datasets'.
        generator: Config of a generator, without ``in_channels``, ``skip`` and ``motion``: they follow from the
            modalities.
        losses: Name -> config of a loss; None in place of a config leaves the loss out.
        discriminator: Config of a discriminator, without ``in_channels`` and ``scale``; None: no adversarial part.
        image: Name of the modality that is the 3-channel degraded frame: the generator adds its output to it.
        dropout: How often modalities are missing in training, see
            :class:`~photoreal.models.preprocessor.ClipPreprocessor`; None: never.
        unpaired: Arguments of :class:`~photoreal.models.unpaired.UnpairedBranch`, which has virtual clips train the
            generator too; ``dict()``: its usual ones; None: no virtual clips.
        update_threshold: The discriminator is only updated while it does not lead by more than this: mean log
            sigmoid(real) - mean log sigmoid(fake) < threshold, as in TecoGAN; so is the unpaired branch's critic.
            None: always.
        ema_momentum: Weight of the newest generator in the running average that is used for validation and test;
            None: no average, the generator itself is used.
        micro_batches: In how many equal parts a batch goes through the networks; an iteration is one step for all of
            them. More take less memory.
        checkpointing: Whether the generator's activations are computed again in the backward pass instead of kept:
            less memory for a third more time.
        compile: Whether torch.compile makes the parts of generator and discriminator faster, which takes minutes at
            the start; those with spectral normalisation stay as they are.
        look: The datasets' look, see :func:`photoreal.look.build_look`; the model keeps its table, so that a checkpoint
            needs no file beside it. None: virtual frames stay as they are.

    Raises:
        ConfigError: Parts that do not fit together.
    """

    def __init__(self, modalities: dict[str, dict | Modality], generator: dict, losses: dict[str, dict | None],
                 discriminator: dict | None = None, image: str | None = None, dropout: dict | None = None,
                 unpaired: dict | None = None, update_threshold: float | None = 0.4,
                 ema_momentum: float | None = 0.001, micro_batches: int = 1, checkpointing: bool = False,
                 compile: bool = False, look: str | dict[str, Any] | None = None) -> None:
        super().__init__(ClipPreprocessor(modalities, image, dropout))
        layout = self.data_preprocessor.layout
        self.generator: Generator = self.data_preprocessor.build_generator(generator)
        self.scale = self.generator.scale
        self.discriminator: nn.Module | None = None
        if discriminator is not None:
            derived = dict(in_channels=layout.channels, scale=self.scale)
            self.discriminator = DISCRIMINATORS.build(merge_derived(derived, discriminator, 'discriminator'))
        self.unpaired: UnpairedBranch | None = None
        self.critic: nn.Module | None = None
        if unpaired is not None:
            derived = dict(classes=self.data_preprocessor.classes)
            self.unpaired = MODELS.build({'type': 'UnpairedBranch', **merge_derived(derived, unpaired, 'unpaired')})
            self.critic = self.unpaired.build_critic(self.scale)
        # Convolutions are faster with the channels innermost: 1.6 times the steps/s of the demo on a CPU.
        for parameter in self.parameters():
            if parameter.dim() == 4:  # torch refuses those of 3-D convolutions
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.losses = nn.ModuleDict({name: LOSSES.build(cfg) for name, cfg in losses.items() if cfg is not None})
        self._check_losses()
        directed = [name for name, m in self.data_preprocessor.modalities.items() if m.directed]
        if self.ping_pong and directed:
            raise ConfigError(f"modality '{directed[0]}' tells which way time runs, and a loss has clips run back as "
                              'well: set model.losses.ping_pong=None')
        self.update_threshold = update_threshold
        self.generator_ema = None
        if ema_momentum is not None:
            # Early on the average must not hold on to the initial weights: its momentum falls with 10 / (10 + steps).
            self.generator_ema = MomentumAnnealingEMA(self.generator, momentum=ema_momentum, gamma=10)
        if look is not None:
            self.register_buffer(LOOK_KEY, build_look(look).table.clone())
        self.register_buffer('discriminator_updates', torch.zeros((), dtype=torch.long))
        if self.critic is not None:
            self.register_buffer('critic_updates', torch.zeros((), dtype=torch.long))
        if micro_batches < 1:
            raise ConfigError(f'model.micro_batches={micro_batches}: expected 1 or more')
        self.micro_batches = micro_batches
        if checkpointing:
            recompute(self.generator)
        if compile:
            for net in (self.generator, self.discriminator, self.critic):
                if net is not None:
                    compile_parts(net)
        self._stream: tuple[FrameInfo, State] | None = None

    def _check_losses(self) -> None:
        if not self.losses:
            raise ConfigError('model.losses has none that is not None: configure at least one, such as '
                              "pixel=dict(type='PixelLoss')")
        players = [name for name, loss in self.losses.items()
                   if loss.trains_discriminator or loss.penalises_discriminator]
        if self.discriminator is not None and not any(loss.trains_discriminator for loss in self.losses.values()):
            raise ConfigError('model.discriminator is configured, but none of model.losses trains it: add '
                              "adversarial=dict(type='AdversarialLoss'), or set discriminator=None")
        if self.discriminator is None and players:
            raise ConfigError(f'model.losses.{players[0]} needs a discriminator: configure model.discriminator, or set '
                              f'model.losses.{players[0]}=None')

    @property
    def ping_pong(self) -> bool:
        """Whether clips run forward and back again, because a loss wants that."""
        on_virtual = self.unpaired.losses.values() if self.unpaired is not None else ()
        return any(loss.needs_ping_pong and loss.weight for loss in (*self.losses.values(), *on_virtual))

    # Training ---------------------------------------------------------------------------------------------------

    def train_step(self, data: dict[str, Any], optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the discriminator (and the critic), then the generator, on one batch of clips.

        Args:
            data: A collated batch of :class:`~photoreal.structures.ClipItem`.
            optim_wrapper: 'generator' and, where there are such, 'discriminator' and 'critic'.

        Returns:
            What to log: ``g_<loss>`` for each loss (weight applied) and ``g_total``; with a discriminator ``d_total``,
            the mean logits ``d_real`` and ``d_fake``, its lead ``d_lead``, its accuracy ``d_accuracy`` (in what share
            of places the real clip has the higher logit) and the count of its updates so far, ``d_updates``. With the
            unpaired branch ``g_virtual_<loss>``, ``virtual_match`` where crops are compared (how alike the pairs of
            virtual and real crops are, 1 at most) and, with a critic, the same of it under ``c_...``.
        """
        return self.train_on(self.data_preprocessor(data, training=True), optim_wrapper)

    def train_on(self, batch: dict[str, Tensor], optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """:meth:`train_step` on what the preprocessor made: condition (N, T, C, H, W), target (N, T, 3, H*s, W*s)."""
        if self.micro_batches == 1:
            logs = self._learn(batch, optim_wrapper)
        else:
            logs = learn_in_parts(self._learn, batch, optim_wrapper, self.micro_batches)
        if self.generator_ema is not None:
            self.generator_ema.update_parameters(_module(self.generator))
        for player in ('discriminator', 'critic'):
            updated = logs.pop(f'{player[0]}_updated', None)
            if updated is not None:
                updates = getattr(self, f'{player}_updates')
                updates += updated > 0
                logs[f'{player[0]}_updates'] = updates.clone()
        return logs

    def _learn(self, batch: dict[str, Tensor], optim_wrapper: Mapping[str, Any]) -> dict[str, Tensor]:
        context = self.begin(batch)
        virtual = self._begin_virtual(batch, context) if self.unpaired is not None else None
        wrapper = optim_wrapper['generator']
        with wrapper.optim_context(self.generator):
            self._generate(context, virtual)
        logs = {}
        if self.discriminator is not None and _play(self.losses):
            judged = self._detached(context)
            logs |= self._update('discriminator', judged, self.losses, optim_wrapper)
            with _frozen(self.discriminator), wrapper.optim_context(self.discriminator):
                context.real_scores = judged.real_scores
                context.fake_scores = self.discriminator(context.pred, judged)
            logs['g_fake'] = _mean_logit(context.fake_scores)
        if virtual is not None and self.unpaired.compares:
            pairs = virtual.pairs = self.unpaired.match(context, virtual)
            logs['virtual_match'] = pairs.likeness
        if self.critic is not None and _play(self.unpaired.losses):
            judged, beside_real = pairs.judged(virtual.pred.detach())
            logs |= self._update('critic', judged, self.unpaired.losses, optim_wrapper, beside_real)
            with _frozen(self.critic), wrapper.optim_context(self.critic):
                virtual.real_scores = judged.real_scores
                virtual.fake_scores = self.critic(pairs.compare(virtual.pred)[0], judged)
            logs['g_virtual_fake'] = _mean_logit(virtual.fake_scores)
        with wrapper.optim_context(self.generator):
            terms = _terms(self.losses, context)
            if virtual is not None:
                terms |= {f'virtual_{name}': term for name, term in _terms(self.unpaired.losses, virtual).items()}
        total = sum(terms.values())
        if total.requires_grad:  # not where the whole generator is frozen
            wrapper.update_params(total)
        logs |= {f'g_{name}': term.detach() for name, term in terms.items()}
        return logs | {'g_total': total.detach()}

    def begin(self, batch: dict[str, Any]) -> ClipContext:
        """A context with condition, target and image; clips run forward and back again where a loss wants that."""
        clips = [batch['condition'], batch['target'], batch.get('labels'), batch.get('teacher')]
        if self.ping_pong:
            clips = [None if clip is None else torch.cat([clip, clip[:, :-1].flip(1)], dim=1) for clip in clips]
        condition, target, labels, teacher = clips
        return ClipContext(condition, target, self.data_preprocessor.image(condition), ping_pong=self.ping_pong,
                           frames=target, labels=labels, teacher=teacher, taught=batch.get('taught'))

    def _begin_virtual(self, batch: dict[str, Any], real: ClipContext) -> ClipContext:
        """As :meth:`begin` for the batch's virtual clips: their frames are no target."""
        if 'virtual' not in batch:
            raise ConfigError('model.unpaired is on, but the training data has no virtual clips: give '
                              'train_dataloader.dataset unpaired too')
        virtual = self.begin(batch['virtual'])
        if virtual.condition.shape[1:] != real.condition.shape[1:]:
            raise ConfigError(f'virtual clips are {tuple(virtual.condition.shape[1:])} and real ones '
                              f'{tuple(real.condition.shape[1:])} (frames, channels, height, width): set crop_size')
        virtual.target = None
        return virtual

    def _generate(self, *contexts: ClipContext | None) -> None:
        """Predict the clips of all contexts that there are, in one pass."""
        contexts = [context for context in contexts if context is not None]
        sizes = [len(context.condition) for context in contexts]
        output: GeneratorOutput = self.generator(torch.cat([context.condition for context in contexts]))
        flows = [None] * len(sizes) if output.flow is None else output.flow.split(sizes)
        for context, pred, flow in zip(contexts, wide(output.pred).split(sizes), flows, strict=True):
            context.pred, context.flow = pred, flow

    def _detached(self, context: ClipContext) -> ClipContext:
        """What the discriminator may see: no gradient reaches the generator but through the clip it judges."""
        flow = None if context.flow is None else context.flow.detach()
        if flow is None:
            flow_back = None
        elif context.ping_pong:
            flow_back = flow.flip(1)  # the clip runs back over the same frames
        else:
            with torch.no_grad():
                flow_back = _module(self.generator).estimate_flow(context.condition.flip(1)).flip(1)
        return ClipContext(context.condition, context.target, context.image, context.pred.detach(), flow, flow_back,
                           ping_pong=context.ping_pong)

    def _update(self, player: str, context: ClipContext, losses: nn.ModuleDict, optim_wrapper: OptimWrapperDict,
                beside_real: ClipContext | None = None) -> dict[str, Tensor]:
        """Update the discriminator or the critic, unless it leads by too much; leave the real scores, detached.

        ``beside_real`` is what it sees beside the real clips, where they do not show what the predicted ones show.
        """
        net, wrapper = getattr(self, player), optim_wrapper[player]
        beside_real = context if beside_real is None else beside_real
        with wrapper.optim_context(net):
            context.real_scores = net(context.target, beside_real)
            context.fake_scores = net(context.pred, context)
            players: list[Loss] = [loss for loss in losses.values() if loss.trains_discriminator and loss.weight]
            total = sum(loss.discriminator_loss(context) for loss in players)
            context.judge = partial(net, context=beside_real)
            total += sum(loss(context) for loss in losses.values() if loss.penalises_discriminator and loss.weight)
            context.judge = None
        lead = _log_sigmoid(context.real_scores) - _log_sigmoid(context.fake_scores)
        all_reduce(lead, op='mean')  # all processes must decide alike
        due = total.requires_grad and (self.update_threshold is None or bool(lead < self.update_threshold))
        if due:
            wrapper.update_params(total)
        logs = {'total': total.detach(), 'real': _mean_logit(context.real_scores),
                'fake': _mean_logit(context.fake_scores), 'lead': lead,
                'accuracy': _accuracy(context.real_scores, context.fake_scores), 'updated': lead.new_tensor(float(due))}
        context.real_scores, context.fake_scores = _detached_scores(context.real_scores), None
        return {f'{player[0]}_{name}': value for name, value in logs.items()}

    # Use --------------------------------------------------------------------------------------------------------

    @property
    def trained_generator(self) -> Generator:
        """The generator to use: the running average where there is one."""
        return _module(self.generator) if self.generator_ema is None else self.generator_ema.module

    def forward(self, condition: Tensor) -> Tensor:
        """Prediction (N, T, 3, H*s, W*s) of whole clips of conditions (N, T, C, H, W), from a blank state."""
        return self.trained_generator(condition).pred

    @torch.no_grad()
    def test_step(self, data: dict[str, Any]) -> list[FrameResult]:
        """Predict the next frame of the stream that is being fed; the first frame of a video starts a new one.

        Args:
            data: A collated batch of one :class:`~photoreal.structures.StreamItem`.

        Raises:
            DataError: Frames do not come one by one and in order.
        """
        labels = self.data_preprocessor.labels(data['maps'])
        data = self.data_preprocessor(data)
        condition, info = data['condition'], _one(data['info'])
        state = self._follow(info, condition)
        pred, state = self.trained_generator.step(condition, state)
        self._stream = (info, state)
        frame, pred, teacher = data['frame'], _to_uint8(pred), data.get('teacher')
        if info['domain'] == 'real':
            target = _to_numpy(frame)
        else:
            target = None if teacher is None else _to_uint8(teacher)
        image = self.data_preprocessor.image(condition)
        if image is not None and self.scale > 1:
            image = F.interpolate(image, scale_factor=self.scale, mode='bicubic', align_corners=False)
        return [FrameResult(
            pred=pred, frame=_to_numpy(frame), target=target,
            image=None if image is None else _to_uint8(image), info=info,
            labels=None if labels is None else labels[0, 0].cpu().numpy())]

    val_step = test_step

    def _follow(self, info: FrameInfo, condition: Tensor) -> State:
        """The state before this frame."""
        if info['index'] == 0:
            return self.trained_generator.init_state(condition)
        before = self._stream[0] if self._stream else None
        if before is None or (before['domain'], before['video'], before['index'] + 1) != \
                (info['domain'], info['video'], info['index']):
            raise DataError(f"frame {info['index']} of '{info['domain']}/{info['video']}' does not follow the frame "
                            f'before it ({before}): feed whole videos in order, batch_size=1, with WholeVideoSampler')
        return self._stream[1]


def _terms(losses: nn.ModuleDict, context: ClipContext) -> dict[str, Tensor]:
    """Name -> value of the losses that the generator is trained with; one of weight 0 is off."""
    return {name: loss(context) for name, loss in losses.items() if not loss.penalises_discriminator and loss.weight}


def _play(losses: nn.ModuleDict) -> bool:
    """Whether any loss has the discriminator learn."""
    return any(loss.trains_discriminator and loss.weight for loss in losses.values())


@contextmanager
def _frozen(net: nn.Module) -> Iterator[None]:
    """Gradients flow through ``net``, none stay in it; a distributed wrapper around it waits for none."""
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        with net.no_sync() if hasattr(net, 'no_sync') else nullcontext():
            yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


def _module(net: nn.Module) -> nn.Module:
    """The network inside a distributed wrapper."""
    return getattr(net, 'module', net)


def _detached_scores(scores: list[Score]) -> list[Score]:
    return [Score(score.logits.detach(), [feature.detach() for feature in score.features]) for score in scores]


def _mean_logit(scores: list[Score]) -> Tensor:
    return torch.stack([wide(score.logits.detach()).mean() for score in scores]).mean()


def _accuracy(real: list[Score], fake: list[Score]) -> Tensor:
    return torch.stack([(r.logits > f.logits).float().mean() for r, f in zip(real, fake, strict=True)]).mean()


def _log_sigmoid(scores: list[Score]) -> Tensor:
    return torch.stack([F.logsigmoid(wide(score.logits.detach())).mean() for score in scores]).mean()


def _to_numpy(images: Tensor):
    """(1, 3, H, W) uint8 -> (H, W, 3) numpy."""
    return images[0].permute(1, 2, 0).contiguous().cpu().numpy()


def _to_uint8(images: Tensor):
    """(1, 3, H, W) float in [0, 1] -> (H, W, 3) uint8 numpy."""
    return _to_numpy((images.float().clamp(0, 1) * 255).round().to(torch.uint8))


def _one(info: dict[str, Any]) -> FrameInfo:
    """The single frame's info in a collated batch."""
    if len(info['video']) != 1:
        raise DataError(f"a batch of {len(info['video'])} frames: a stream is fed with batch_size=1")
    return {key: value[0].item() if isinstance(value[0], Tensor) else value[0] for key, value in info.items()}
