"""The config guide: every key of every shipped config, and every plugin, as Markdown."""

import re
from functools import cache
from typing import Any, NamedTuple

from mmengine import registry as engine
from mmengine.config import Config
from torch.utils.data import DataLoader

from docs._generate.components import MEANINGS, ROOT, Argument, Component, components, describe
from docs._generate.examples import LONGEST, configs, example, text_of, usage
from docs._generate.language import ENGLISH, REQUIRED, TAKES, head, say
from docs._generate.pictures import pictures
from photoreal.validation import Place, lookup, place_of, runner_arguments, walk

PAGES = {  # of the reference: file name -> title, families
    'model': ('Model', ('model', 'model_wrapper')),
    'data': ('Data sets', ('dataset', 'input_style', 'sampler', 'converter')),
    'modalities': ('Modalities', ('modality',)),
    'generators': ('Generators', ('generator',)),
    'discriminators': ('Discriminators', ('discriminator',)),
    'losses': ('Losses', ('loss',)),
    'metrics': ('Metrics and feature extractors', ('metric', 'feature_extractor')),
    'training': ('Loops, hooks, optimizers', ()),  # and all other families
}


def reference(page: str) -> str:
    """A page of the reference: each plugin of its families with all arguments."""
    title, families = PAGES[page]
    parts = [f'# {title}', 'Made from the signatures and docstrings of the code. '
             '`python tools/list_plugins.py` lists the plugins that are installed on your machine, with your own.']
    for family in families or _other_families():
        parts += [_component_section(component, family) for component in components().get(family, ())]
    return '\n\n'.join(parts) + '\n'


def _other_families() -> list[str]:
    return [family for family in components() if not any(family in families for _, families in PAGES.values())]


def _component_section(component: Component, family: str) -> str:
    parts = [f'## {component.name}', markdown(component.summary), markdown(component.details)]
    if component.name in pictures():
        picture = f'../images/modalities/{component.name}.webp'
        parts.append(f'![A rendered frame, and what the network sees of it]({picture})')
    if component.arguments or family not in ('converter', 'feature_extractor'):
        parts.append(f'```python\n{_usage(component)}\n```')
    if component.arguments:
        parts.append(head('argument', ENGLISH) + '\n'.join(
            _row(f'`{a.name}`', a.type, a.default, a.meaning, f'{a.name}={example(component.name, a.name, a.default)}')
            for a in component.arguments))
    return '\n\n'.join(part for part in parts if part)


def _usage(component: Component) -> str:
    """The component with what it needs, and with what configs and docs give it."""
    values = {a.name: example(component.name, a.name, a.default) for a in component.arguments}
    given = [f'{a.name}={values[a.name]}' for a in component.arguments if a.default is None or (
        a.name in usage(component.name) and values[a.name] != a.default)]
    return f'dict({", ".join([f"type={component.name!r}", *given])})'


def _row(key: str, kind: str, default: str | None, meaning: str, shown: str, language: str = ENGLISH) -> str:
    given = REQUIRED[language] if default is None else _code(default)
    cells = [key, _code(kind), given, markdown(meaning), _code(shown)]
    return f'| {" | ".join(cell.replace("|", "&#124;") for cell in cells)} |'


def _code(text: str) -> str:
    return f'<code>{text.replace("<", "&lt;")}</code>' if text else ''


def markdown(text: str) -> str:
    """A docstring's text: its code, references and literal blocks as Markdown has them."""
    text = re.sub(r':\w+:`~?(?:[\w.]+\.)?(\w+)`', r'`\1`', text)
    text = re.sub(r'::(\n|$)', r':\1', text.replace('``', '`'))
    return ''.join(part if part.startswith('`') else part.replace('<', '&lt;') for part in re.split('(`[^`]*`)', text))


def variables(language: str = ENGLISH) -> str:
    """Table of the variables of the configs: what is changed once, for all."""
    rows = []
    for name in _variables():
        values = {config: cfg[name] for config, cfg in configs().items() if name in cfg}
        shown = values.get('tecogan_multimodal', next(iter(values.values())))
        meaning = markdown(say(_variable_meaning(name), language))
        rows.append(f'| `{name}` | {meaning} | {_code(f"{name}={text_of(shown)}")} |')
    return head('variable', language) + '\n'.join(rows)


