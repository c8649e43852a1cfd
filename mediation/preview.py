"""What a mapping makes of bytes, to look at before anything is sent: nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mediation.decode.item import DecodedItem, Decoder, Ignored
from schemas.decimals import to_text
from schemas.period import from_ms
from schemas.refusal import Refused


class PreviewRow(msgspec.Struct, frozen=True, kw_only=True):
    """One item in words; what it has not is empty."""

    index: int  # from 0
    outcome: str  # "event", "ignored", or the reason of a refusal
    detail: str = ""
    record_id: str = ""
    identifiers: tuple[str, ...] = ()
    started_at: str = ""  # ISO 8601, UTC; "when received" where the event has no time
    ended_at: str = ""
    product: str = ""
    usage_kind: str = ""
    quantities: dict[str, str] = {}
    origin: str = ""
    destination: str = ""
    service_class: str = ""
    attributes: dict[str, str] = {}


def preview(
    decoder: Decoder, value: bytes, headers: Mapping[str, bytes] | None = None
) -> list[PreviewRow]:
    """Return a row per item. ``headers`` as of a raw record: ``zone``, ``record``, ``ce_...``."""
    return [_row(index, outcome) for index, _, outcome in decoder.decode(value, headers or {})]


def _row(index: int, outcome: DecodedItem | Refused | Ignored) -> PreviewRow:
    if isinstance(outcome, Refused):
        return PreviewRow(index=index, outcome=outcome.reason.value, detail=outcome.detail)
    if isinstance(outcome, Ignored):
        return PreviewRow(index=index, outcome="ignored", detail=outcome.why)
    started = "when received" if outcome.started_at_ms is None else _iso(outcome.started_at_ms)
    return PreviewRow(
        index=index,
        outcome="event",
        record_id=outcome.record_id,
        identifiers=outcome.identifiers,
        started_at=started,
        ended_at="" if outcome.ended_at_ms is None else _iso(outcome.ended_at_ms),
        product=outcome.product,
        usage_kind=outcome.usage_kind,
        quantities={unit: to_text(value) for unit, value in outcome.quantities.items()},
        origin=outcome.origin or "",
        destination=outcome.destination or "",
        service_class=outcome.service_class or "",
        attributes=outcome.attributes,
    )


def _iso(at_ms: int) -> str:
    try:
        return from_ms(at_ms).isoformat().replace("+00:00", "Z")
    except OverflowError:  # a wall clock in the year 9999, west of Greenwich
        return f"{at_ms} ms since 1970"
