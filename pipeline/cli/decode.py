"""`ratemill decode`: what a mapping makes of a file, before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.ingest import known_format, known_zone
from pipeline.cli.output import results, table, tell, write_json
from pipeline.cli.session import session_of

if TYPE_CHECKING:
    from mediation.decode.item import Decoder
    from mediation.preview import PreviewRow


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Use",
        epilog=examples(
            "ratemill decode Master.csv --format freeswitch-csv --zone Europe/Berlin",
            "ratemill decode events.jsonl --format cloudevents-iot --refused",
        ),
    )(decode)


def decode(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A file of usage.")],
    format_name: Annotated[str, typer.Option("--format", help="The mapping that reads it.")],
    zone: Annotated[
        str | None, typer.Option(help="Zone of local times in it, such as Europe/Berlin.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Items to show.")] = 20,
    refused: Annotated[
        bool, typer.Option("--refused", help="Show refused items only, each with its reason.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document, with every item.")
    ] = False,
) -> None:
    """Show what would become of each item of a file; nothing is sent and nothing is kept.

    Needs no broker and no database. Whether an item is a duplicate and whose it is, is decided
    later. It ends with how many items became what. Exit code 1 where items were refused and not one
    is an event; 0 where one is, however many were refused.
    """
    decoder = known_format(session_of(context).settings, format_name)
    counts: Counter[str] = Counter()
    shown: list[dict[str, object]] = []
    for line, row in _rows(decoder, file, zone=known_zone(zone)):
        counts[row.outcome] += 1
        if refused and row.outcome in (_EVENT, _LEFT_OUT):
            continue
        if as_json or len(shown) < limit:
            shown.append({"line": line, **{name: getattr(row, name) for name in _FIELDS}})
    if as_json:
        write_json({"counts": counts, "items": shown})
    elif counts:
        _tell_all(decoder, counts, shown)
        if zone is None and "mediation.time_without_zone" in counts:
            tell("Times are local in it: --zone says of which zone, here and with ingest.")
    else:
        tell(f"There is no item in {file}.")
    if nothing_but_refusals(counts):
        raise typer.Exit(Exit.FAILED)


def _tell_all(decoder: Decoder, counts: Counter[str], shown: Sequence[dict[str, object]]) -> None:
    """Show the items, and tell what became of all of them."""
    if shown:
        first = ">Item" if decoder.reads_cdr_files else ">Line"  # a charging file has no lines
        results().print(table(None, (first, *_COLUMNS), [_cells(item) for item in shown]))
    total = counts.total()
    if total > len(shown):
        tell(f"{len(shown):,} of {total:,} items shown (--limit, --json).")
    tell("; ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items())) + ".")
    if nothing_but_refusals(counts):
        tell("Not one item is an event: nothing of this file would be charged.")


def nothing_but_refusals(counts: Counter[str]) -> bool:
    """Return whether items were refused and none is an event; what is left out counts for nothing."""
    return not counts[_EVENT] and counts.total() > counts[_LEFT_OUT]


_EVENT, _LEFT_OUT = "event", "ignored"  # outcomes; any other is the reason of a refusal
_FIELDS = (
    *("outcome", "detail", "record_id", "identifiers", "started_at", "ended_at", "product"),
    *("usage_kind", "quantities", "origin", "destination", "service_class", "attributes"),
)
_COLUMNS = (
    "Outcome",
    "Started",
    "Identifier",
    "Product",
    "Quantities",
    "Destination",
    "Why",
)


def _cells(item: dict[str, object]) -> list[object]:
    identifiers, quantities = item["identifiers"], item["quantities"]
    assert isinstance(identifiers, tuple)
    assert isinstance(quantities, dict)
    return [
        item["line"],
        item["outcome"],
        item["started_at"],
        identifiers[0] if identifiers else "",
        item["product"],
        ", ".join(f"{value} {unit}" for unit, value in quantities.items()),
        item["destination"],
        item["detail"],
    ]


def _rows(decoder: Decoder, file: Path, *, zone: str | None) -> Iterator[tuple[int, PreviewRow]]:
    """Yield the number of each item in the file, from 1, and what becomes of it."""
    from mediation.preview import PreviewRow, preview
    from schemas import raw
    from schemas.refusal import RefusalReason
    from sources.files import FileReading
    from sources.records import Origin

    origin = Origin(
        tenant="default",
        source=file.name,
        stream=file.name,
        format=decoder.name,
        zone=zone,
        names_columns=decoder.names_columns,
        reads_cdr_files=decoder.reads_cdr_files,
    )
    with FileReading(file, origin=origin, file_id="decode", now_ms=0, settle_s=0) as reading:
        for record in reading.records():
            headers = dict(record.headers)
            if raw.FIRST_LINE not in headers:
                continue  # the end record
            first = int(headers[raw.FIRST_LINE])
            if raw.OVERSIZE_BYTES in headers:
                size = (
                    f"{int(headers[raw.OVERSIZE_BYTES]):,} bytes, at most {raw.MAX_RECORD_BYTES:,}"
                )
                yield first, PreviewRow(index=0, outcome=RefusalReason.TOO_LARGE.value, detail=size)
                continue
            for row in preview(decoder, record.value, headers):
                yield first + row.index, row
