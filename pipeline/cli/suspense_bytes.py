"""What the bytes of a record in suspense say, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from mediation.decode.item import Decoder
from mediation.preview import PreviewRow, preview
from mediation.recycling import Back, back
from pipeline.cli.output import instant
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from schemas import raw, usage
from schemas.decimals import to_text
from schemas.period import from_ms
from schemas.proof import NORMALISE
from schemas.refusal import RefusalReason
from schemas.remedy import REMEDIES
from schemas.usage import PeriodClose, UsageEvent
from sinks.suspended import SuspendedRecord

_MOST_ITEMS = 5
OF_EVENTS = ("command", "account_id")
"""Names of which one is among the fields of every event and command of ours."""


def remedy_of(reason: str) -> str:
    """Return what to do about a reason; empty where this build does not know it."""
    known = {each.value: each for each in RefusalReason}
    return REMEDIES[known[reason]] if reason in known else ""


def reads_as(record: SuspendedRecord, settings: Settings) -> dict[str, str]:
    """Return what the bytes say now: an event's fields, or what the mapping makes of each item."""
    waiting = record.waiting
    headers = dict(waiting.raw_headers)
    if waiting.stage != NORMALISE or headers.get(raw.RECYCLED_AS) == raw.AS_EVENT:
        return _of_event(waiting.raw)
    mappings = load_mappings(settings)
    try:
        rows = rows_of(record, mappings)
    except Exception as error:  # what broke a worker is shown all the same
        return {"item 0": f"{RefusalReason.INTERNAL_ERROR.value}: {type(error).__name__}"}
    return {f"item {row.index}": _in_words(row) for row in rows[:_MOST_ITEMS]}


def rows_of(record: SuspendedRecord, mappings: Mapping[str, Decoder]) -> list[PreviewRow]:
    """Return what a mapping makes of the bytes of what normalise refused; none where no mapping reads them."""
    waiting = record.waiting
    headers = dict(waiting.raw_headers)
    decoder = mappings.get(record.format.partition("@")[0])
    if decoder is None or headers.get(raw.RECORD) in (raw.RECORD_COMMAND, raw.RECORD_END):
        return []
    # As it would be read if it came back: one item of a batch or a file is no batch and no file.
    found = back(waiting, raw_partition_of=lambda _: waiting.partition)
    if isinstance(found, Back):
        headers = dict(found.headers)
        is_block = headers[raw.RECYCLED_AS] == raw.AS_BLOCK
        headers[raw.RECORD] = raw.RECORD_BLOCK if is_block else raw.RECORD_MESSAGE
    return preview(decoder, waiting.raw, headers)


def _in_words(row: PreviewRow) -> str:
    if row.outcome == "ignored":
        return f"left out, {row.detail}"
    if row.outcome != "event":
        return f"{row.outcome}: {row.detail}"
    said = {
        "record": row.record_id,
        "of": " or ".join(row.identifiers),
        "started": row.started_at,
        "product": row.product,
        "used": ", ".join(f"{amount} {unit}" for unit, amount in row.quantities.items()),
        "from": row.origin,
        "to": row.destination,
    }
    return "usage: " + ", ".join(f"{name} {value}" for name, value in said.items() if value)


def _of_event(value: bytes) -> dict[str, str]:
    try:
        event = usage.from_wire(value)
    except ValueError:
        return {}
    if isinstance(event, PeriodClose):
        return {
            "command": "close of a period",
            "account_id": event.account_id,
            "period": f"{_instant(event.period_start_ms)} to {_instant(event.period_end_ms)}",
        }
    if not isinstance(event, UsageEvent):
        return {"command": "correction of a month", "account_id": event.account_id}
    fields: dict[str, object] = {
        name: getattr(event, name)
        for name in (
            *("account_id", "subscription_id", "product", "origin", "destination"),
            *("service_class", "record_id", "source"),
        )
    }
    fields["started_at"] = _instant(event.started_at_ms)
    if event.ended_at_ms is not None:
        fields["ended_at"] = _instant(event.ended_at_ms)
    fields |= {unit: to_text(amount) for unit, amount in event.quantities.items()}
    fields |= event.attributes
    return {name: str(value) for name, value in fields.items() if value is not None}


def _instant(at_ms: int) -> str:
    try:
        return instant(from_ms(at_ms))
    except OverflowError:  # a broken record may say any year
        return f"{at_ms} ms since 1970"
