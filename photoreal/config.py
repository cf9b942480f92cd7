"""Configs: load one, override keys strictly, and check all of it before anything is built.

A config is a classic MMEngine Python file. A top-level variable that components take under the same name
(``data_root``, ``modalities``, ``crop_size`` ...) can be changed once, on the command line or in a config that inherits
it: the change reaches every component that was given the variable.
"""

import ast
import copy
import difflib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from photoreal.errors import ConfigError
from photoreal.paths import expand_home
from photoreal.registry import load_plugins, suggest
from photoreal.validation import accepted_arguments, accepts_component, find_faults

_substitute, _bases = Config._substitute_predefined_vars, Config._get_base_files


def _substitute_without_mark(filename: str, temp_config_name: str) -> None:
    """As MMEngine, but a byte-order mark, which some editors put first, is no part of the program."""
    _substitute(filename, temp_config_name)
    copy_of_config = Path(temp_config_name)
    copy_of_config.write_text(copy_of_config.read_text(encoding='utf-8-sig'), encoding='utf-8')


# MMEngine reads a config and those that it inherits by these two, and has no other place to step in.
Config._substitute_predefined_vars = staticmethod(_substitute_without_mark)
Config._get_base_files = staticmethod(lambda filename: expand_home(_bases(filename)))


_MARK = 'in_order_'  # before a number, so that sorting keeps the order


def _numbered(value: Any, ordered: bool = False) -> Any:
    """A config's value with the keys of all ``modalities`` numbered that sorting would bring into another order."""
    if isinstance(value, dict):
        ordered = ordered and list(value) != sorted(value)
        return {f'{_MARK}{i:03d}_{key}' if ordered else key: _numbered(one, key == 'modalities')
                for i, (key, one) in enumerate(value.items())}
    return type(value)(map(_numbered, value)) if type(value) in (list, tuple) else value


