"""Tell a user which plugins there are."""

import inspect
import os
from importlib.metadata import packages_distributions

from photoreal.registry import FAMILIES, load_plugins


def describe_plugins(family: str) -> list[tuple[str, str, str, str, str]]:
    """(name, channels, file:line, summary, package) of every plugin of a family, by name.

    Channels are those of a modality built with its default arguments, '-' where that needs arguments or there are none.
    """
    load_plugins()
    origin = packages_distributions()
    rows = []
    for name, plugin in sorted(FAMILIES[family].module_dict.items()):
        package = plugin.__module__.partition('.')[0]
        summary = (inspect.getdoc(plugin) or '').partition('\n')[0]
        rows.append((name, _channels(plugin) if family == 'modality' else '-', _place(plugin), summary,
                     ', '.join(sorted(set(origin.get(package, [package]))))))
    return rows


def _place(plugin: type) -> str:
    """file:line, relative to the current folder where it lies below it."""
    path = inspect.getsourcefile(plugin) or '?'
    near = os.path.relpath(path)
    return f'{path if near.startswith("..") else near}:{inspect.getsourcelines(plugin)[1]}'


def _channels(plugin: type) -> str:
    needed = [p for p in inspect.signature(plugin).parameters.values()
              if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return '-' if needed else str(plugin().channels)