def _variables() -> list[str]:
    known = runner_arguments() | MEANINGS['keys'].keys()
    names = dict.fromkeys(name for cfg in configs().values() for name in cfg if name not in known)
    return [name for name in names if place_of(name) is None]


def _variable_meaning(name: str) -> str:
    """The comment behind the variable in a config; or what components say of it; or the comment right above it."""
    behind, above = _comments()
    said = [argument.meaning for family in ('model', 'dataset') for component in components()[family]
            for argument in component.arguments if argument.name == name and argument.meaning]
    return next(filter(None, [behind.get(name), *said, above.get(name)]), '')


@cache
def _comments() -> tuple[dict[str, str], dict[str, str]]:
    """Variable of a config -> the comment behind it; and variable -> the comment above it."""
    behind: dict[str, str] = {}
    above: dict[str, str] = {}
    for path in sorted((ROOT / 'configs').rglob('*.py')):
        comment = ''
        for line in path.read_text('utf-8').splitlines():
            if assigned := re.match(r'(\w+) = [^#]*(?:# (.*))?', line):
                behind.update({assigned[1]: assigned[2]} if assigned[2] else {})
                above.update({assigned[1]: comment} if comment else {})
            comment = f'{comment} {line.lstrip("# ")}'.strip() if line.startswith('#') else ''
    return behind, above


class Key(NamedTuple):
    """A key of the shipped configs."""

    pattern: str  # ``*`` for names that are free, and for places in a list
    owner: Component | None  # the class that takes it, where one does
    type: str
    default: str | None  # '' where it has none and need not be given
    meaning: str
    example: str


@cache
def config_keys() -> list[Key]:
    """Every key of every shipped config, once: those of the config to start from come first."""
    found: dict[tuple[str, str], Key] = {}
    for cfg in configs().values():
        for key, value in walk(cfg):
            described = _describe_key(cfg, key, value)
            if described is not None:
                found.setdefault((described.pattern, described.owner.name if described.owner else ''), described)
    return list(found.values())


def _describe_key(cfg: Config, key: str, value: Any) -> Key | None:
    """None for what has no row of its own: types, items of lists, parts of values, the copies of a variable."""
    parent, _, last = key.rpartition('.')
    top = key.partition('.')[0]
    place, above = place_of(key), place_of(parent)
    if last == 'type' or top in _variables() or '.dataset.modalities.' in key or (last.isdigit() and place is None):
        return None
    parts = value if isinstance(value, list) else [value]
    if place is not None and all(part is None or isinstance(part, dict) for part in parts):
        kind = 'list of dict' if isinstance(value, list) else 'dict'
        return Key(shown_key(key), None, kind, '', MEANINGS['sections'].get(section_of(key), ''), '')
    owner = None
    if above is not None and isinstance(_at(cfg, parent), dict):
        owner = _component(_at(cfg, parent), above)
    elif parent.endswith('_dataloader'):
        owner = _loader()
    elif parent == 'log_processor':
        owner = describe('LogProcessor', engine.LOG_PROCESSORS, engine.LOG_PROCESSORS.get('LogProcessor'))
    shown = f'{last}={text_of(value)}'
    if len(shown) > LONGEST:
        shown = f'{last}={example(owner.name, last, "")}' if owner else ''
    if owner is not None:
        argument = next((a for a in owner.arguments if a.name == last), Argument(last, '', '', ''))
        return Key(f'{shown_key(parent)}.{last}', owner, argument.type, argument.default, argument.meaning, shown)
    if parent and parent not in MEANINGS['keys'] and parent not in MEANINGS['sections']:
        return None  # part of the value of an argument, such as collate_fn=dict(type=...)
    kind, meaning = MEANINGS['keys'].get(key, ('', MEANINGS['sections'].get(key, '')))
    return Key(key, None, kind or ('dict' if isinstance(value, dict) else type(value).__name__), '', meaning, shown)


def _component(node: dict, place: Place) -> Component | None:
    plugin = lookup(place.registry, node.get('type', place.default))
    return describe(node.get('type', place.default), place.registry, plugin) if plugin is not None else None


@cache
def _loader() -> Component:
    return describe('DataLoader', engine.Registry('loader'), DataLoader)


