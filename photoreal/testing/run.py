"""Run the contract of a family on one class, without a test of its own: what ``python -m photoreal.testing`` does."""

import inspect
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from photoreal.datasets.writers import write_image
from photoreal.errors import ConfigError
from photoreal.modalities import Modality
from photoreal.structures import ClipContext
from photoreal.testing.dataset import ClipDatasetContract, StreamDatasetContract
from photoreal.testing.discriminator import DiscriminatorContract
from photoreal.testing.generator import GeneratorContract
from photoreal.testing.input_style import InputStyleContract
from photoreal.testing.loss import LossContract
from photoreal.testing.modality import ModalityContract, street_frames

CONTRACTS: dict[str, tuple[type, ...]] = {
    'dataset': (ClipDatasetContract, StreamDatasetContract), 'modality': (ModalityContract,),
    'input_style': (InputStyleContract,), 'generator': (GeneratorContract,), 'discriminator': (DiscriminatorContract,),
    'loss': (LossContract,)}
VIDEOS = ('train/real/a', 'train/real/b', 'val/real/a', 'val/virtual/b')


class Outcome(NamedTuple):
    """What came of one test of a contract; ``fault`` is None where it passed."""

    test: str
    fault: str | None


def load(place: str) -> type:
    """The class at ``module:Class``.

    Raises:
        ConfigError: There is no such module or class, or the module cannot be imported.
    """
    module, colon, name = place.partition(':')
    if not module or not colon or not name:
        raise ConfigError(f"'{place}': expected MODULE:CLASS, such as my_pkg:Thermal")
    try:
        found = getattr(import_module(module), name, None)
    except Exception as error:  # whatever a module raises while it is imported
        raise ConfigError(f'{module} cannot be imported: {type(error).__name__}: {error}') from error
    if not isinstance(found, type):
        raise ConfigError(f"{module} has no class '{name}'" + ('' if found is None else f', it is {found!r}'))
    return found


def contract_for(family: str, plugin: type, arguments: Mapping[str, Any], settings: Mapping[str, Any],
                 folder: Path) -> type:
    """A test class of a plugin.

    Args:
        family: One of :data:`CONTRACTS`.
        plugin: The plugin, or a subclass of the contract, which is taken as it is.
        arguments: What the plugin is built with, beyond what the contract gives it.
        settings: Attributes of the contract.
        folder: An empty folder, for a dataset that brings no data.

    Raises:
        ConfigError: The contract has no such attribute.
    """
    if issubclass(plugin, CONTRACTS[family]):
        return type(plugin.__name__, (plugin,), _checked(plugin, settings))
    kind = CONTRACTS[family][0]
    if family == 'dataset':
        arguments = _data_arguments(plugin, arguments, folder)
        kind = CONTRACTS[family][hasattr(plugin(**arguments), 'video_ranges')]
        methods: dict[str, Any] = {'make': lambda self: plugin(**arguments)}
    elif family == 'modality':
        methods = {'make': lambda self: plugin(**arguments), 'maps': _maps_for(plugin(**arguments))}
    elif family == 'input_style':
        methods = {'make': lambda self: plugin(**arguments)}
    elif family == 'generator':
        methods = {'make': lambda self, in_channels, skip: plugin(in_channels=in_channels, skip=skip, **arguments)}
    elif family == 'discriminator':
        methods = {'make': lambda self, in_channels, scale: plugin(in_channels=in_channels, scale=scale, **arguments)}
    else:
        methods = {'make': lambda self, weight: plugin(weight=weight, **arguments)}
        if 'least' not in settings:
            methods |= {'perfect': lambda self: None, 'test_perfect_prediction_costs_least': None}  # nobody has said
        probe = type('Probe', (LossContract,), methods | _checked(kind, settings))()
        methods['takes'] = _what_it_takes(probe)
        methods['learns'] = _what_learns(probe, methods['takes'])
    return type(plugin.__name__, (kind,), methods | _checked(kind, settings))


def run(contract: type) -> Iterator[Outcome]:
    """Run every test of a contract, and tell of each when it has ended."""
    tests = (name for name in dir(contract) if name.startswith('test_') and getattr(contract, name) is not None)
    for name in sorted(tests, key=_order(contract)):
        try:
            getattr(contract(), name)()
        except Exception as error:  # whatever a plugin raises is a fault of it
            yield Outcome(name.removeprefix('test_').replace('_', ' '), _explain(error))
        else:
            yield Outcome(name.removeprefix('test_').replace('_', ' '), None)


