"""What commands write: results to standard output, everything else to standard error."""

from __future__ import annotations

import datetime as dt
import functools
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.decimals import to_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_COPIED = re.compile(r"[0-9a-f]{32}|[a-z]+\.[a-z_]+")  # an id, a reason
_AMOUNT = re.compile(r"(?P<number>-?[\d,]+\.)(?P<fraction>\d+) (?P<currency>[A-Z]{3})")


@functools.cache
def results() -> Console:
    """Return the console for what was asked for."""
    return _console(stderr=False)


@functools.cache
def messages() -> Console:
    """Return the console for progress, hints and errors."""
    return _console(stderr=True)


def width_of_results() -> int | None:
    """Return the columns of the terminal that results go to; None where they go elsewhere."""
    return results().width if sys.stdout.isatty() else None


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    # What is not a terminal is a file or a program: lines must not be cut to 80 columns there.
    probe = sys.stderr if stderr else sys.stdout
    width = None if probe.isatty() else 200
    return Console(stderr=stderr, highlight=False, soft_wrap=not probe.isatty(), width=width)


def tell(text: str) -> None:
    """Write one line for a human to standard error."""
    messages().print(text, markup=False)


def program() -> str:
    """Return how this program is called from here, for commands that somebody may copy."""
    called = sys.argv[0]
    if shutil.which("ratemill") or Path(called).name != "ratemill":
        return "ratemill"
    return shlex.quote(called)


def write_json(document: object) -> None:
    """Write one JSON document, on one line; decimals are strings, instants are UTC."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(document, enc_hook=_plain).decode() + "\n")
    sys.stdout.flush()


def _plain(value: object) -> object:
    if isinstance(value, memoryview):
        return bytes(value)
    return str(value)


def table(
    title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> RenderableType:
    """Return a table; a column whose name starts with ``>`` is aligned to the right.

    On a terminal that is too narrow words are wrapped; where there is something that somebody may
    copy (an id, a reason), each row becomes a block of lines instead, and nothing is cut.
    """
    from rich import box
    from rich.table import Table

    built = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for name in columns:
        built.add_column(
            name.removeprefix(">"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=name.startswith(">"),  # words give way, figures do not
        )
    cells = [[shown(value) for value in row] for row in rows]
    columned = [_points_aligned(column) for column in zip_longest(*cells, fillvalue="")]
    aligned = list(zip(*columned, strict=True))
    for row_cells in aligned:
        built.add_row(*row_cells)
    if any(_COPIED.fullmatch(cell) for row_cells in aligned for cell in row_cells):
        from pipeline.cli.blocks import Blocks

        return Blocks(built, title, [name.removeprefix(">") for name in columns], aligned)
    return built


def _points_aligned(column: Sequence[str]) -> Sequence[str]:
    """Return a column of amounts with their decimal points below each other; any other as it is."""
    found = [_AMOUNT.fullmatch(cell) for cell in column]
    places = max((len(each["fraction"]) for each in found if each), default=0)
    return [
        f"{each['number']}{each['fraction'].ljust(places)} {each['currency']}" if each else cell
        for each, cell in zip(found, column, strict=True)
    ]


def shown(value: object) -> str:
    """Return a value as it is shown: grouped digits, UTC said, nothing for None."""
    from rich.markup import escape

    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dt.datetime):
        return instant(value)
    if isinstance(value, Decimal):
        return to_text(value)
    return escape(str(value))


def money(amount: Decimal, currency: str, *, places: int | None = None) -> str:
    """Return an amount with its currency behind it; ``places`` fills up with zeros, never rounds."""
    text = f"{amount:,f}"
    if places is not None:
        whole, _, fraction = text.partition(".")
        fraction = fraction.rstrip("0").ljust(places, "0")
        text = f"{whole}.{fraction}" if fraction else whole
    return f"{text} {currency}"


def instant(at: dt.datetime) -> str:
    """Return an instant in UTC, and say so."""
    return at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def counted(count: int, one: str) -> str:
    """Return ``1 file``, ``2 files``: a number with what it counts."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def seconds(duration_s: float) -> str:
    """Return a duration as somebody would say it."""
    if duration_s < 60:
        return f"{duration_s:.1f} s"
    minutes, rest = divmod(round(duration_s), 60)
    return f"{minutes} min {rest:02d} s"
