"""Find what is wrong with a config without building anything: unknown types, unknown or missing arguments,
parts that do not agree."""

import difflib
import fnmatch
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from mmengine import registry as engine
from mmengine.registry import Registry

from photoreal.registry import (
    DATASETS,
    DISCRIMINATORS,
    FAMILIES,
    FEATURE_EXTRACTORS,
    GENERATORS,
    INPUT_STYLES,
    LOSSES,
    MODALITIES,
    suggest,
)
from photoreal.storage import is_url
from photoreal.structures import PARTS


class Place(NamedTuple):
    """What a config key is built with, the arguments that its builder adds, and those that it takes for itself."""

    registry: Registry
    added: tuple[str, ...] = ()
    default: str | None = None  # the type where the config names none
    own: tuple[str, ...] = ()


# Where modalities hold others.
_INNER = re.compile(r'\.(of|(choices|steps)\.[^.]+)$')
_DATASET = {'.dataset': Place(DATASETS), '.dataset.modalities.*': Place(MODALITIES),
            '.dataset.input_styles.*': Place(INPUT_STYLES),
            '.sampler': Place(engine.DATA_SAMPLERS, ('dataset', 'seed'))}
PLACES: dict[str, Place] = {
    'model': Place(engine.MODELS),
    'model.modalities.*': Place(MODALITIES),
    'model.generator': Place(GENERATORS, ('in_channels', 'skip', 'motion')),
    'model.discriminator': Place(DISCRIMINATORS, ('in_channels', 'scale')),
    'model.losses.*': Place(LOSSES),
    'model.unpaired': Place(engine.MODELS, ('classes',), 'UnpairedBranch'),
    'model.unpaired.critic': Place(DISCRIMINATORS, ('in_channels', 'scale')),
    'model.unpaired.losses.*': Place(LOSSES),
    **{f'{phase}_dataloader{key}': place for phase in ('train', 'val', 'test') for key, place in _DATASET.items()},
    **{f'{phase}_evaluator{key}': Place(engine.METRICS) for phase in ('val', 'test') for key in ('', '.*')},
    **{f'{phase}_evaluator.*.extractor': Place(FEATURE_EXTRACTORS) for phase in ('val', 'test')},
    'train_cfg': Place(engine.LOOPS, ('runner', 'dataloader'), 'IterBasedTrainLoop'),
    'val_cfg': Place(engine.LOOPS, ('runner', 'dataloader', 'evaluator'), 'ValLoop'),
    'test_cfg': Place(engine.LOOPS, ('runner', 'dataloader', 'evaluator'), 'TestLoop'),
    **{f'optim_wrapper.{part}': Place(engine.OPTIM_WRAPPERS, (), 'OptimWrapper', ('paramwise_cfg',)) for part in PARTS},
    **{f'optim_wrapper.{part}.optimizer': Place(engine.OPTIMIZERS, ('params',)) for part in PARTS},
    'param_scheduler': Place(engine.PARAM_SCHEDULERS, ('optimizer',)),
    'param_scheduler.*': Place(engine.PARAM_SCHEDULERS, ('optimizer',)),
    'param_scheduler.*.*': Place(engine.PARAM_SCHEDULERS, ('optimizer',)),  # lists, one for each part of the model
    'default_hooks.*': Place(engine.HOOKS),
    'custom_hooks.*': Place(engine.HOOKS),
    'visualizer': Place(engine.VISUALIZERS),
    'visualizer.vis_backends.*': Place(engine.VISBACKENDS, ('save_dir',)),
    'vis_backends.*': Place(engine.VISBACKENDS, ('save_dir',)),
    'model_wrapper_cfg': Place(engine.MODEL_WRAPPERS, ('module', 'device_ids')),
}
REQUIRED = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'train_cfg', 'val_cfg', 'test_cfg',
            'val_evaluator', 'test_evaluator', 'optim_wrapper')


def find_faults(cfg: Any) -> list[str]:
    """Every fault of a config, as sentences that begin with the key."""
    faults = [f'{key}: missing; start from configs/tecogan_multimodal.py' for key in REQUIRED if cfg.get(key) is None]
    faults += _misspelt_sections(cfg) + _settings_faults(cfg) + _work_dir_faults(cfg)
    for key, node in walk(cfg):
        place = place_of(key)
        if place is not None and isinstance(node, dict):
            faults += _component_faults(key, node, place)
        elif place is None and key.endswith('_dataloader') and isinstance(node, dict):
            faults += _dataloader_faults(key, node)
    return faults or _disagreements(cfg)


