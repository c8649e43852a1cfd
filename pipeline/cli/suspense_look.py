"""`ratemill suspense show` and `stats`: one record with all that is known, and how many wait for how long."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import instant, results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.cli.places import Place
    from pipeline.settings import Settings
    from sinks.suspended import SuspendedRecord, SuspenseAge

_MOST_SHOWN = 2_000  # characters of the bytes
_SUSPENSE_ID = re.compile(r"[0-9a-f]{32}")
_DAY = dt.timedelta(days=1)

AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to `ratemill suspense`."""
    group.command(epilog=examples("ratemill suspense show 4f1c..."))(show)
    group.command(epilog=examples("ratemill suspense stats", "ratemill suspense stats --json"))(
        stats
    )


def show(
    context: typer.Context,
    suspense_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of a record, as `suspense list` shows it.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one record: why it was refused, what to do, its line, its bytes.

    The bytes may hold subscriber numbers.
    """
    if _SUSPENSE_ID.fullmatch(suspense_id) is None:
        raise typer.BadParameter(f"{suspense_id!r} is not 32 hex digits", param_hint="ID")
    settings = session_of(context).settings
    found = run_to_end(_find(settings, suspense_id))
    if found is None:
        tell(f"There is no record {suspense_id} in suspense.")
        raise typer.Exit(Exit.REFUSED)
    record, place, line, first = found
    fields = _fields(record, place, _reads_as(record, settings), line, first)
    if as_json:
        write_json(fields)
        return
    for text in _in_lines(fields):
        results().print(text, markup=False)


def _in_lines(fields: Mapping[str, object]) -> list[str]:
    """Return what is known, for a reader: bytes that are no text are for programs, where they are read."""
    lines = []
    for name, value in fields.items():
        if value in (None, "", {}) or (name == "bytes" and _is_event(fields)):
            continue
        label = name.replace("_", " ")
        if not isinstance(value, Mapping):
            lines.append(f"{label:<14}  {_harmless(str(value))}")
            continue
        for each, said in value.items():
            lines.append(f"{label:<14}  {_harmless(each.replace('_', ' '))}: {_harmless(said)}")
            label = ""
    return lines


def _is_event(fields: Mapping[str, object]) -> bool:
    """Return whether the bytes are an event or a command of ours, whose fields are shown instead."""
    from pipeline.cli.suspense_bytes import OF_EVENTS

    reads_as = fields["reads_as"]
    return isinstance(reads_as, Mapping) and not reads_as.keys().isdisjoint(OF_EVENTS)


def stats(context: typer.Context, as_json: AsJson = False) -> None:
    """Show how many records wait by reason and source, for how long, and what became of the others."""
    from pipeline.clock import SystemClock

    ages, counts = run_to_end(_ages(session_of(context).settings))
    now = SystemClock().now()
    waiting = sum(each.records for each in ages)
    if as_json:
        write_json(
            {
                **counts,
                "waiting": waiting,
                "by_reason_and_source": [
                    {**each._asdict(), "oldest_days": round((now - each.oldest) / _DAY, 1)}
                    for each in ages
                ],
            }
        )
        return
    if ages:
        results().print(
            table(
                "Waiting",
                *(
                    [
                        "Reason",
                        "Source",
                        ">Records",
                        ">On their way",
                        ">Most tries",
                        ">Oldest",
                        "Newest",
                    ],
                    [
                        [
                            each.reason,
                            each.source,
                            each.records,
                            each.on_their_way,
                            each.attempts,
                            f"{(now - each.oldest) / _DAY:,.1f} days",
                            instant(each.newest),
                        ]
                        for each in ages
                    ],
                ),
            )
        )
    tell(
        f"{counts['refused']:,} refused = {waiting:,} waiting, {counts['recycled']:,} recycled, "
        f"{counts['written_off']:,} written off."
    )


def _fields(
    record: SuspendedRecord,
    place: Place,
    reads_as: dict[str, str],
    line: str,
    first_copy: dict[str, str],
) -> dict[str, object]:
    """Return what is shown, in its order. ``line``: the item as its source wrote it, if it is known."""
    from pipeline.cli.suspense_bytes import remedy_of
    from schemas.period import from_ms

    waiting = record.waiting
    state = record.outcome or ("on its way" if record.decision else "waits")
    text = _text_of(waiting.raw)
    return {
        "suspense_id": waiting.suspense_id,
        "state": state.replace("_", " "),
        "stage": waiting.stage,
        "reason": waiting.reason,
        "detail": record.detail,
        "to_do": remedy_of(waiting.reason),
        "source": waiting.source,
        "format": record.format,
        "place": str(place),
        "position": f"{record.topic}/{waiting.partition} {waiting.offset}:{waiting.item}",
        "arrived": instant(from_ms(waiting.appended_at_ms)),
        "attempts": waiting.attempts,
        "identity": waiting.identity,
        "was": record.recycles,
        "refused_again": record.again,
        "charge": record.charge_id,
        "decided": record.decision and record.decision.replace("_", " "),
        "decided_by": record.decided_by,
        "decided_at": record.decided_at and instant(record.decided_at),
        "because": record.because,
        "reads_as": reads_as,
        "line": line,
        "first_copy": first_copy,
        "bytes": text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({len(text):,})",
    }


def _text_of(value: bytes) -> str:
    """Return bytes as text that does nothing to a terminal; in hex where they are none."""
    try:
        return _harmless(value.decode())
    except UnicodeDecodeError:
        return value.hex()


def _harmless(text: str) -> str:
    return "".join(
        each if each.isprintable() or each in "\n\t" else f"\\x{ord(each):02x}" for each in text
    )


def _reads_as(record: SuspendedRecord, settings: Settings) -> dict[str, str]:
    from pipeline.cli.suspense_bytes import reads_as

    return reads_as(record, settings)


async def _find(
    settings: Settings, suspense_id: str
) -> tuple[SuspendedRecord, Place, str, dict[str, str]] | None:
    """Return the record, where it came from, and its own text where only raw usage still has it;
    of a conflict its first copy."""
    from pipeline.cli.places import places_of
    from pipeline.cli.suspense_conflict import first_copy
    from pipeline.topics import topics_of
    from sinks.connection import open_pool
    from sinks.suspended import find_suspended, row_of

    endpoints = await connect(settings)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        found = await find_suspended(pool, [suspense_id])
    if not found:
        return None
    places, asked = await places_of(
        [row_of(found[0])],
        raw_topic=topics_of(settings).raw.name,
        bootstrap=endpoints.kafka_bootstrap,
    )
    if not asked:
        tell(
            "The broker does not answer: where raw usage must be asked, there is no file and line."
        )
    line = await _line_of(found[0], settings, endpoints.kafka_bootstrap) if asked else ""
    first = {}
    if asked:
        async with open_pool(
            endpoints.postgres_dsn, installation=settings.installation, max_size=1
        ) as pool:
            first = await first_copy(found[0], pool, settings, endpoints)
    return found[0], places[0], line, first


async def _line_of(record: SuspendedRecord, settings: Settings, bootstrap: str) -> str:
    """Return the item that an event was made of; empty where raw usage is trimmed."""
    from pipeline.cli.places import raw_position
    from pipeline.cli.provenance import provenance_of
    from pipeline.mappings import load_mappings
    from pipeline.topics import topics_of
    from sinks.suspended import row_of

    at = raw_position(row_of(record))
    if at is None:
        return ""
    found = await provenance_of(
        (at.partition, at.offset, at.index),
        topic=topics_of(settings).raw.name,
        bootstrap=bootstrap,
        mappings=load_mappings(settings),
    )
    return "" if found is None else found.text


async def _ages(settings: Settings) -> tuple[list[SuspenseAge], dict[str, int]]:
    from sinks.connection import open_pool
    from sinks.suspended import settled_counts, suspense_ages

    endpoints = await connect(settings)
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        return await suspense_ages(pool), await settled_counts(pool)
