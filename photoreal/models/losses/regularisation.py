"""Penalties of a discriminator that is too sure: R1 and LeCam."""

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from photoreal.errors import ConfigError
from photoreal.models.layers import wide
from photoreal.models.losses.base import Loss
from photoreal.registry import LOSSES
from photoreal.structures import ClipContext, Score


@LOSSES.register_module()
class R1Loss(Loss):
    """Squared gradient of the real clips' logits with respect to the clips (Mescheder et al., "Which Training Methods
    for GANs do actually Converge?", ICML 2018, arXiv 1801.04406, eq. 9), computed lazily (StyleGAN2, arXiv 1912.04958).

    Args:
        weight: The published gamma / 2.
        every: Steps of training from one penalty to the next, which is scaled by as much; they are counted in the
            checkpoint, and with ``model.micro_batches`` each part is one.

    Raises:
        ConfigError: ``every`` is below 1.
    """

    penalises_discriminator = True

    def __init__(self, weight: float = 5.0, every: int = 16) -> None:
        super().__init__(weight)
        if every < 1:
            raise ConfigError(f'R1Loss: every={every}: expected 1 or more')
        self.every = every
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))

    def forward(self, context: ClipContext) -> Tensor:
        target, judge = context.need('target', 'R1Loss'), context.need('judge', 'R1Loss')
        due = int(self.steps) % self.every == 0
        self.steps += 1
        if not due:
            return target.new_zeros(())
        clip = target.detach().requires_grad_()
        with torch.compiler.set_stance('force_eager'):  # the gradients of compiled networks have no gradients
            logits = sum(wide(score.logits).sum() for score in judge(clip))
        [gradient] = torch.autograd.grad(logits, clip, create_graph=True)
        return self.weight * self.every * gradient.square().flatten(1).sum(1).mean()


@LOSSES.register_module()
class LeCamLoss(Loss):
    """Hold the logits of real clips near the running mean of the fake ones', and the other way round: for little data
    (Tseng et al., "Regularizing Generative Adversarial Networks under Limited Data", CVPR 2021, arXiv 2104.03310,
    eq. 5). For the adversarial losses that are no cross entropy; the means are part of the checkpoint.

    Args:
        weight: Factor of the result.
        momentum: Weight of the newest means.

    Raises:
        ConfigError: ``momentum`` is no share.
    """

    penalises_discriminator = True

    def __init__(self, weight: float = 0.01, momentum: float = 0.01) -> None:
        super().__init__(weight)
        if not 0 < momentum <= 1:
            raise ConfigError(f'LeCamLoss: momentum={momentum}: expected a share in (0, 1]')
        self.momentum = momentum
        self.register_buffer('means', torch.zeros(2))  # of real and of fake logits
        self.register_buffer('seen', torch.zeros((), dtype=torch.long))  # updates so far

    def forward(self, context: ClipContext) -> Tensor:
        real, fake = context.need('real_scores', 'LeCamLoss'), context.need('fake_scores', 'LeCamLoss')
        if self.training:
            self._follow(torch.stack([_mean(real), _mean(fake)]).detach())
        of_real, of_fake = self.means
        penalty = [(wide(r.logits) - of_fake).square().mean() + (wide(f.logits) - of_real).square().mean()
                   for r, f in zip(real, fake, strict=True)]
        return self.weight * torch.stack(penalty).mean()

    def _follow(self, newest: Tensor) -> None:
        all_reduce(newest, op='mean')
        momentum = torch.where(self.seen == 0, 1.0, self.momentum)  # the first ones have none before them
        self.means += momentum * (newest.to(self.means) - self.means)
        self.seen += 1


def _mean(scores: list[Score]) -> Tensor:
    return torch.stack([wide(score.logits).mean() for score in scores]).mean()
