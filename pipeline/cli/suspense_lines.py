"""Records in suspense as lines that fit a terminal: the id and the reason, where from, and what is wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.cli.places import Place
    from sinks.queries import SuspendedRow

_INDENT = "  "
_ACTION = " Operator action"  # what to do is the same for all of a reason; `suspense show` says it


def lines_of(
    row: SuspendedRow, place: Place, unknown: Sequence[str], *, width: int | None
) -> Iterator[str]:
    """Yield the lines of a record, none longer than ``width``, but for an id and a reason, which somebody
    may copy; None: there is no terminal, and nothing is wrapped or cut. ``unknown``: whom nobody knew."""
    yield f"{row.suspense_id}  {row.reason}"
    where = str(place) or f"{row.topic}/{row.partition} {row.offset}:{row.item}"
    of_source = f" of {row.source}" if row.source else ""
    what = row.detail.partition(_ACTION)[0].rstrip()
    if unknown:
        what = f"{', '.join(unknown)}: {what}"
    if width is None:
        yield f"{_INDENT}{where}{of_source}"
        yield f"{_INDENT}{what}"
        return
    room = max(1, width - len(_INDENT))
    yield _INDENT + _cut(where, room, of_source)
    yield from textwrap.wrap(
        what, width, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
    )


def _cut(where: str, room: int, of_source: str) -> str:
    """Return a place with its source, the beginning of a long path cut off: its end says file and line."""
    left = max(room // 2, room - len(of_source))
    if len(where) > left:
        where = "…" + where[len(where) - left + 1 :]
    line = where + of_source
    return line if len(line) <= room else line[: room - 1] + "…"
