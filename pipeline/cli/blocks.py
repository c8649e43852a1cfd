"""A table that becomes a block of lines for each row where the terminal is too narrow for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_WIDE = 10_000
_NAME = 22  # characters of a column's name


class Blocks(NamedTuple):
    """The table, and what it is made of; cells are marked up."""

    table: Table
    title: str | None
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table where it fits on the console, else the blocks."""
        wide = options.update(max_width=_WIDE)
        if Measurement.get(console, wide, self.table).maximum <= options.max_width:
            yield self.table
            return
        if self.title:
            yield Text(self.title, style="bold")
        for row in self.rows:
            block = Table.grid(padding=(0, 0, 0, 2))
            block.add_column(max_width=_NAME)
            block.add_column(overflow="fold")
            for name, cell in zip(self.columns, row, strict=False):
                if cell.strip():
                    block.add_row(name, " ".join(cell.split()))
            yield block
            yield ""
