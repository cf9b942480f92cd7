"""A generator's step as a graph that runs without photoreal: ONNX, or torch.export.

The graph takes the modalities of one frame and the state before it, and gives the prediction and the state after it::

    <modality> ..., <modality>_given ..., state_<name> ...  ->  pred, next_<name> ...

A modality is an input of its own, (1, c, H, W), as :meth:`photoreal.modalities.Modality.encode` makes it; one that may
be missing has a (1, 1, 1, 1) beside it, 1 if it is given and 0 if not, in which case zeros stand for its map. A stream
starts with a state of zeros (:func:`blank_state`). The file carries a description as JSON: configs, names and shapes of
inputs and state, where the model came from (:func:`read_description`).

Legend: c channels of one modality, H height, W width, s scale.
"""

import copy
import importlib.util
import json
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.fx.experimental._config as tracing_config
from torch import Tensor, nn

from photoreal.bundle import TrainedModel
from photoreal.datasets.writers import atomic_path
from photoreal.errors import CheckpointError, ConfigError
from photoreal.models.generators import Generator
from photoreal.structures import ConditionLayout

ONNX_SUFFIX, TORCH_SUFFIX = '.onnx', '.pt2'
OPSET = 18
_KEY = 'photoreal.json'
_FORMAT = 'photoreal-step-2'
_TRACED = (45, 77)  # a size of no symmetry, with which networks of any size are traced
_PROBED = range(16, 97)  # sides that the shapes of the state are worked out from
_MAX_DIVISOR = 64

Shape = list[int | list]


class Step(nn.Module):
    """A generator's step, with modalities and state as separate tensors.

    Args:
        generator: In evaluation mode.
        layout: Of its condition.
        names: Of the state, in order.
    """

    def __init__(self, generator: Generator, layout: ConditionLayout, names: Sequence[str]) -> None:
        super().__init__()
        self.generator, self.layout, self.names = generator, layout, list(names)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Modalities, which of them are given, the state -> prediction (1, 3, H*s, W*s) and the state after it."""
        first = len(self.layout.slices)
        maps, given = dict(zip(self.layout.slices, inputs)), inputs[first:first + len(self.layout.presence)]
        planes = [flag.expand(-1, -1, *maps[name].shape[-2:]) for name, flag in zip(self.layout.presence, given)]
        maps |= {name: maps[name] * plane for name, plane in zip(self.layout.presence, planes)}
        condition = torch.cat([*maps.values(), *planes], dim=1)
        pred, after = self.generator.step(condition, dict(zip(self.names, inputs[first + len(given):])))
        return pred, *(after[name] for name in self.names)


def export_onnx(model: TrainedModel, path: str | Path, size: tuple[int, int] | None = None, half: bool = False,
                metadata: Mapping[str, str] = {}) -> None:
    """Write the step as an ONNX model (opset 18), weights inside.

    Args:
        model: What :func:`photoreal.bundle.load_model` gave.
        path: A file name that ends in ``.onnx``.
        size: (H, W) of the conditions; None: any.
        half: Weights, condition, prediction and state in float16.
        metadata: More to note: training data, metrics, licence.

    Raises:
        ConfigError: A package is missing, or the generator cannot be exported so.
        CheckpointError: The path has another suffix.
    """
    path = _checked(path, ONNX_SUFFIX)
    for package in ('onnx', 'onnxscript'):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"an ONNX file needs the package '{package}': pip install '.[onnx]' in photoreal's "
                              'folder')
    import onnx
    step, inputs, description = _prepare(model, size, half, metadata)
    state = description['state'].values()
    taken = description['inputs'] | {part['input']: part['shape'] for part in state}
    given = {'pred': _prediction(description)} | {part['output']: part['shape'] for part in state}
    with _tracing():
        program = torch.onnx.export(step, inputs, dynamo=True, opset_version=OPSET, verbose=False,
                                    dynamic_shapes=_free(taken.values()), input_names=list(taken),
                                    output_names=list(given))
    proto = program.model_proto
    proto.metadata_props.add(key=_KEY, value=json.dumps(description))
    _name_axes(proto.graph, taken | given)
    with atomic_path(path) as temporary:
        onnx.save(proto, str(temporary))


def export_torch(model: TrainedModel, path: str | Path, size: tuple[int, int] | None = None, half: bool = False,
                 metadata: Mapping[str, str] = {}) -> None:
    """Write the step as a torch.export program, which ``torch.export.load(path).module()`` makes callable.

    Args and raises as :func:`export_onnx`; the path ends in ``.pt2``.
    """
    path = _checked(path, TORCH_SUFFIX)
    step, inputs, description = _prepare(model, size, half, metadata)
    shapes = [*description['inputs'].values(), *(part['shape'] for part in description['state'].values())]
    with _tracing():
        program = torch.export.export(step, inputs, dynamic_shapes=_free(shapes), strict=False)
        with atomic_path(path) as temporary:
            torch.export.save(program, temporary, extra_files={_KEY: json.dumps(description)})


def read_description(path: str | Path) -> dict[str, Any]:
    """What an exported file says of itself.

    Returns:
        'model' (configs of 'modalities', 'image', 'dropout' and 'generator'), 'scale', 'size' (H, W) or None, 'dtype',
        'metadata', 'inputs': name of a modality (or ``<modality>_given``) -> shape, in the graph's order, and 'state':
        name -> 'input', 'output' (names in the graph) and 'shape'. Entries of a shape are numbers or, where the size is
        free, ``[side, divisor, times]``: ceil(side / divisor) * times.

    Raises:
        CheckpointError: No such file, or none that was exported here.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f'no exported model {path}')
    if path.suffix == ONNX_SUFFIX:
        import onnx
        try:
            found = {p.key: p.value for p in onnx.load(path, load_external_data=False).metadata_props}.get(_KEY)
        except Exception as error:  # protobuf's own kinds, which onnx does not wrap
            raise CheckpointError(f'{path} cannot be read as an ONNX model: {error}') from error
    else:
        extra = {_KEY: ''}
        try:
            with _tracing():
                torch.export.load(path, extra_files=extra)
        except Exception as error:  # zip, JSON and schema errors of many kinds
            raise CheckpointError(f'{path} cannot be read as a torch.export program: {error}') from error
        found = extra[_KEY]
    description = json.loads(found) if found else {}
    if description.get('format') != _FORMAT:
        raise CheckpointError(f'{path} was not made by tools/export.py: it carries no description')
    return description


