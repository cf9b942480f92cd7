"""A validation as one table: the few metrics that matter, a row each, a column for each domain."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from mmengine.evaluator import BaseMetric

# Error bars, counts, single classes and objects, and what says nearly the same as another metric.
_DETAIL = re.compile(r'_class_|_ci95$|_pairs|_rejected|_(reinhard|lab_matching|held_out_real)$|^(hue|chroma)_|^psnr_y$')
_UNTRANSLATED = ('_input', '_untranslated')  # the same measure of the frames that were given to the model


class Row(NamedTuple):
    """One metric.

    Attributes:
        name: Of the metric, without its prefix.
        better: ``higher``, ``lower``, or nothing where neither is.
        cells: The value in each column; in brackets that of the input.
    """

    name: str
    better: str
    cells: tuple[str, ...]


class ValidationTable(NamedTuple):
    """Values of an evaluation for people to read.

    Attributes:
        columns: The metrics' prefixes: domains first, then those of metrics with a prefix of their own.
        rows: A row a metric.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, values: Mapping[str, float], metrics: Sequence[BaseMetric]) -> 'ValidationTable':
        """Choose and lay out what to show.

        Args:
            values: ``<prefix>/<name>`` -> value, as the evaluator returns them.
            metrics: The metrics that have measured them; they know which values should be high.
        """
        higher = frozenset().union(*(getattr(metric, 'higher_is_better', ()) for metric in metrics))
        neutral = frozenset().union(*(getattr(metric, 'neutral', ()) for metric in metrics))
        columns = tuple(dict.fromkeys(key.rpartition('/')[0] for key in values))
        names = dict.fromkeys(key.rpartition('/')[2] for key in values)
        shown = [name for name in names if not _DETAIL.search(name) and not name.endswith(_UNTRANSLATED)]
        rows = [Row(name, '' if name in neutral else 'higher' if name in higher else 'lower',
                    tuple(_cell(values, column, name) for column in columns)) for name in shown]
        return cls(columns, tuple(rows))

    def plain(self) -> str:
        """The table in characters, a line a row."""
        lines = [('', *self.columns, 'better'), *((row.name, *row.cells, row.better) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
        return '\n'.join('  '.join(['', *cells]).rstrip() for cells in padded)

    def print_rich(self, title: str) -> None:
        """Print the table to a terminal, the standard output."""
        from rich.console import Console
        from rich.table import Table
        table = Table()
        table.add_column('')
        for column in self.columns:
            table.add_column(column, justify='right')
        table.add_column('better')
        for row in self.rows:
            table.add_row(row.name, *row.cells, row.better)
        console = Console()
        console.print(title, markup=False, highlight=False)
        console.print(table)

    @property
    def has_input(self) -> bool:
        """Whether some cell shows the value of the input, too."""
        return any('(' in cell for row in self.rows for cell in row.cells)


def _cell(values: Mapping[str, float], column: str, name: str) -> str:
    def text(names: Iterable[str]) -> str | None:
        found = next((values[key] for key in (f'{column}/{own}' for own in names) if key in values), None)
        return None if found is None else f'{found:.4g}'

    value, given = text([name]), text(name + suffix for suffix in _UNTRANSLATED)
    return '' if value is None else value if given is None else f'{value} ({given})'
