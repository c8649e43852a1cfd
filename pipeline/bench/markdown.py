"""Tables of figures in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.bench.judged import number
from pipeline.bench.result import Figures

UNKNOWN = "-"


def md_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column whose name starts with ``>`` is aligned to the right."""
    lines = [
        f"| {' | '.join(name.removeprefix('>') for name in columns)} |",
        f"|{'|'.join('---:' if name.startswith('>') else '---' for name in columns)}|",
    ]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def figure(figures: Figures, name: str, unit: str = "") -> str:
    """Return a figure with its unit, or a dash where it was not measured."""
    value = figures.get(name)
    if value is None:
        return UNKNOWN
    return f"{number(value)} {unit}".rstrip()


def section(title: str, *parts: str) -> str:
    """Return a section; empty where none of its parts says anything."""
    said = [part.rstrip() for part in parts if part]
    return "\n\n".join([f"### {title}", *said]) + "\n" if said else ""
