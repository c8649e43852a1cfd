"""What the bytes of a record in suspense say, and what to do about it."""

from __future__ import annotations

from mediation.preview import preview
from mediation.recycling import Back, back
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from schemas import raw, usage
from schemas.proof import NORMALISE
from schemas.refusal import RefusalReason
from schemas.remedy import REMEDIES
from schemas.usage import UsageEvent
from sinks.suspended import SuspendedRecord

_MOST_ITEMS = 5


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
    decoders = load_mappings(settings)
    decoder = decoders.get(record.format.partition("@")[0])
    if decoder is None or headers.get(raw.RECORD) in (raw.RECORD_COMMAND, raw.RECORD_END):
        return {}
    # As it would be read if it came back: one item of a batch or a file is no batch and no file.
    found = back(waiting, raw_partition_of=lambda _: waiting.partition)
    if isinstance(found, Back):
        headers = dict(found.headers)
        is_block = headers[raw.RECYCLED_AS] == raw.AS_BLOCK
        headers[raw.RECORD] = raw.RECORD_BLOCK if is_block else raw.RECORD_MESSAGE
    try:
        rows = preview(decoder, waiting.raw, headers)
    except Exception as error:  # what broke a worker is shown all the same
        return {"item 0": f"{RefusalReason.INTERNAL_ERROR.value}: {type(error).__name__}"}
    return {
        f"item {row.index}": ", ".join(
            f"{name}={getattr(row, name)}"
            for name in ("outcome", "detail", "record_id", "identifiers", "started_at", "product")
            if getattr(row, name)
        )
        for row in rows[:_MOST_ITEMS]
    }


def _of_event(value: bytes) -> dict[str, str]:
    try:
        event = usage.from_wire(value)
    except ValueError:
        return {}
    if not isinstance(event, UsageEvent):
        return {"command": type(event).__name__}
    fields: dict[str, object] = {
        name: getattr(event, name)
        for name in (
            *("account_id", "subscription_id", "product", "started_at_ms", "origin"),
            *("destination", "service_class", "record_id"),
        )
    }
    fields |= event.quantities
    fields |= event.attributes
    return {name: str(value) for name, value in fields.items() if value is not None}