def keys(language: str = ENGLISH) -> str:
    """A table for each section of the configs, with every key that a shipped config has."""
    tops = dict.fromkeys(key.pattern.partition('.')[0] for key in config_keys())
    parts = []
    for top in tops:
        rows = [_row(f'`{key.pattern}`', key.type, key.default, _meaning(key, language), key.example, language)
                for key in config_keys() if key.pattern.partition('.')[0] == top]
        parts.append(f'### {top}\n\n{head("key", language)}' + '\n'.join(rows))
    return '\n\n'.join(parts)


def _meaning(key: Key, language: str) -> str:
    classes = [_link(component) for component in _types().get(key.pattern, {}).values()]
    where = f' {TAKES[language]}: {", ".join(classes)}.' if classes else f' ({_link(key.owner)})' if key.owner else ''
    return say(key.meaning, language) + where


def other_classes(language: str = ENGLISH) -> str:
    """What the configs use of MMEngine and PyTorch: those arguments, and others that are worth knowing."""
    parts = []
    for component in _others().values():
        parts.append(f'### {component.name}\n\n{say(component.summary, language)}')
        if component.arguments:
            parts.append(head('key', language) + '\n'.join(
                _row(f'`{a.name}`', a.type, a.default, say(a.meaning, language),
                     f'{a.name}={example(component.name, a.name, a.default)}', language) for a in component.arguments))
    return '\n\n'.join(parts)


def _others() -> dict[str, Component]:
    """Classes of others, by name: those of the configs, and more that ``meanings.yml`` knows."""
    found = {c.name: c for members in _types().values() for c in members.values() if not c.own}
    registries = (engine.OPTIMIZERS, engine.PARAM_SCHEDULERS, engine.HOOKS, engine.VISBACKENDS, engine.LOG_PROCESSORS)
    for name in MEANINGS['types']:
        for registry in registries:
            plugin = registry.get(name) if name not in found and name != '*' else None
            if plugin is not None and not plugin.__module__.startswith('photoreal.'):
                found[name] = describe(name, registry, plugin)
    return found | {'DataLoader': _loader()}


@cache
def _types() -> dict[str, dict[str, Component]]:
    """Pattern of a section -> the classes that the configs put there."""
    found: dict[str, dict[str, Component]] = {}
    for cfg in configs().values():
        for key, node in walk(cfg):
            place = place_of(key)
            if place and isinstance(node, dict):
                component = _component(node, place)
                if component is not None:
                    found.setdefault(shown_key(key), {})[component.name] = component
    return found


def section_of(key: str) -> str:
    """The pattern in ``meanings.yml`` that stands for a component's key."""
    names = key.split('.')
    for pattern in MEANINGS['sections']:
        parts = pattern.split('.')
        if len(parts) == len(names) and all(part in ('*', name) for part, name in zip(parts, names)):
            return pattern
    # The data sets' modalities are the model's.
    return 'model.modalities.*' if '.modalities.' in key else key


def shown_key(key: str) -> str:
    """A component's key as the guide shows it: with the names of hooks, which are MMEngine's, and else the pattern."""
    return key if key.startswith('default_hooks.') else section_of(key)


def _link(component: Component) -> str:
    for page, (_, families) in PAGES.items():
        for family in families or _other_families():
            if any(member.name == component.name for member in components().get(family, ())):
                return f'[{component.name}](reference/{page}.md#{component.anchor})'
    return f'[{component.name}](#{component.anchor})'


def sentences() -> list[str]:
    """Everything that the config guide says of variables, keys and classes, in English."""
    said = [*map(_variable_meaning, _variables()), *(key.meaning for key in config_keys())]
    for component in _others().values():
        said += [component.summary, *(argument.meaning for argument in component.arguments)]
    return list(dict.fromkeys(filter(None, said)))


def undocumented() -> list[str]:
    """Keys of the configs without a meaning, and arguments of plugins without a description."""
    faults = [f'{component.name}.{argument.name}: its docstring has no line under Args for it'
              for members in components().values() for component in members for argument in component.arguments
              if not argument.meaning]
    faults += [f'{component.name}: has no docstring' for members in components().values() for component in members
               if not component.summary]
    faults += [f'{name}: a variable of a config without a comment behind it' for name in _variables()
               if not _variable_meaning(name)]
    return faults + [f'{key.pattern}: add what it means to docs/_generate/meanings.yml' for key in config_keys()
                     if not key.meaning]


def _at(cfg: dict, key: str) -> object:
    node: object = cfg
    for part in filter(None, key.split('.')):
        node = node[int(part) if part.isdigit() else part]
    return node
