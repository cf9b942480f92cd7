"""Small models of their parts, batches for them, and a generator as a third party would write it."""

from typing import Any

import numpy as np
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from photoreal.models import VideoGAN
from photoreal.models.generators import Generator
from photoreal.registry import GENERATORS
from photoreal.structures import PARTS, GeneratorOutput
from photoreal.testing.networks import moving_clip

MODALITIES = dict(gray=dict(type='Gray'), picture=dict(type='ImageFolder', folder='picture'))  # 1 + 3 channels
PIXEL = dict(type='PixelLoss', kind='l1')
ADVERSARIAL = dict(type='AdversarialLoss')


class Watched(OptimWrapper):
    """Keeps the gradients of an update, and which there are in the other players by then."""

    other: nn.Module

    def update_params(self, loss, **kwargs):
        self.backward(loss)
        self.own = [p.grad.clone() for group in self.optimizer.param_groups for p in group['params']]
        self.crossed = [name for name, p in self.other.named_parameters() if p.grad is not None and p.grad.any()]
        self.step()


@GENERATORS.register_module()
class Mixer(Generator):
    """A running mean of one convolution: no flow, nothing of the package's own networks."""

    def __init__(self, in_channels: int, skip: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 3, 3, padding=1)

    def forward(self, condition: Tensor) -> GeneratorOutput:
        state, preds = self.init_state(condition[:, 0]), []
        for frame in condition.unbind(1):
            pred, state = self.step(frame, state)
            preds.append(pred)
        return GeneratorOutput(torch.stack(preds, dim=1))

    def init_state(self, condition: Tensor) -> dict[str, Tensor]:
        return {'mean': torch.zeros_like(condition[:, :3])}

    def step(self, condition: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        pred = 0.5 * state['mean'] + self.conv(condition)
        return pred, {'mean': pred}


def build(losses: dict[str, dict | None] | None = None, discriminator: str | dict | None = None,
          generator: dict | None = None, image: str | None = 'picture', **kwargs: Any) -> VideoGAN:
    """A small VideoGAN on :data:`MODALITIES`; with a discriminator the adversarial loss is among its losses."""
    torch.manual_seed(0)
    if isinstance(discriminator, str):
        discriminator = dict(type=discriminator)
    if losses is None:
        losses = dict(pixel=PIXEL) | (dict(adversarial=ADVERSARIAL) if discriminator else {})
    if generator is None or 'type' not in generator:
        generator = dict(type='FRNet', mid_channels=4, num_blocks=1, flow_channels=4) | (generator or {})
    kwargs = dict(modalities=MODALITIES) | kwargs
    return VideoGAN(image=image, generator=generator, discriminator=discriminator,
                    losses=losses, **kwargs)


def wrappers(model: VideoGAN, wrapper: type[OptimWrapper] = OptimWrapper, lr: float = 1e-3) -> OptimWrapperDict:
    """One optimizer for each part that the model has."""
    parts = {name: getattr(model, name) for name in PARTS}
    return OptimWrapperDict(**{name: wrapper(torch.optim.Adam(part.parameters(), lr=lr))
                               for name, part in parts.items() if part is not None})


def clips(n: int = 2, t: int = 3, size: int = 32, scale: int = 1) -> dict[str, Any]:
    """A batch as the collated items of a ClipDataset."""
    raw = (moving_clip(n, t, 4, size, size) * 255).to(torch.uint8)
    target = (moving_clip(n, t, 3, size * scale, size * scale, seed=1) * 255).to(torch.uint8)
    return dict(maps=dict(gray=raw[:, :, :1], picture=raw[:, :, 1:]), target=target, seed=torch.arange(n))


def frame(index: int, video: str = 'a', domain: str = 'real', size: tuple[int, int] = (19, 27), scale: int = 1,
          length: int = 4) -> dict[str, Any]:
    """Frame ``index`` of a video as a collated item of a StreamDataset."""
    seed = sum(f'{domain}/{video}'.encode())
    raw = (moving_clip(1, length, 4, *size, seed=seed)[:, index] * 255).to(torch.uint8)
    picture = np.random.default_rng([seed, index]).integers(0, 256, (1, 3, size[0] * scale, size[1] * scale), np.uint8)
    info = dict(domain=[domain], video=[video], name=[f'{index:05d}'], index=torch.tensor([index]),
                length=torch.tensor([length]), fps=torch.tensor([25.0], dtype=torch.float64))
    return dict(maps=dict(gray=raw[:, :1], picture=raw[:, 1:]), frame=torch.from_numpy(picture), info=info)


def weights(net: nn.Module) -> dict[str, Tensor]:
    """A copy of what is trained."""
    return {name: parameter.detach().clone() for name, parameter in net.named_parameters()}


def moved(net: nn.Module, before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(parameter, before[name]) for name, parameter in net.named_parameters())
