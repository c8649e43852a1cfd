"""`ratemill rate`: what events cost and why, without a broker and a database."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from pipeline.cli.catalogue import catalogue_files
from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.ingest import known_zone
from pipeline.cli.output import messages, results, tell, write_json
from schemas.decimals import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pipeline.cli.rating import Rating, ShownClosing, ShownEvent
    from rating.catalogue import CatalogueDocument

_STDIN = Path("-")
_LINES_BETWEEN_LOOKS = 1_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "ratemill rate --catalogue tariffs/ --event call.json --zone Europe/Berlin",
            "ratemill rate --catalogue tariffs/ --event october.jsonl --brief --close 2026-10",
            "ratemill rate --catalogue tariffs/ --event - --plan basic --json-lines < october.jsonl",
        ),
    )(rate)


def rate(
    catalogue: Annotated[
        Path,
        typer.Option(exists=True, file_okay=False, help="Folder with the catalogue."),
    ],
    event: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="An event or many, as JSON or JSON Lines; - for standard input.",
        ),
    ],
    plan: Annotated[
        str | None,
        typer.Option(help="Plan of events that name none (default: the only one there is)."),
    ] = None,
    currency: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="Currency of accounts whose events name none (default: the plan's).",
        ),
    ] = None,
    zone: Annotated[
        str, typer.Option(help="Zone of accounts whose events name none, such as Europe/Berlin.")
    ] = "UTC",
    close: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MONTH",
            help="Close this month, such as 2026-10, after the last event: least amounts, fees. May be "
            "given again.",
        ),
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="One line for each event, without the sentences.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    as_json_lines: Annotated[
        bool, typer.Option("--json-lines", help="Write a line of JSON for each event.")
    ] = False,
) -> None:
    """Say what events cost and why, each step in a sentence; nothing is published and nothing is kept.

    Needs no broker and no database. An event is an object of JSON: {"product": "voice", "started_at":
    "2026-10-14T10:30:04", "quantities": {"s": 126}, "destination": "442079460958"}. It may say plan,
    currency, zone, account, subscription, ended_at, origin, service_class, attributes, usage_kind,
    source, record_id, account_attributes, subscription_attributes and subscription_since too. A time
    without an offset is by the clock of its zone.

    Events are rated in the order of the file, and what the month counts (tiers, allowances, caps) goes
    on from one to the next. Exit code 1 when an event is refused or cannot be read, when there is
    none, and when the catalogue is not in order.
    """
    from pipeline.cli.rating import Rating
    from rating.trial import Defaults

    known_zone(zone)
    months = [_month(text) for text in close or ()]
    if as_json and as_json_lines:
        raise typer.BadParameter("beside --json: one of the two", param_hint="--json-lines")
    _look_at_currency(currency)
    if event != _STDIN and not event.is_file():
        raise typer.BadParameter(f"there is no file {event}", param_hint="--event")
    name = "(standard input)" if event == _STDIN else str(event)
    defaults = Defaults(plan=plan, currency=currency, zone=zone)
    rating = Rating(_document(catalogue, as_json=as_json), file=name, defaults=defaults)
    collected: list[ShownEvent] = []
    show = _shower(collected, as_json=as_json, as_json_lines=as_json_lines, brief=brief)
    for shown in rating.events(_lines(event)):
        show(shown)
    closings = [closing for month in months for closing in rating.close(*month)]
    _show_end(rating, collected, closings, as_json=as_json, as_json_lines=as_json_lines)
    _tell_counts(rating, name)
    if not rating.counts or rating.counts["refused"] or rating.counts["unreadable"]:
        raise typer.Exit(Exit.FAILED)


def _month(text: str) -> tuple[int, int]:
    from rating.trial import YEARS

    match = re.fullmatch("([0-9]{4})-([0-9]{2})", text)
    if match and int(match[1]) in YEARS and 1 <= int(match[2]) <= 12:
        return int(match[1]), int(match[2])
    raise typer.BadParameter(
        f"{text!r} is no month; write one such as 2026-10", param_hint="--close"
    )


def _look_at_currency(currency: str | None) -> None:
    from rating.catalogue.currencies import CURRENCIES

    if currency is not None and currency not in CURRENCIES:
        raise typer.BadParameter(
            f"{currency!r} is no currency of ISO 4217, such as EUR", param_hint="--currency"
        )


def _document(folder: Path, *, as_json: bool) -> CatalogueDocument:
    from rating.catalogue import check

    checked = check(catalogue_files(folder))
    if checked.document is None:
        for error in checked.errors:
            (messages() if as_json else results()).print(str(error), markup=False)
        tell(f"{folder}: {len(checked.errors):,} errors, nothing was rated.")
        raise typer.Exit(Exit.FAILED)
    return checked.document


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file; with a bar on a terminal that the results do not go to."""
    if file == _STDIN:
        yield from sys.stdin.buffer
        return
    with file.open("rb") as content:
        if sys.stdout.isatty() or not messages().is_terminal:
            yield from content
        else:
            yield from _with_a_bar(content, file.stat().st_size)


def _with_a_bar(content: BinaryIO, size: int) -> Iterator[bytes]:
    from rich.progress import Progress

    with Progress(console=messages(), transient=True) as progress:
        task = progress.add_task("Rating", total=size)
        done = 0
        for number, line in enumerate(content):
            if number % _LINES_BETWEEN_LOOKS == 0:
                progress.update(task, completed=done)
            done += len(line)
            yield line


def _shower(
    collected: list[ShownEvent], *, as_json: bool, as_json_lines: bool, brief: bool
) -> Callable[[ShownEvent], None]:
    """Return what is done with each event when it is rated."""
    from pipeline.cli.rate_lines import block_of, line_of

    if as_json:
        return collected.append
    if as_json_lines:
        return write_json
    of_event = line_of if brief else block_of
    # Not print(): to look for markup and to wrap is most of the time that a long file takes.
    return lambda shown: results().out(of_event(shown), highlight=False)


def _show_end(
    rating: Rating,
    events: list[ShownEvent],
    closings: Iterable[ShownClosing],
    *,
    as_json: bool,
    as_json_lines: bool,
) -> None:
    from pipeline.cli.margin_lines import margin_table, margins_document
    from pipeline.cli.rate_lines import closing_block, totals_table

    if as_json:
        totals = {
            currency: to_text(one.amount) for currency, one in rating.sums.by_currency.items()
        }
        counts = dict(rating.counts)
        margins = margins_document(list(rating.sums.margins.values()))
        write_json(
            {
                "events": events,
                "closings": closings,
                "counts": counts,
                "totals": totals,
                "margins": margins,
            }
        )
        return
    for closing in closings:
        if as_json_lines:
            write_json({"outcome": "closing", **_fields(closing)})
        else:
            results().print(closing_block(closing), markup=False)
    if not as_json_lines and rating.counts.total() > 1 and rating.sums.by_price:
        results().print(totals_table(rating.sums))
        if rating.sums.margins:
            results().print(margin_table("price", list(rating.sums.margins.values())))


def _fields(closing: ShownClosing) -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(closing)


def _tell_counts(rating: Rating, name: str) -> None:
    total = rating.counts.total()
    if not total:
        tell(f"There is no event in {name}.")
        return
    parts = ", ".join(f"{count:,} {outcome}" for outcome, count in rating.counts.items())
    tell(f"{total:,} {'event' if total == 1 else 'events'}: {parts}.")
