"""Paths as people write them where no shell reads them: in configs, in ``--option=~/data``, in files for Kubernetes."""

import os
import re
from pathlib import Path
from typing import Any

_HOME = re.compile(r'(?P<key>[\w.-]+=)?(?P<path>~[\w.-]*(?:[/\\].*)?)', re.DOTALL)


def expand_home(value: Any) -> Any:
    """Put the home folder in place of ``~`` or ``~user`` at the beginning of a path, also behind ``key=``.

    Args:
        value: A text or a path; dicts are changed in place, lists and tuples made anew, and all else stays as it is.
    """
    if isinstance(value, dict):
        for key, child in value.items():
            value[key] = expand_home(child)
        return value
    if type(value) in (list, tuple):
        return type(value)(map(expand_home, value))
    if isinstance(value, Path):
        return type(value)(os.path.expanduser(value))
    match = _HOME.fullmatch(value) if isinstance(value, str) else None
    return (match['key'] or '') + os.path.expanduser(match['path']) if match else value
