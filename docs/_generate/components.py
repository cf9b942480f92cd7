"""The arguments of what a config can name: type and default from the signature, meaning from the docstring."""

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from docstring_parser import DocstringStyle, parse
from mmengine import registry as engine
from mmengine.registry import Registry

from photoreal.registry import FAMILIES, load_plugins
from photoreal.validation import PLACES, hint_text, parameters

ROOT = Path(__file__).resolve().parents[2]
# In our own words, as the classes are others': type -> argument -> meaning; sections of a config; plain keys.
MEANINGS = yaml.safe_load((Path(__file__).with_name('meanings.yml')).read_text('utf-8'))

class Argument(NamedTuple):
    """One argument that a config can give."""

    name: str
    type: str
    default: str | None  # as Python text; None: it must be given
    meaning: str


class Component(NamedTuple):
    """A class that a config can name."""

    name: str
    summary: str
    details: str
    arguments: list[Argument]
    own: bool  # photoreal's own, with docstrings that are ours

    @property
    def anchor(self) -> str:
        return self.name.lower().replace('.', '')


@cache
def components() -> dict[str, list[Component]]:
    """Family -> photoreal's own plugins of it, by name."""
    load_plugins()
    families: dict[str, Registry] = {
        'model': engine.MODELS, **FAMILIES, 'sampler': engine.DATA_SAMPLERS, 'metric': engine.METRICS,
        'loop': engine.LOOPS, 'hook': engine.HOOKS, 'optim_wrapper': engine.OPTIM_WRAPPERS,
        'optim_wrapper_constructor': engine.OPTIM_WRAPPER_CONSTRUCTORS, 'param_scheduler': engine.PARAM_SCHEDULERS,
        'model_wrapper': engine.MODEL_WRAPPERS, 'visualizer': engine.VISUALIZERS, 'vis_backend': engine.VISBACKENDS}
    found = {family: [describe(name, registry, plugin) for name, plugin in sorted(registry.module_dict.items())
                      if plugin.__module__.startswith('photoreal.')] for family, registry in families.items()}
    return {family: members for family, members in found.items() if members}


def describe(name: str, registry: Registry, plugin: Any) -> Component:
    """What signature and docstring of a registered class say; of others' classes what ``meanings.yml`` says."""
    accepted = parameters(plugin)
    derived = {argument for place in PLACES.values() if place.registry is registry for argument in place.added}
    own = plugin.__module__.startswith('photoreal.')
    meanings = dict(MEANINGS['types'].get('*', {}))
    docs = [parse(inspect.cleandoc(base.__doc__ or ''), DocstringStyle.GOOGLE) for base in inspect.getmro(plugin)
            if base.__module__.startswith('photoreal.')] if own else []
    for doc in reversed(docs):  # what a class says of an argument goes before what its bases say
        meanings |= {p.arg_name: p.description or '' for p in doc.params}
    meanings |= MEANINGS['types'].get(name, {})
    defaults = {key: repr(value) for key, value in accepted.defaults.items()}
    arguments = [Argument(key, _short(hint_text(hint)), defaults.get(key), ' '.join(meanings.get(key, '').split()))
                 for key, hint in accepted.known.items() if key not in derived and (own or key in meanings)]
    summary, details = (docs[0].short_description, docs[0].long_description) if own else (meanings.get('summary'), '')
    return Component(name, summary or '', details or '', arguments, own)


def _short(hint: str) -> str:
    """A type without the modules of its classes."""
    return re.sub(r'(\w+\.)+(\w+)', r'\2', hint)