def accepted_arguments(node: dict, key: str) -> set[str]:
    """Arguments that the component configured by ``node`` at ``key`` may be given, beyond those it has."""
    if key == '':
        return runner_arguments()
    if key.endswith('_dataloader'):
        return _loader_keys()
    if key in _settings():
        return set(_settings()[key])
    place = place_of(key)
    if place is not None:
        found = lookup(place.registry, node.get('type', place.default))
        return {*parameters(found).known, *place.own} - set(place.added) if found else set()
    # A component in a variable of the user's (modalities.blur): its type tells what it is.
    classes = [lookup(registry, node['type']) for registry in FAMILIES.values()] if 'type' in node else []
    return {name for found in classes if found for name in parameters(found).known}


def accepts_component(node: dict, value: Any) -> bool:
    """Whether ``node`` maps names to components, such as modalities and losses, and ``value`` may be one more."""
    return isinstance(value, dict) and 'type' not in node and any(
        isinstance(child, dict) and 'type' in child for child in node.values())


def walk(node: Any, key: str = '') -> Iterator[tuple[str, Any]]:
    """Every key of the config, dotted, with its value."""
    items = node.items() if hasattr(node, 'items') else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for name, child in items:
        path = f'{key}.{name}' if key else str(name)
        yield path, child
        yield from walk(child, path)


def place_of(key: str) -> Place | None:
    """What stands at a key; ``*`` in the table matches one level."""
    for pattern, place in PLACES.items():
        if pattern.count('.') == key.count('.') and fnmatch.fnmatchcase(key, pattern):
            return place
    outer = _INNER.sub('', key)
    place = place_of(outer) if outer != key else None
    return place if place is not None and place.registry is MODALITIES else None


def lookup(registry: Registry, name: Any) -> Any:
    """The class registered as ``name``, or None."""
    if not isinstance(name, str):
        return name if callable(name) else None
    try:
        return registry.get(name)
    except (KeyError, ImportError, AttributeError):
        return None


def _component_faults(key: str, node: dict, place: Place) -> list[str]:
    name = node.get('type', place.default)
    if name is None:
        if any(isinstance(value[0] if isinstance(value, list) and value else value, dict) for value in node.values()):
            return []  # a mapping of components, or of lists of them: each is checked at its own key
        return [f"{key}: has no 'type'{suggest('', place.registry.module_dict)}"]
    found = lookup(place.registry, name)
    if found is None:
        what = f"no {place.registry.name} is called '{name}'"
        return [f'{key}.type: {what}{suggest(str(name), place.registry.module_dict)}']
    known, required, _, open_ended = parameters(found)
    given = {k for k in node if k not in ('type', '_scope_', *place.own)}
    faults = [f"{key}.{k}: {name} takes no argument '{k}'{suggest(k, set(known) - set(place.added))}"
              for k in sorted(given - set(known)) if not open_ended]
    faults += [f'{key}.{k}: is derived and must not be given' for k in sorted(given & {'in_channels', 'skip', 'motion'})
               if k in place.added]
    faults += [f"{key}: {name} needs the argument '{k}'" for k in required if k not in given | set(place.added)]
    faults += [f'{key}.{k}={node[k]!r}: {name} expects {hint_text(known[k])}'
               for k in sorted(given & set(known)) if not _fits(node[k], known[k])]
    return faults


class Parameters(NamedTuple):
    known: dict[str, Any]  # name -> type that is expected, as far as it is told
    required: tuple[str, ...]
    defaults: dict[str, Any]  # of those that are not required
    open_ended: bool  # whether any other name goes too