def blank_state(description: Mapping[str, Any], height: int, width: int) -> dict[str, np.ndarray]:
    """The state before the first frame of conditions of (H, W): input name -> zeros."""
    sides = {'height': height, 'width': width}
    return {part['input']: np.zeros([n if isinstance(n, int) else -(-sides[n[0]] // n[1]) * n[2]
                                     for n in part['shape']], dtype=description['dtype'])
            for part in description['state'].values()}


def _checked(path: str | Path, suffix: str) -> Path:
    path = Path(path)
    if path.suffix != suffix:
        raise CheckpointError(f"{path}: expected a name that ends in '{suffix}'")
    return path


def _prepare(model: TrainedModel, size: tuple[int, int] | None, half: bool, metadata: Mapping[str, str],
             ) -> tuple[Step, tuple[Tensor, ...], dict[str, Any]]:
    """The module to trace, its inputs, and the description."""
    dtype = torch.float16 if half else torch.float32
    generator, layout = _copy(model.generator, dtype), model.preprocessor.layout
    height, width = size or _TRACED
    maps = [torch.zeros(1, part.stop - part.start, height, width, dtype=dtype) for part in layout.slices.values()]
    given = [torch.ones(1, 1, 1, 1, dtype=dtype) for _ in layout.presence]
    state = generator.init_state(torch.zeros(1, layout.channels, height, width, dtype=dtype))
    shapes = {name: list(value.shape) for name, value in state.items()} if size else _rules(generator, layout.channels)
    sides = list(size) if size else [['height', 1, 1], ['width', 1, 1]]
    description = {
        'format': _FORMAT, 'model': model.config, 'scale': generator.scale, 'size': list(size) if size else None,
        'dtype': 'float16' if half else 'float32',
        'inputs': {name: [1, part.stop - part.start, *sides] for name, part in layout.slices.items()}
        | {f'{name}_given': [1, 1, 1, 1] for name in layout.presence},
        'state': {name: {'input': f'state_{name}', 'output': f'next_{name}', 'shape': shape}
                  for name, shape in shapes.items()},
        'metadata': {**model.metadata, **metadata}}
    return Step(generator, layout, list(state)).eval(), (*maps, *given, *state.values()), description


def _copy(generator: Generator, dtype: torch.dtype) -> Generator:
    """The generator in another dtype, which leaves the original as it is."""
    return copy.deepcopy(generator).to(device='cpu', dtype=dtype, memory_format=torch.contiguous_format).eval()


def _prediction(description: Mapping[str, Any]) -> Shape:
    """The shape of the prediction, as those of the state are given."""
    scale, size = description['scale'], description['size']
    return [1, 3, *([side * scale for side in size] if size else [['height', 1, scale], ['width', 1, scale]])]


def _free(shapes: Iterable[Shape]) -> tuple[tuple[dict[int, Any], ...]]:
    """Which dimensions of the inputs of :class:`Step` are free: those that follow from height and width."""
    return tuple({axis: torch.export.Dim.AUTO for axis, length in enumerate(shape) if not isinstance(length, int)}
                 for shape in shapes),


def _name_axes(graph: Any, shapes: Mapping[str, Shape]) -> None:
    """Call the free dimensions of inputs and outputs by what they are, in place of the tracer's symbols."""
    symbols = {}
    for value in [*graph.input, *graph.output]:
        for dim, length in zip(value.type.tensor_type.shape.dim, shapes[value.name]):
            if not isinstance(length, int):
                name = _axis(*length)
                if re.fullmatch(r's\d+', dim.dim_param):
                    symbols[dim.dim_param] = name
                dim.dim_param = name
    for value in graph.value_info:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = re.sub(r'\bs\d+\b', lambda found: symbols.get(found[0], found[0]), dim.dim_param)


def _axis(side: str, divisor: int, times: int) -> str:
    """``height``, or what follows from it: ``8*ceil(height/8)``."""
    cells = side if divisor == 1 else f'ceil({side}/{divisor})'
    return cells if times == 1 else f'{times}*{cells}'


def _rules(generator: Generator, channels: int) -> dict[str, Shape]:
    """How the shapes of the state follow from the condition's size.

    Raises:
        ConfigError: A side of the state is no multiple of a rounded-up fraction of the condition's side.
    """
    generator = copy.deepcopy(generator).to('meta')
    probes = [(a, _PROBED[-1 - i]) for i, a in enumerate(_PROBED)]
    found = [generator.init_state(torch.zeros(1, channels, *size, device='meta')) for size in probes]
    rules: dict[str, Shape] = {}
    for name in found[0]:
        shapes = [tuple(state[name].shape) for state in found]
        rules[name] = [_rule(name, probes, [shape[axis] for shape in shapes]) for axis in range(len(shapes[0]))]
    return rules


def _rule(name: str, probes: Sequence[tuple[int, int]], lengths: Sequence[int]) -> int | list:
    if len(set(lengths)) == 1:
        return lengths[0]
    for axis, side in enumerate(('height', 'width')):
        for divisor in range(1, _MAX_DIVISOR + 1):
            times = lengths[0] // -(-probes[0][axis] // divisor)
            if all(-(-probe[axis] // divisor) * times == length for probe, length in zip(probes, lengths)):
                return [side, divisor, times]
    raise ConfigError(f"the size of the state '{name}' follows from the condition's in no way that a file can "
                      'describe: export for one size, --size HxW')


@contextmanager
def _tracing() -> Iterator[None]:
    """Trace so that the graph serves any size, and keep to itself what the exporter says about its own insides."""
    logger = logging.getLogger('torch.onnx')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # Without the patch the graph is held to memory layouts that only sizes like the traced one have.
        with warnings.catch_warnings(), torch.no_grad(), tracing_config.patch(backed_size_oblivious=True):
            warnings.simplefilter('ignore', category=FutureWarning)
            warnings.simplefilter('ignore', category=DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