def _order(contract: type) -> Callable[[str], int]:
    """Tests run as they are written, the family's own first."""
    names = [name for owner in contract.__mro__[::-1] for name in vars(owner)]
    return names.index


def _explain(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error).strip() or place.line or 'it is not so'
    if isinstance(error, AssertionError):
        return text
    return f'{type(error).__name__}: {text} ({place.filename}:{place.lineno})'


def _checked(contract: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    known = sorted(name for owner in contract.__mro__ for name in inspect.get_annotations(owner))
    for name in settings:
        if name not in known:
            raise ConfigError(f"{contract.__name__} has no attribute '{name}'; known: {', '.join(known) or 'none'}")
    return dict(settings)


def _maps_for(modality: Modality) -> Callable[..., np.ndarray]:
    """Maps that a modality takes: frames, or where it is recorded the first kind of maps that it does not refuse."""
    def classes(self: Any, rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
        return rng.integers(0, max(2, modality.channels), (length, height, width, 1), dtype=np.uint8)

    def counts(self: Any, rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
        return rng.integers(0, 65536, (length, height, width, 1), dtype=np.uint16)

    def colours(self: Any, rng: np.random.Generator, length: int, height: int, width: int) -> np.ndarray:
        return street_frames(rng, length, height, width)

    if modality.folder is None:
        return colours
    for kind in (counts, classes, colours) if modality.raw else (colours, classes, counts):
        try:
            modality.compute(kind(None, np.random.default_rng(0), 1, 8, 8), **modality.sample(None))
        except ValueError:  # how a modality refuses what it does not know
            continue
        return kind
    raise ConfigError(f'{type(modality).__name__} takes neither RGB of 8 bits nor classes of 8 nor counts of 16 bits: '
                      'write a subclass of photoreal.testing.modality.ModalityContract with maps() of its kind, and '
                      'give that instead of the class')


def _what_it_takes(probe: LossContract) -> tuple[str, ...]:
    """Names of what a loss asks of the context."""
    taken = []
    for name in ('pred', 'target', 'frames', 'image', 'flow', 'flow_back', 'real_scores', 'fake_scores', 'judge',
                 'teacher', 'taught'):
        context: ClipContext = probe.context()
        setattr(context, name, None)
        try:
            probe.make(1.0)(context)
        except ConfigError:
            taken.append(name)
    return tuple(taken)


def _what_learns(probe: LossContract, taken: tuple[str, ...]) -> tuple[str, ...]:
    """Names of what a gradient reaches, each by itself; where it reaches nothing, what it should reach."""
    found = []
    for name in ('pred', 'flow', 'fake_scores.logits', 'fake_scores.features', 'real_scores.logits'):
        if name.partition('.')[0] in taken:
            probe.learns, context = (name,), probe.context()
            probe.require_gradients(context)
            if probe.make(1.0)(context).requires_grad:
                found.append(name)
    return tuple(found) if found or probe.make(1.0).penalises_discriminator else taken[:1]


def _data_arguments(plugin: type, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Arguments of a dataset: where it is given no data, some small videos in photoreal's own layout."""
    accepted = inspect.signature(plugin).parameters
    usual = {'modalities': dict(gray=dict(type='Gray')), 'clip_length': 3, 'crop_size': 16}
    if 'data_root' in accepted and 'data_root' not in given:
        for seed, video in enumerate(VIDEOS):
            for i, frame in enumerate(street_frames(np.random.default_rng(seed), 6, 32, 40)):
                write_image(folder / video / f'frames/{i:03d}.png', frame)
        usual['data_root'] = str(folder)
    return {name: value for name, value in usual.items() if name in accepted} | dict(given)


def check(family: str, place: str, arguments: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Outcome]:
    """Run the contract of ``family`` on the class at ``module:Class``; see :func:`contract_for`.

    Raises:
        ConfigError: There is no such class, or it cannot be built.
    """
    plugin = load(place)
    with tempfile.TemporaryDirectory() as folder:
        try:
            contract = contract_for(family, plugin, arguments, settings, Path(folder))
        except TypeError as error:  # arguments that are missing, or that it does not take
            raise ConfigError(f'{place} cannot be built: {error}; give its arguments with --args') from error
        yield from run(contract)