@cache
def parameters(target: Any) -> Parameters:
    """What a class or function accepts.

    ``**kwargs`` is followed up the bases of a class: what they accept is accepted, unless the last is open too.
    """
    known, required, defaults, open_ended = {}, {}, {}, True
    owners = [c for c in target.__mro__ if '__init__' in vars(c)] if inspect.isclass(target) else [target]
    for owner in owners:
        function = owner.__init__ if inspect.isclass(owner) else owner
        if function is object.__init__:
            open_ended = False
            break
        try:
            signature = list(inspect.signature(function).parameters.values())
        except ValueError:  # written in C
            break
        hints = _hints(function)
        for p in signature[1:] if inspect.isclass(owner) else signature:
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                hint = hints.get(p.name, Any)
                known.setdefault(p.name, typing.Union[hint, None] if p.default is None else hint)  # noqa: UP007
                if p.default is not p.empty:
                    defaults.setdefault(p.name, p.default)
                elif owner is owners[0]:
                    required.setdefault(p.name)
        if not any(p.kind is p.VAR_KEYWORD for p in signature):
            open_ended = False
            break
    return Parameters(known, tuple(required), defaults, open_ended)


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # names that are imported for type checkers alone
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of a config may be given where ``hint`` is expected; where that cannot be told, it may.

    Lists and tuples count as the same, and a dict may stand for any object: the component builds it.
    """
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, arg) for arg in args)
    if origin is Literal:
        return value in args
    kind = origin or hint
    if kind is Any or not isinstance(kind, type) or getattr(kind, '_is_protocol', False):
        return True
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if kind is not str and issubclass(kind, Sequence):
        return isinstance(value, (list, tuple)) and _items_fit(value, args, kind is tuple)
    if issubclass(kind, Mapping):
        return isinstance(value, dict)
    plain = value is None or isinstance(value, (bool, int, float, str))
    return isinstance(value, kind) if plain or kind in (bool, str, types.NoneType) else True


def _items_fit(values: Sequence, hints: tuple[Any, ...], fixed: bool) -> bool:
    if not fixed or (len(hints) == 2 and hints[1] is Ellipsis):
        return all(_fits(value, hint) for hint in hints[:1] for value in values)
    return not hints or (len(values) == len(hints) and all(map(_fits, values, hints)))


def hint_text(hint: Any) -> str:
    if hint is types.NoneType:
        return 'None'
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return ' or '.join(map(hint_text, typing.get_args(hint)))
    return inspect.formatannotation(hint).replace('typing.', '').replace('collections.abc.', '')


@cache
def _loader_keys() -> frozenset[str]:
    from torch.utils.data import DataLoader
    return frozenset(inspect.signature(DataLoader.__init__).parameters) - {'self'} | {'dataset', 'sampler'}


@cache
def runner_arguments() -> frozenset[str]:
    """The sections of a config that MMEngine's Runner knows."""
    from mmengine.runner import Runner
    return frozenset(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}


def _dataloader_faults(key: str, node: dict) -> list[str]:
    faults = [f"{key}.{k}: a DataLoader takes no argument '{k}'{suggest(k, _loader_keys())}"
              for k in node if k not in _loader_keys()]
    return faults + [f'{key}.{k}: missing' for k in ('dataset', 'sampler') if k not in node]


def _misspelt_sections(cfg: Any) -> list[str]:
    """Top-level names are free (variables), so only near misses of a known section are taken for faults."""
    used = {key.rpartition('.')[2] for key, _ in walk(cfg) if '.' in key}
    faults = []
    for name in set(cfg) - runner_arguments() - used:  # a variable that something is given is a real one
        near = difflib.get_close_matches(name, {*runner_arguments(), *cfg} - {name}, n=1, cutoff=0.85)
        if near:
            faults.append(f"{name}: no such section or variable; did you mean '{near[0]}'?")
    return sorted(faults)


def _settings_faults(cfg: Any) -> list[str]:
    """Sections that are no components, and yet know their keys."""
    return [f'{section}.{key}: unknown{suggest(key, known)}' for section, known in _settings().items()
            for key in cfg.get(section) or {} if key not in known]


def _work_dir_faults(cfg: Any) -> list[str]:
    url = cfg.get('work_dir')
    return [f"work_dir='{url}': found a URL, and a run writes to a disk; choose a folder, and have its checkpoints "
            f"copied: default_hooks.mirror=\"{{'type': 'MirrorHook', 'url': '{url}'}}\""] if is_url(url) else []


@cache
def _settings() -> dict[str, frozenset[str]]:
    from mmengine.runner import Runner
    return {'randomness': frozenset(inspect.signature(Runner.set_randomness).parameters) - {'self'},
            'env_cfg': frozenset({'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'}),
            'log_processor': frozenset(parameters(engine.LOG_PROCESSORS.get('LogProcessor')).known) | {'type'}}


