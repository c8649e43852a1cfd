"""A month rated once more by the step of rate itself, from its normalised records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from pipeline.rate_step import RateStep
from schemas import ledger, suspense, usage
from schemas.flow import Channel, SourceRecord
from schemas.ledger import Charge, CounterAfter
from schemas.proof import RATE, Proof, sealed
from schemas.usage import RETAIL, PeriodClose, Provenance
from sinks.charge_history import Under

_OURS = -1  # raw partition of the close that a replay makes: none


class Entry(NamedTuple):
    """A record of the month as rate reads it, and the versions that it is rated under."""

    value: bytes
    under: Under


class Replayed(NamedTuple):
    """What a replay came to."""

    charges: tuple[Charge, ...]  # `Charge.source_offset` is the place of the entry
    counters: Mapping[tuple[str, int], CounterAfter]  # by name and period
    refused: tuple[tuple[int, str], ...]  # place of the entry, and why


StepOf = Callable[[Under], RateStep]
"""The step of rate under a version of the catalogue and one of the reference data."""


def replay(entries: Sequence[Entry], step_of: StepOf) -> Replayed:
    """Return what the entries are charged in their order, from a state without counters."""
    state: dict[bytes, bytes] = {}
    charges: list[Charge] = []
    refused: list[tuple[int, str]] = []
    counters: dict[tuple[str, int], CounterAfter] = {}
    for under, run in groupby(enumerate(entries), key=lambda placed: placed[1].under):
        records = [SourceRecord(0, place, 0, None, entry.value, ()) for place, entry in run]
        step = step_of(under)
        batch = step.prepare(records)
        decided = step.decide(batch, state, previous=_NOTHING)
        for key, value in decided.changes:
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        for append in decided.appends:
            if append.channel is Channel.LEDGER:
                record = ledger.from_wire(append.value)
                if isinstance(record, Charge):
                    charges.append(record)
                    for after in record.counters_after:
                        counters[after.counter, after.period_start_ms] = after
            elif append.channel is Channel.SUSPENSE:
                suspended = suspense.from_wire(append.value)
                refused.append((suspended.offset, f"{suspended.reason}: {suspended.detail}"))
    return Replayed(tuple(charges), counters, tuple(refused))


def close_of(account_id: str, tenant: str, start_ms: int, end_ms: int) -> bytes:
    """Return the command that closes a month, as rate reads it."""
    return usage.to_wire(
        PeriodClose(
            tenant=tenant,
            identity=bytes(16),
            content_hash=bytes(8),
            run=RETAIL,
            rating_key=account_id,
            account_id=account_id,
            period_start_ms=start_ms,
            period_end_ms=end_ms,
            provenance=Provenance(_OURS, 0, 0, "", 0),
            batch=1,
        )
    )


_NOTHING = sealed(
    Proof(
        stage=RATE,
        installation="",
        genesis_id="",
        cluster_id="",
        source_topic="",
        source_partition=0,
        batch=0,
        first=0,
        next=0,
    )
)