class TextOnceConfig(Config):
    """A config whose text keeps the order of modalities, and is laid out once as long as it does not change.

    MMEngine sorts all keys, but channels lie in the order of the modalities: of a run's saved config another network
    would be built. Laying out takes a third of a second, or seconds for long lists, and MMEngine asks for it several
    times as a run starts.

    Args:
        cfg: What it is a copy of.
    """

    def __init__(self, cfg: Config) -> None:
        for name, value in copy.deepcopy(vars(cfg)).items():
            object.__setattr__(self, name, value)

    @property
    def pretty_text(self) -> str:
        """The config as a Python file."""
        content = repr(self.to_dict())
        if vars(self).get('_laid_out', ('', ''))[0] != content:
            text = Config(_numbered(self.to_dict())).pretty_text
            object.__setattr__(self, '_laid_out', (content, re.sub(rf'\b{_MARK}\d{{3}}_', '', text)))
        return self._laid_out[1]


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Load a config file and apply overrides.

    Args:
        path: A Python config. Modules that lie beside it, or beside one that it inherits, are importable, as are those
            beside the config that the run in its folder was started with.
        overrides: ``key=value`` with dotted keys, values as Python literals (anything else is a string).

    Raises:
        ConfigError: No such file, it fails to run, overrides name unknown keys (all of them are told), or an installed
            plugin is broken.
    """
    path = expand_home(Path(path))
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob('*.py')], n=1)
        hint = f"; did you mean '{path.with_name(near[0])}'?" if near else ''
        raise ConfigError(f'no config file {path}{hint}')
    try:
        cfg = _read(path)
    except UnicodeDecodeError as error:
        raise ConfigError(f'{path}, or a config that it inherits, cannot be read as UTF-8 ({error}): save it with that '
                          'encoding') from error
    except ImportError as error:
        cause = error
        while isinstance(cause.__context__, ImportError):  # MMEngine wraps it in its own
            cause = cause.__context__
        raise ConfigError(f'{path} cannot be loaded: {cause}; expected modules that lie beside the config, are '
                          'installed, or are found by PYTHONPATH') from error
    except Exception as error:  # a config is a program: it may raise anything
        raise ConfigError(f'{path} cannot be loaded: {type(error).__name__}: {error}') from error
    load_plugins()
    _override(cfg, overrides)
    expand_home(cfg._cfg_dict)
    return cfg


def _read(path: Path) -> Config:
    """A config and what it inherits; variables that it changes reach the inherited components too."""
    ancestors = _ancestors(path)
    for folder in _module_folders(path, ancestors):
        if folder not in sys.path:
            sys.path.append(folder)  # last, so that it hides nothing
    cfg = Config.fromfile(path, lazy_import=False)
    for ancestor in ancestors:
        for name, before in Config.fromfile(ancestor, lazy_import=False).items():
            if name in cfg and cfg[name] != before:
                _pass_on(cfg._cfg_dict, name, before, cfg[name])
    return cfg


def _ancestors(path: Path) -> list[Path]:
    """The files that a config names in ``_base_``, and those that they name."""
    for node in ast.parse(path.read_text(encoding='utf-8-sig')).body:
        if isinstance(node, ast.Assign) and any(getattr(target, 'id', None) == '_base_' for target in node.targets):
            named = ast.literal_eval(node.value)
            bases = [path.parent / expand_home(base) for base in ([named] if isinstance(named, str) else named)]
            return [*bases, *(ancestor for base in bases for ancestor in _ancestors(base))]
    return []


def _module_folders(path: Path, ancestors: Sequence[Path]) -> list[str]:
    """Where the modules of a config may lie: beside it, and, of the copy that a run keeps, beside the original."""
    folders = [one.resolve().parent for one in (path, *ancestors)]
    if (path.parent / 'run.json').is_file():
        from photoreal.engine.provenance import last_start
        start = last_start(path.parent) or {}
        folders.append(Path(start.get('folder') or '', start.get('config') or '').resolve().parent)
    return [str(folder) for folder in folders if folder.is_dir()]


def default_work_dir(path: str | Path) -> str:
    """Where a run of a config goes if nobody says where: below ``work_dirs``, by the config's place and name.

    ``configs/demo.py`` goes to ``work_dirs/demo``, ``street/configs/demo.py`` to ``work_dirs/street/demo``: two configs
    of one name, below the working directory, have two work dirs.
    """
    path = Path(os.path.abspath(path))
    if path.is_relative_to(Path.cwd()):
        folders = path.relative_to(Path.cwd()).parent.parts
    else:  # /home/ann/photoreal/configs/street/demo.py: street, and /home/ann/street/demo.py, too
        before, _, below = path.parent.as_posix().rpartition('/configs')
        folders = Path(below.lstrip('/')).parts if before and below[:1] in ('', '/') else path.parent.parts[-1:]
    return Path('work_dirs', *(folder for folder in folders if folder != 'configs'), path.stem).as_posix()


def check_config(cfg: Config) -> None:
    """Check every type name and argument of a config, and that its parts agree.

    Raises:
        ConfigError: All faults at once, each with its key and the nearest known name.
    """
    faults = find_faults(cfg)
    if faults:
        raise ConfigError.from_faults(f'{cfg.filename or "the config"} has {len(faults)} fault(s):', faults)


def parse_override(text: str) -> tuple[str, Any]:
    """``a.b=1`` -> ('a.b', 1)."""
    key, equals, value = text.partition('=')
    if not equals or not key:
        raise ConfigError(f"override '{text}': expected key=value, such as data_root=/path or train_cfg.max_iters=100")
    try:
        return key.strip(), ast.literal_eval(value.strip())
    except (ValueError, SyntaxError):
        return key.strip(), {'true': True, 'false': False, 'none': None}.get(value.strip().lower(), value.strip())


def _override(cfg: Config, texts: Sequence[str]) -> None:
    """Apply what can be applied; what cannot is told together."""
    faults = []
    for text in texts:
        try:
            apply_overrides(cfg, [parse_override(text)])
        except ConfigError as error:
            faults.append(str(error))
    if len(faults) == 1:
        raise ConfigError(faults[0])
    if faults:
        raise ConfigError.from_faults(f'{len(faults)} overrides cannot be used:', faults)


def apply_overrides(cfg: Config, overrides: Sequence[tuple[str, Any]]) -> None:
    """Set keys that exist, or that the component they are given to accepts.

    Raises:
        ConfigError: A key that nothing knows, with the nearest that is known.
    """
    for key, value in overrides:
        top, *rest = key.split('.')
        known, before = top in cfg, copy.deepcopy(cfg.get(top))
        _set(cfg._cfg_dict, key, [top, *rest], value)
        if known:
            _pass_on(cfg._cfg_dict, top, before, cfg[top])


def use_seed(cfg: Config, seed: int) -> None:
    """Give one seed to everything that is random: initial weights, the training step, the data."""
    places = ('seed',) if 'seed' in cfg else ('randomness.seed', 'train_dataloader.dataset.seed')
    cfg.setdefault('randomness', {})
    apply_overrides(cfg, [(place, seed) for place in places])


def use_determinism(cfg: Config) -> None:
    """Have a run give the same bits each time, as far as PyTorch can on this device; it becomes slower."""
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')  # cuBLAS reads it when it is first used
    cfg.randomness = {**(cfg.get('randomness') or {}), 'deterministic': True}
    cfg.env_cfg.cudnn_benchmark = False


def _set(node: Any, key: str, path: list[str], value: Any) -> None:
    for i, part in enumerate(path):
        done = '.'.join(path[:i])
        last = i == len(path) - 1
        if isinstance(node, (list, tuple)):
            if not part.isdigit() or int(part) >= len(node):
                raise ConfigError(f"override '{key}': '{done}' is a list of {len(node)} entries; expected an index "
                                  f"from 0 to {len(node) - 1} instead of '{part}'")
            part = int(part)
        elif isinstance(node, dict):
            accepted = last and (part in accepted_arguments(node, done) or accepts_component(node, value))
            if part not in node and not accepted:
                known = {*node, *accepted_arguments(node, done)}
                if part in known:
                    raise ConfigError(f"override '{key}': {'.'.join(path[:i + 1])} is not set; give it as a whole: "
                                      f'{".".join(path[:i + 1])}="{_nested(path[i + 1:], value)}"')
                raise ConfigError(f"override '{key}': {done or 'the config'} has no key '{part}'{suggest(part, known)}")
        else:
            raise ConfigError(f"override '{key}': '{done}' is {node!r} and has no keys")
        if last:
            node[part] = ConfigDict(value) if isinstance(value, dict) else value
        else:
            node = node[part]


def _nested(path: list[str], value: Any) -> Any:
    """The value in dicts of its path's keys: ``{'a': {'b': value}}``."""
    for part in reversed(path):
        value = {part: value}
    return value


def _pass_on(node: Any, name: str, before: Any, after: Any, top: bool = True) -> None:
    """Give a changed top-level variable to every component that held its old value under the same name."""
    if isinstance(node, dict):
        if not top and name in node and node[name] == before:
            node[name] = copy.deepcopy(after)
        for child in node.values():
            _pass_on(child, name, before, after, top=False)
    elif isinstance(node, (list, tuple)):
        for child in node:
            _pass_on(child, name, before, after, top=False)
