"""The contract of generators, as tests.

A generator's test inherits it, once for each scale it offers::

    class TestMine(GeneratorContract):
        def make(self, in_channels, skip):
            return Mine(in_channels, skip=skip, mid_channels=4)

Legend: N batch, T time, C condition channels, H height, W width, s scale.
"""

import copy
import inspect
import pickle
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor

from photoreal.models.generators.base import Generator, State
from photoreal.registry import GENERATORS
from photoreal.structures import GeneratorOutput
from photoreal.testing.networks import check_gradients, moving_clip, randomize, same

CHANNELS = 5  # of the condition
SKIPS = (None, (1, 4))  # no degraded frame in the condition, and one in its midst


class GeneratorContract:
    """What every generator must do. Inherit in a class whose name starts with ``Test``; make small networks.

    All weights are random and none is zero when they are tested, whatever the generator starts with.

    Attributes:
        sizes: (H, W) of conditions, among them sides that no power of two divides.
        recurrent: Whether the prediction depends on the frames before; a baseline need not.
        half_tolerance: Root mean square by which bfloat16 may change the prediction, over its standard deviation.
    """

    sizes: ClassVar[tuple[tuple[int, int], ...]] = ((19, 27), (24, 16))
    recurrent: ClassVar[bool] = True
    half_tolerance: ClassVar[float] = 0.1

    def make(self, in_channels: int, skip: tuple[int, int] | None) -> Generator:
        """The generator under test, a new one at each call: arguments as VideoGAN gives them."""
        raise NotImplementedError(f'{type(self).__name__} must override make()')

    def test_is_registered(self) -> None:
        kind = type(self.make(CHANNELS, None))
        assert issubclass(kind, Generator), f'{kind.__name__} is no Generator'
        assert kind in GENERATORS.module_dict.values(), f'{kind.__name__} lacks @GENERATORS.register_module()'

    def test_takes_what_follows_from_the_modalities(self) -> None:
        kind = type(self.make(CHANNELS, None))
        lacking = {'in_channels', 'skip'} - set(inspect.signature(kind).parameters)
        assert not lacking, f'{kind.__name__}() does not take {sorted(lacking)}, which VideoGAN gives'

    def test_forward_gives_predictions_and_flow(self) -> None:
        for net in self._nets():
            for height, width in self.sizes:
                for n, t in ((1, 1), (2, 3)):
                    condition = moving_clip(n, t, CHANNELS, height, width)
                    with torch.no_grad():
                        output = net(condition)
                    assert isinstance(output, GeneratorOutput), f'forward gave a {type(output).__name__}'
                    expected = (n, t, 3, height * net.scale, width * net.scale)
                    assert output.pred.shape == expected, f'pred is {tuple(output.pred.shape)}, expected {expected}'
                    assert output.pred.isfinite().all(), 'pred has values that are not finite'
                    self._check_flow(net, condition, output.flow)

    @staticmethod
    def _check_flow(net: Generator, condition: Tensor, flow: Tensor | None) -> None:
        with torch.no_grad():
            estimated = net.estimate_flow(condition)
        assert (flow is None) == (estimated is None), 'forward and estimate_flow differ on whether there is a flow'
        if flow is not None:
            n, t, _, height, width = condition.shape
            assert flow.shape == (n, t - 1, 2, height, width), f'flow is {tuple(flow.shape)} for {condition.shape}'
            same(estimated, flow, 'estimate_flow against the flow of forward')

    def test_forward_equals_repeated_step(self) -> None:
        for net in self._nets():
            for height, width in self.sizes:
                for n, t in ((1, 1), (2, 4)):
                    condition = moving_clip(n, t, CHANNELS, height, width)
                    with torch.no_grad():
                        whole = net(condition).pred
                    for i, pred in enumerate(_stream(net, condition)):
                        same(pred, whole[:, i], f'frame {i} of {height}x{width}, step against forward')

    def test_state_is_a_flat_dict_of_tensors_that_keep_their_shapes(self) -> None:
        for net in self._nets():
            condition = moving_clip(2, 2, CHANNELS, *self.sizes[0])
            blank = net.init_state(condition[:, 0])
            with torch.no_grad():
                _, state = net.step(condition[:, 0], blank)
            for each in (blank, state):
                assert type(each) is dict, f'the state is a {type(each).__name__}'
                assert all(isinstance(value, Tensor) for value in each.values()), 'the state holds more than tensors'
            assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in blank.items()}, \
                'the state changes its keys or shapes from frame to frame'
            for key, value in net.init_state(condition[:, 1]).items():
                assert torch.equal(value, blank[key]), f"the blank state's {key!r} depends on what the frame shows"

    def test_state_matters(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 3, CHANNELS, *self.sizes[0])
            *_, last = _stream(net, condition)
            *_, fresh = _stream(net, condition[:, -1:])
            depends = bool((last - fresh).abs().max() > 1e-4)
            assert depends == self.recurrent, f'the prediction depends on the frames before it: {depends}'

    def test_step_is_pure(self) -> None:
        for net in self._nets():
            frame = moving_clip(2, 1, CHANNELS, *self.sizes[0])[:, 0]
            with torch.no_grad():
                _, state = net.step(frame.flip(-1), net.init_state(frame))
                kept, held, inside = frame.clone(), _copy(state), pickle.dumps(net)
                first, after = net.step(frame, state)
                first, after = first.clone(), _copy(after)
                again, after_again = net.step(frame, state)
            same(again, first, 'the same step twice', 0)
            for key in after:
                same(after_again[key], after[key], f'state {key!r} of the same step twice', 0)
                same(state[key], held[key], f'state {key!r} that step was given, before and after', 0)
            same(frame, kept, 'the condition that step was given, before and after', 0)
            assert pickle.dumps(net) == inside, 'step keeps something in the module'

    def test_past_does_not_depend_on_the_future(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 4, CHANNELS, *self.sizes[0])
            changed = condition.clone()
            changed[:, 3] = 1 - changed[:, 3]
            with torch.no_grad():
                before, after = net(condition).pred, net(changed).pred
            same(after[:, :3], before[:, :3], 'predictions before a frame that changed')
            assert not torch.equal(after[:, 3], before[:, 3]), 'the prediction does not depend on its condition'

    def test_clips_of_a_batch_do_not_mix(self) -> None:
        for net in self._nets():
            condition = moving_clip(2, 3, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                same(net(condition[1:]).pred[0], net(condition).pred[1], 'a clip alone and beside another')

    def test_repeats_itself(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 3, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                same(net(condition).pred, net(condition).pred, 'the same clip twice', 0)

    def test_gradients_reach_every_parameter(self) -> None:
        for net in self._nets():
            net.train()
            pred = net(moving_clip(2, 3, CHANNELS, *self.sizes[0])).pred
            (pred * moving_clip(*pred.shape, seed=1)).mean().backward()
            check_gradients(net)

    def test_copies_make_the_same(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 2, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                expected = net(condition).pred
                for how, twin in {'deepcopy': copy.deepcopy(net), 'pickle': pickle.loads(pickle.dumps(net))}.items():
                    same(twin(condition).pred, expected, f'the generator and its {how}')

    def test_state_dict_holds_all_of_it(self) -> None:
        condition = moving_clip(1, 2, CHANNELS, *self.sizes[0])
        for net, skip in zip(self._nets(), SKIPS):
            other = self.make(CHANNELS, skip).eval()
            other.load_state_dict(net.state_dict())
            with torch.no_grad():
                same(other(condition).pred, net(condition).pred, 'the generator and another with its state_dict')

    def test_double_precision(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 3, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                single, double = net(condition).pred, net.double()(condition.double()).pred
                pred, state = net.step(condition[:, 0].double(), net.init_state(condition[:, 0].double()))
            assert double.dtype == pred.dtype == torch.float64, f'float64 became {double.dtype} or {pred.dtype}'
            assert all(value.dtype == torch.float64 for value in state.values() if value.is_floating_point()), \
                'the state of a float64 stream is not float64'
            same(double.float(), single, 'float64 and float32', 1e-3)

    def test_mixed_precision_stays_close(self) -> None:
        for net in self._nets():
            condition = moving_clip(1, 3, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                full = net(condition).pred
                with torch.autocast('cpu', torch.bfloat16):
                    half = net(condition).pred.float()
                    streamed = torch.stack([pred.float() for pred in _stream(net, condition)], dim=1)
            for name, found in {'forward': half, 'step': streamed}.items():
                error = float((found - full).square().mean().sqrt() / full.std())
                assert error < self.half_tolerance, f'{name} in bfloat16 is off by {error:.3f} standard deviations'

    def test_channels_last_makes_the_same(self) -> None:
        for net in self._nets():
            condition = moving_clip(2, 3, CHANNELS, *self.sizes[0])
            with torch.no_grad():
                expected = net(condition).pred
                found = net.to(memory_format=torch.channels_last)(condition).pred
                same(found, expected, 'channels first and last', 1e-4)  # other kernels, which add up in another order

    def test_stays_on_the_device(self) -> None:
        device = 'cuda' if torch.cuda.is_available() else 'meta'
        for net in self._nets():
            net, condition = net.to(device), moving_clip(1, 2, CHANNELS, *self.sizes[0]).to(device)
            with torch.no_grad():
                pred, state = net.step(condition[:, 0], net.init_state(condition[:, 0]))
                found = [net(condition).pred, pred, *state.values()]
            assert {tensor.device.type for tensor in found} == {device}

    def _nets(self) -> Iterator[Generator]:
        """The generator without and with a degraded frame, ready for use, with random weights."""
        for skip in SKIPS:
            net = self.make(CHANNELS, skip).eval()
            randomize(net)
            yield net


def _stream(net: Generator, condition: Tensor) -> Iterator[Tensor]:
    """Predictions (N, 3, H*s, W*s) of a clip of conditions (N, T, C, H, W), frame by frame."""
    state = net.init_state(condition[:, 0])
    for frame in condition.unbind(1):
        with torch.no_grad():
            pred, state = net.step(frame, state)
        yield pred


def _copy(state: State) -> State:
    return {key: value.clone() for key, value in state.items()}
