"""The registries of the plugin families, and how plugins of other packages get into them.

A plugin registers itself with a decorator (``@MODALITIES.register_module()``). photoreal's own plugins are
imported at the first look-up; so are those of installed packages that name their module under the entry
point group ``photoreal.plugins``. A config may import more with ``custom_imports``.
"""

import difflib
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points

from mmengine.registry import DATASETS, Registry

from photoreal.errors import ConfigError

__all__ = ['CONVERTERS', 'DATASETS', 'DISCRIMINATORS', 'FAMILIES', 'FEATURE_EXTRACTORS', 'GENERATORS', 'INPUT_STYLES',
           'LOSSES', 'MODALITIES', 'PluginRegistry', 'load_plugins', 'suggest']

ENTRY_POINT_GROUP = 'photoreal.plugins'
_HOMES = ('photoreal.datasets', 'photoreal.modalities', 'photoreal.models.registered', 'photoreal.metrics',
          'photoreal.engine.registered', 'photoreal.prepare.converters')


def suggest(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'X'?`` for the nearest of ``known``, else the list of all of them."""
    known = sorted(known)
    by_lower = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{by_lower[near[0]]}'?"
    return f'; known: {", ".join(known)}' if known else ''


def parse_numbers(texts: Iterable[str], known: Iterable[str], what: str) -> dict[str, float]:
    """``['bloom=0.1']`` -> ``{'bloom': 0.1}``; ``what`` is set, for messages.

    Raises:
        ConfigError: One is not of that form, or names none of the known.
    """
    known, found = list(known), {}
    for text in texts:
        name, _, value = text.partition('=')
        if name not in known:
            raise ConfigError(f"{what} setting '{text}' is unknown{suggest(name, known)}")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ConfigError(f"{what} setting '{text}': expected a number, such as {name}=0.5") from error
    return found


def load_plugins() -> None:
    """Import photoreal's own plugins and those that installed packages announce.

    Raises:
        ConfigError: An announced plugin cannot be imported; the message names the package it came from.
    """
    for home in _HOMES:
        import_module(home)
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            import_module(point.module)
        except Exception as error:
            package = point.dist.name if point.dist else 'an unknown package'
            raise ConfigError(f"the plugin '{point.name}' ({point.value}) of {package} cannot be imported: "
                              f'{type(error).__name__}: {error}; mend it, or uninstall {package}') from error


class PluginRegistry(Registry):
    """An MMEngine registry that imports its plugins by itself and suggests the nearest name on a miss.

    Only registered names are found. MMEngine's own would import whatever a dotted path names, so that a config that
    comes with weights could run any program.
    """

    def get(self, key: str) -> type:
        if key not in self.module_dict:
            load_plugins()
        if key not in self.module_dict:
            raise KeyError(f"no {self.name} is registered as '{key}'{suggest(key, self.module_dict)}")
        return self.module_dict[key]


# The scope is MMEngine's default one, so that bare names are found without a default_scope of our own.
MODALITIES = PluginRegistry('modality', scope='mmengine')
GENERATORS = PluginRegistry('generator', scope='mmengine')
DISCRIMINATORS = PluginRegistry('discriminator', scope='mmengine')
LOSSES = PluginRegistry('loss', scope='mmengine')
INPUT_STYLES = PluginRegistry('input style', scope='mmengine')
CONVERTERS = PluginRegistry('converter', scope='mmengine')
FEATURE_EXTRACTORS = PluginRegistry('feature extractor', scope='mmengine')
# Datasets live in MMEngine's own registry, because its Runner is what builds them.

FAMILIES: dict[str, Registry] = {
    'dataset': DATASETS,
    'modality': MODALITIES,
    'input_style': INPUT_STYLES,
    'generator': GENERATORS,
    'discriminator': DISCRIMINATORS,
    'loss': LOSSES,
    'converter': CONVERTERS,
    'feature_extractor': FEATURE_EXTRACTORS,
}