def _disagreements(cfg: Any) -> list[str]:
    """Parts that each are right and do not fit together."""
    model, faults = cfg['model'], []
    scale = model.get('generator', {}).get('scale', 1)
    for phase in ('train', 'val', 'test'):
        dataset = cfg[f'{phase}_dataloader']['dataset']
        where = f'{phase}_dataloader.dataset'
        if 'modalities' in dataset and 'modalities' in model and dataset['modalities'] != model['modalities']:
            faults.append(f'{where}.modalities differs from model.modalities; give both the same variable, and '
                          'override that one: --cfg-options modalities...')
        if 'modalities' in dataset and dataset.get('scale', 1) != scale:
            faults.append(f"{where}.scale={dataset.get('scale', 1)} differs from model.generator.scale={scale}")
    for phase in ('train', 'val', 'test'):
        dataset = cfg[f'{phase}_dataloader']['dataset']
        if dataset.get('look') != model.get('look'):
            faults.append(f'{phase}_dataloader.dataset.look differs from model.look; give both the same variable, and '
                          'override that one: --cfg-options look=...')
    if (model.get('unpaired') is None) != (cfg['train_dataloader']['dataset'].get('unpaired') is None):
        faults.append('train_dataloader.dataset.unpaired differs from model.unpaired; give both the same variable, and '
                      'override that one: --cfg-options unpaired=...')
    image, modalities = model.get('image'), model.get('modalities', {})
    if image is not None and image not in modalities:
        faults.append(f"model.image='{image}' is none of the modalities{suggest(image, modalities)}")
    return faults + _leave_out_faults(cfg) + _crop_faults(cfg, scale) + _loop_faults(cfg) + _best_faults(cfg)


def _leave_out_faults(cfg: Any) -> list[str]:
    """A modality can only be left out where the model was trained to do without it."""
    prob = (cfg['model'].get('dropout') or {}).get('prob', {})
    optional = set(prob) if isinstance(prob, dict) else set(cfg['model'].get('modalities', {}))
    optional -= {cfg['model'].get('image')}
    remedy = f'only {", ".join(sorted(optional))} may be left out' if optional else \
        'set model.dropout to train a model that can do without modalities'
    return [f"{phase}_dataloader.dataset.leave_out: model.dropout never leaves out '{name}'; {remedy}"
            for phase in ('val', 'test') for name in cfg[f'{phase}_dataloader']['dataset'].get('leave_out', ())
            if name not in optional]


def _crop_faults(cfg: Any, scale: int) -> list[str]:
    side = (cfg['model'].get('discriminator') or {}).get('spatial_size')
    crop = cfg['train_dataloader']['dataset'].get('crop_size')
    if side is None or crop is None:
        return []
    found = {crop} if isinstance(crop, int) else set(crop)
    if {c * scale for c in found} == {side}:
        return []
    return [f'model.discriminator.spatial_size={side} does not fit crops of crop_size * scale = {crop} * {scale}: set '
            'it to their product, or to None for crops of any size']


def _loop_faults(cfg: Any) -> list[str]:
    numbers = {name: cfg['train_cfg'].get(name, 1) for name in ('max_iters', 'val_interval')}
    return [f'train_cfg.{name}={value}: expected 1 or more' for name, value in numbers.items() if value < 1]


def _best_faults(cfg: Any) -> list[str]:
    """The best checkpoint is chosen at the first validation, which is late for learning that nothing measures it."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    metrics = cfg.get('val_evaluator') or []
    domains = set(cfg['val_dataloader']['dataset'].get('domains') or ('real', 'virtual'))
    measured = {metric.get('prefix') or _default_prefix(metric) for metric in
                (metrics if isinstance(metrics, list) else [metrics]) if domains_of(metric) <= domains}
    best = hook.get('save_best') or []
    return [f"default_hooks.checkpoint.save_best='{name}': no metric of val_evaluator has names that begin with "
            f"'{name.partition('/')[0]}/' and a domain of val_dataloader.dataset.domains; choose another one, or None"
            for name in ([best] if isinstance(best, str) else best)
            if '/' in name and name.partition('/')[0] not in measured]


def _default_prefix(metric: dict[str, Any]) -> str:
    return getattr(engine.METRICS.get(metric['type']), 'default_prefix', None) or metric.get('domain', 'real')


def domains_of(metric: dict[str, Any]) -> set[str]:
    """The domains whose videos a metric's config needs."""
    return set(getattr(engine.METRICS.get(metric['type']), 'domains', ())) or {metric.get('domain', 'real')}
