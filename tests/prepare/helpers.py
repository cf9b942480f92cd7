"""What tests of the preparation share."""

from pathlib import Path
from typing import Any

from photoreal.prepare import Footage, LocalEngine, Settings, Summary, find_footage, prepare


def files(root: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too, with its contents; folders end with a slash."""
    return {str(p.relative_to(root)) + '/' * p.is_dir(): b'' if p.is_dir() else p.read_bytes()
            for p in sorted(root.rglob('*'))}


def settings(root: Path, **changes: Any) -> Settings:
    return Settings(root, **{'split': 'val', 'domain': 'real'} | changes)


def run(sources: list[Path] | list[Footage], root: Path, modalities: dict[str, Any] | None = None, workers: int = 1,
        **changes: Any) -> Summary:
    """Prepare sources, which must all be good."""
    if not isinstance(sources[0], Footage):
        sources, faults = find_footage([str(source) for source in sources])
        assert not faults
    with LocalEngine(workers) as engine:
        return prepare(sources, settings(root, **changes), engine, modalities)
