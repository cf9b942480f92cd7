"""What changes while a run trains: the weights of losses, the length of clips, which parts learn.

It depends on the number of the iteration alone, so that a resumed run does what an uninterrupted one does.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from photoreal.errors import ConfigError
from photoreal.registry import suggest

Points = Sequence[Sequence[Any]]


def value_at(points: Points, iteration: int) -> Any:
    """What holds after so many iterations.

    Args:
        points: ``(iteration, value)``: from then on it is this; ``(first, last, value)``: it moves there evenly between
            these iterations, from what it was before. In order, the first at 0.
        iteration: How many iterations are done.
    """
    value = points[0][-1]
    for first, *last, new in points:
        if iteration < first:
            break
        done = min(1.0, (iteration - first) / (last[0] - first)) if last else 1.0
        value = new if done == 1 else value + done * (new - value)
    return value


@HOOKS.register_module()
class ScheduleHook(Hook):
    """Change what is trained, and how, as the iterations go by; every schedule is a list of points (:func:`value_at`).

    A loss of weight 0 is off: it is not computed, and where none is left that wants them, there is no discriminator and
    clips do not run back. So two stages are ``loss_weights=dict(adversarial=[(0, 0.0), (20000, 0.01)])``.

    Args:
        loss_weights: Name of a loss (``virtual_<name>``: of the unpaired branch) -> its weight.
        clip_length: Frames of a clip; never more than the dataset's ``clip_length``.
        frozen: Part of the model (``generator.flow_net``) -> whether it stays as it is.

    Raises:
        ConfigError: A schedule is not one.
    """

    priority = 'VERY_HIGH'

    def __init__(self, loss_weights: dict[str, list] | None = None, clip_length: list | None = None,
                 frozen: dict[str, list] | None = None) -> None:
        self.loss_weights, self.clip_length, self.frozen = loss_weights or {}, clip_length, frozen or {}
        _check('clip_length', [(0, 1)] if clip_length is None else clip_length, int)
        for name, points in self.loss_weights.items():
            _check(f'loss_weights.{name}', points, float)
        for name, points in self.frozen.items():
            _check(f'frozen.{name}', points, bool)

    def check(self, model: nn.Module, dataset: Dataset) -> None:
        """Check that what is to change is there.

        Raises:
            ConfigError: It is not.
        """
        losses = _losses(model)
        for name in self.loss_weights:
            if name not in losses:
                raise ConfigError(f"ScheduleHook.loss_weights: the model has no loss '{name}'{suggest(name, losses)}")
        for name in self.frozen:
            if name not in (parts := {part for part, _ in model.named_modules() if part}):
                raise ConfigError(f"ScheduleHook.frozen: the model has no part '{name}'{suggest(name, parts)}")
        longest = max(point[-1] for point in self.clip_length or [(0, 0)])
        if longest > getattr(dataset, 'clip_length', longest):
            raise ConfigError(f'ScheduleHook.clip_length reaches {longest} frames, and clip_length is '
                              f'{dataset.clip_length}: raise that one to it')
        if self.clip_length and not hasattr(dataset, 'clip_length'):
            raise ConfigError(f'ScheduleHook.clip_length: a {type(dataset).__name__} has no clip_length that could '
                              'change; expected a ClipDataset')

    def before_train(self, runner: Runner) -> None:
        model = _bare(runner.model)
        # What a network froze itself stays frozen.
        self._weights = {name: [weight for weight in _part(model, name).parameters() if weight.requires_grad]
                         for name in self.frozen}
        self._now_frozen: dict[str, bool] = dict.fromkeys(self.frozen, False)
        if self.clip_length is not None:
            loader = runner.train_dataloader
            each = loader.batch_size * loader.sampler.world_size  # clips of an iteration
            loader.sampler.clip_length = partial(_clip_length, self.clip_length, each)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        losses = _losses(_bare(runner.model))
        for name, points in self.loss_weights.items():
            losses[name].weight = float(value_at(points, runner.iter))
        frozen = {name: bool(value_at(points, runner.iter)) for name, points in self.frozen.items()}
        if frozen != self._now_frozen:
            self._freeze(runner, frozen)

    def _freeze(self, runner: Runner, frozen: dict[str, bool]) -> None:
        for trained in (True, False):  # a part within a frozen part is frozen too
            for name, is_frozen in frozen.items():
                if is_frozen != trained:
                    for weight in self._weights[name]:
                        weight.requires_grad_(trained)
        self._now_frozen = frozen
        if hasattr(runner.model, 'wrap'):
            runner.model.wrap()  # a distributed wrapper waits for the gradients of what learnt when it was made
        runner.logger.info(f'frozen: {", ".join(name for name, yes in frozen.items() if yes) or "nothing"}')


def _clip_length(points: Points, each: int, clip: int) -> int:
    return round(value_at(points, clip // each))


def _bare(model: nn.Module) -> nn.Module:
    return getattr(model, 'module', model)


def _part(model: nn.Module, name: str) -> nn.Module:
    """The part of that name, which distributed wrappers may lie around and above."""
    for step in name.split('.'):
        model = getattr(_bare(model), step)
    return _bare(model)


def _losses(model: nn.Module) -> dict[str, nn.Module]:
    unpaired = getattr(model, 'unpaired', None)
    on_virtual = unpaired.losses.items() if unpaired is not None else ()
    return {**dict(model.losses.items()), **{f'virtual_{name}': loss for name, loss in on_virtual}}


def _check(name: str, points: Any, kind: type) -> None:
    wanted = {int: 'a whole number above 0', float: 'a number', bool: 'True or False'}[kind]
    ramps = 2 if kind is bool else 3
    faults = 0 if isinstance(points, (list, tuple)) and points else 1
    before = -1
    for point in points if not faults else ():
        whole = isinstance(point, (list, tuple)) and 2 <= len(point) <= ramps
        if not whole or not all(isinstance(at, int) for at in point[:-1]):
            faults += 1
            break
        *at, value = point
        faults += at != sorted(set(at)) or at[0] <= before or (before < 0 and at != [0])
        faults += isinstance(value, bool) != (kind is bool) or not isinstance(value, (int, kind))
        faults += kind is int and value < 1
        before = at[-1] - (len(at) > 1)  # the next may begin where a ramp ends
    if faults:
        ramp = '' if kind is bool else ', or (first iteration, last iteration, value) to move there evenly'
        raise ConfigError(f'ScheduleHook.{name}={points!r}: expected a list of (iteration, value){ramp}; in order, the '
                          f'first at iteration 0, and the value {wanted}')
