"""A start from weights of a model with other modalities: what fits is taken, first convolutions channel by channel.

A network says by ``condition_inputs`` which input channels of which weights see which channel of the condition. What a
new modality adds starts at 0, so that training begins where the other model ended.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from photoreal.engine.checkpoint import load_weights
from photoreal.errors import CheckpointError

_LEAST = 0.5  # of a generator's values that must fit: below it the weights are another network's
_NAMED = 3

Key = tuple[str, int]  # of a channel of the condition: its modality and its number there, -1 for its presence


def start_from(model: nn.Module, checkpoint: Mapping[str, Any], origin: str) -> None:
    """Put the weights that a training starts from into a VideoGAN, and say in the log what was new.

    Args:
        model: The model, with its initial weights.
        checkpoint: What ``read_checkpoint`` gave.
        origin: Where it comes from, for messages.

    Raises:
        CheckpointError: There is no generator, or it is another one.
    """
    state, layout = dict(checkpoint['state_dict']), getattr(model.data_preprocessor, 'layout', None)
    there = _keys_of(checkpoint)
    here = None if layout is None else channel_keys(layout.describe())
    lines = []
    for part, network in _networks(model):
        prefix = f'{part}.'
        given = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if given:
            fitting, news = _fitting(network, given, there, here, part, origin)
            state = {name: value for name, value in state.items() if not name.startswith(prefix)}
            state |= {prefix + name: value for name, value in fitting.items()}
            lines += [] if news is None else [f'{part}: {news}']
    for part in _of_another_kind(model, state):
        state = {name: value for name, value in state.items() if name.partition('.')[0] != part}
        lines.append(f'{part}: of another kind, it starts anew')
    if there is not None and here is not None and there != here:
        lines.insert(0, _compared(there, here))
    load_weights(model, state, origin)
    for line in lines:
        print_log(f'fine-tuning from {origin}: {line}', 'current')


def channel_keys(condition: Mapping[str, Any]) -> list[Key]:
    """What each channel of a condition is, from :meth:`~photoreal.structures.ConditionLayout.describe`."""
    keys = [(name, i) for name, count in condition['channels'].items() for i in range(count)]
    return [*keys, *((name, -1) for name in condition['optional'])]


def _keys_of(checkpoint: Mapping[str, Any]) -> list[Key] | None:
    """The channels of the condition that a checkpoint was made for; None where it does not say."""
    meta = checkpoint.get('meta')
    condition = meta.get('condition') if isinstance(meta, dict) else None
    return None if condition is None else channel_keys(condition)


def _networks(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """(name in a checkpoint, network) of the parts that see the condition, out of their wrappers."""
    found = []
    for part, module in model.named_children():
        if part in ('generator', 'discriminator'):
            found.append((part, getattr(module, 'module', module)))
        elif part == 'generator_ema':
            found.append(('generator_ema.module', module.module))
    return found


def _of_another_kind(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """The other parts whose weights are not those of the model's."""
    seen, found = {part.partition('.')[0] for part, _ in _networks(model)}, []
    for part, module in model.named_children():
        own = {f'{part}.{name}': value.shape for name, value in getattr(module, 'module', module).state_dict().items()}
        given = {name: value.shape for name, value in state.items() if name.partition('.')[0] == part}
        if part not in seen and given and given != own:
            found.append(part)
    return found


def _fitting(network: nn.Module, given: Mapping[str, Tensor], there: Sequence[Key] | None, here: Sequence[Key] | None,
             part: str, origin: str) -> tuple[dict[str, Tensor], str | None]:
    """Weights for all of a network: those given as far as they fit, else its own; and what was new, in words."""
    own = network.state_dict()
    if given.keys() == own.keys() and all(given[name].shape == own[name].shape for name in own) and \
            (there is None or there == here):
        return dict(given), None
    seen = seen_there = {}
    if there is not None and here is not None and hasattr(network, 'condition_inputs'):
        seen, seen_there = network.condition_inputs(len(here)), network.condition_inputs(len(there))
    fitting, new, adapted = dict(own), [], []
    for name, value in own.items():
        if name in seen and name in given and given[name].shape[1] == len(seen_there[name]) and \
                given[name].shape[2:] == value.shape[2:] and given[name].shape[0] == value.shape[0]:
            fitting[name] = carry_over(given[name], seen_there[name], there, seen[name], here)
            adapted.append(name)
        elif name in given and given[name].shape == value.shape and name not in seen:
            fitting[name] = given[name]
        else:
            new.append(name)
    left = [name for name in given if name not in own]
    taken = 1 - sum(own[name].numel() for name in new) / max(1, sum(value.numel() for value in own.values()))
    if part.startswith('generator') and taken < _LEAST:
        raise CheckpointError(f'{origin} does not fit the {part.partition(".")[0]} of this config: '
                              f'{_why(given, own, new)}; {taken:.0%} of its weights fit. Use the config that it was '
                              'trained with (it lies beside the checkpoint), or its generator in yours')
    news = [f'{taken:.0%} of the weights are taken']
    news += [f'by modality: {", ".join(adapted)}'] if adapted else []
    news += [f'new: {_some(new)}'] if new else []
    news += [f'left: {_some(left)}'] if left else []
    return fitting, '; '.join(news)


def carry_over(given: Tensor, seen_there: Sequence[int], there: Sequence[Key], seen: Sequence[int],
               here: Sequence[Key]) -> Tensor:
    """The weights of a convolution for another condition: each input channel those of its like, 0 where it has none.

    Args:
        given: (O, I, kh, kw) those that there are.
        seen_there: For each of its I input channels the channel of the condition that it sees, -1 for something else.
        there: What the channels of that condition are.
        seen: The same of the wanted weights, J input channels.
        here: What the channels of the new condition are.

    Returns:
        (O, J, kh, kw).
    """
    places: dict[Key | None, list[int]] = {}
    for place, channel in enumerate(seen_there):
        places.setdefault(None if channel < 0 else there[channel], []).append(place)
    made = given.new_zeros(len(given), len(seen), *given.shape[2:])
    for place, channel in enumerate(seen):
        like = places.get(None if channel < 0 else here[channel])
        if like:  # a network may see a channel more than once: the first is like the first
            made[:, place] = given[:, like.pop(0)]
    return made


def _compared(there: Sequence[Key], here: Sequence[Key]) -> str:
    """Which modalities are carried over, which are new, and which are left out."""
    old, new = (dict.fromkeys(_word(key) for key in keys) for keys in (there, here))
    same = {name for name in new if [k for k in there if _word(k) == name] == [k for k in here if _word(k) == name]}
    parts = [('carried over', [name for name in new if name in same]), ('new', [n for n in new if n not in same]),
             ('left out', [name for name in old if name not in same])]
    return '; '.join(f'{word}: {", ".join(names)}' for word, names in parts if names)


def _word(key: Key) -> str:
    return f'presence of {key[0]}' if key[1] < 0 else key[0]


def _why(given: Mapping[str, Tensor], own: Mapping[str, Tensor], new: Sequence[str]) -> str:
    name = new[0]
    if name not in given:
        return f"'{name}' is missing"
    return f"'{name}' is {tuple(given[name].shape)}, expected {tuple(own[name].shape)}"


def _some(names: Sequence[str]) -> str:
    return ', '.join(names[:_NAMED]) + (f' and {len(names) - _NAMED} more' if len(names) > _NAMED else '')
