"""The event time of what a batch came to, looked at once a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from schemas import ledger, usage
from schemas.flow import Append, Channel, SourceRecord

_LOOKS = 4  # commands, limits and proofs lie between usage; a batch without any is told by none


def of_appends(appends: Sequence[Append]) -> int | None:
    """Return when the last usage among the appends of a stage began, in ms; None: there is none."""
    for append in islice(reversed(appends), _LOOKS):
        if append.channel is Channel.NORMALISED:
            found = _of_event(append.value)
        elif append.channel is Channel.LEDGER:
            found = _of_ledger(append.value)
        else:
            continue
        if found is not None:
            return found
    return None


def of_ledger(records: Sequence[SourceRecord]) -> int | None:
    """Return when the last usage among records of the ledger began, in ms; None: there is none."""
    return next(_told(record.value for record in islice(reversed(records), _LOOKS)), None)


def _told(values: Iterable[bytes]) -> Iterator[int]:
    return (found for value in values if (found := _of_ledger(value)) is not None)


def _of_event(value: bytes) -> int | None:
    try:
        record = usage.from_wire(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None  # it is only looked at here; who reads it says what is wrong
    return record.started_at_ms if isinstance(record, usage.UsageEvent) else None


def _of_ledger(value: bytes) -> int | None:
    try:
        record = ledger.from_wire(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return record.started_at_ms if isinstance(record, ledger.Charge) else None
