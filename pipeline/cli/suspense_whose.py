"""Whom nobody knew: what a refused record says it is of, without a subscriber's number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pipeline.cli.suspense_bytes import rows_of
from schemas import usage
from schemas.refusal import RefusalReason
from schemas.usage import UsageEvent

if TYPE_CHECKING:
    from mediation.decode.item import Decoder
    from sinks.suspended import SuspendedRecord

OF_NOBODY = (RefusalReason.UNKNOWN_SUBSCRIBER.value, RefusalReason.UNKNOWN_SUBSCRIPTION.value)
"""Reasons of records that belong to nobody whom the reference data has."""

_SHOWN_DIGITS = 4  # of an identifier: enough to see the country, no whole number


def whom_nobody_knew(record: SuspendedRecord, mappings: Mapping[str, Decoder]) -> tuple[str, ...]:
    """Return the identifiers of a record as its mapping reads them now, or the account and the
    subscription of an event; each as far as `shortened` shows it. Empty where nothing says them."""
    if record.waiting.reason == RefusalReason.UNKNOWN_SUBSCRIPTION.value:
        return _shortened(_owner_of(record.waiting.raw))
    return _shortened(each for row in rows_of(record, mappings) for each in row.identifiers)


def shortened(identifier: str) -> str:
    """Return an identifier up to its fourth digit, for it may be a subscriber's number: however it is
    grouped, and whatever stands before it. What does something to a terminal is left out."""
    digits = 0
    identifier = "".join(filter(str.isprintable, identifier))
    for place, character in enumerate(identifier):
        digits += character.isdigit()
        if digits > _SHOWN_DIGITS:
            return f"{identifier[:place].rstrip(' .-()/')}…"
    return identifier


def _shortened(identifiers: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(shortened, identifiers)))


def _owner_of(value: bytes) -> tuple[str, ...]:
    try:
        event = usage.from_wire(value)
    except ValueError:
        return ()
    return (event.account_id, event.subscription_id) if isinstance(event, UsageEvent) else ()
