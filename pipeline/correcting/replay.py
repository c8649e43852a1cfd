"""A month rated once more by the step of rate itself, from its normalised records."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from counters.state import Bucket, bucket_key, bucket_to_state, head_key
from pipeline.rate_prepare import Closing, Item, Priceable, RateBatch
from pipeline.rate_step import RateStep
from schemas import ledger, suspense, usage
from schemas.flow import Channel, SourceRecord, StateValues
from schemas.ledger import Charge, CounterAfter
from schemas.proof import RATE, Proof, sealed
from schemas.usage import RETAIL, PeriodClose, Provenance
from sinks.charge_history import Under

_OURS = -1  # raw partition of the close that a replay makes: none


class Entry(NamedTuple):
    """A record of the month as rate reads it, and the versions that it is rated under."""

    value: bytes
    under: Under
    closes_ms: int | None = None  # the beginning of the month that a close is of; None: it is none
    asked_for: Mapping[tuple[str, str], str] | None = None  # what the close charged: see `Closed`


class Replayed(NamedTuple):
    """What a replay came to."""

    charges: tuple[Charge, ...]  # `Charge.source_offset` is the place of the entry
    counters: Mapping[tuple[str, int], CounterAfter]  # by name and period
    refused: tuple[tuple[int, str], ...]  # place of the entry, and why
    asked: frozenset[tuple[str, int]] = frozenset()  # counters that prices looked at


StepOf = Callable[[Under], RateStep]
"""The step of rate under a version of the catalogue and one of the reference data."""


def replay(
    entries: Sequence[Entry],
    step_of: StepOf,
    *,
    account_id: str,
    counters_before: Iterable[CounterAfter] = (),
) -> Replayed:
    """Return what the entries are charged in their order, from a state with these counters of the
    account."""
    counters = {(each.counter, each.period_start_ms): each for each in counters_before}
    state = {
        bucket_key(account_id, *key): bucket_to_state(
            Bucket(each.records, each.quantity, each.amount)
        )
        for key, each in counters.items()
    }
    charges: list[Charge] = []
    refused: list[tuple[int, str]] = []
    asked: set[tuple[str, int]] = set()
    for (under, closes_ms, close), run in groupby(enumerate(entries), key=_together):
        records = [SourceRecord(0, place, 0, None, entry.value, ()) for place, entry in run]
        step = step_of(under)
        batch = step.prepare(records)
        # What is unbilled is no matter of prices: it was invoiced, or closed, at another time, and may be in
        # the currency that the account had before. And each month is closed for itself: the one before it
        # was, or was not, at another time.
        state.pop(head_key(account_id), None)
        if closes_ms is None:
            asked.update(_asked(batch))
        else:
            batch = batch._replace(items=[_of_month(item, closes_ms) for item in batch.items])
        values = state if closes_ms is None else _scanned(state)
        decided = step.decide(batch, values, previous=_NOTHING)
        for key, value in decided.changes:
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        for append in decided.appends:
            if append.channel is Channel.LEDGER:
                record = ledger.from_wire(append.value)
                if isinstance(record, Charge):
                    charges.append(record if close is None else _named(record, entries[close]))
                    for after in record.counters_after:
                        counters[after.counter, after.period_start_ms] = after
            elif append.channel is Channel.SUSPENSE:
                suspended = suspense.from_wire(append.value)
                refused.append((suspended.offset, f"{suspended.reason}: {suspended.detail}"))
    return Replayed(tuple(charges), counters, tuple(refused), frozenset(asked))


def _scanned(state: dict[bytes, bytes]) -> StateValues:
    """Return the state with its keys in order, for a close that looks at all samples of each line."""
    keys = sorted(state)

    def scan(prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        for place in range(bisect_left(keys, prefix), len(keys)):
            if not keys[place].startswith(prefix):
                return
            yield keys[place], state[keys[place]]

    return StateValues(state, scan)


def _together(placed: tuple[int, Entry]) -> tuple[Under, int | None, int | None]:
    """Return what entries have in common that are decided as one batch; a close is one of its own."""
    place, entry = placed
    return entry.under, entry.closes_ms, None if entry.closes_ms is None else place


def _asked(batch: RateBatch) -> Iterator[tuple[str, int]]:
    for item in batch.items:
        if isinstance(item.verdict, Priceable):
            for counter in item.verdict.counters:
                yield counter.name, counter.start_ms


def _named(closing: Charge, entry: Entry) -> Charge:
    """Return what a close asks for under the id that it has in the ledger, also where samples are fewer
    now: the id is of their number, and might be that of another close. What the ledger has not has none."""
    assert entry.asked_for is not None
    known = entry.asked_for.get((closing.subscription_id, closing.price_id), "")
    return msgspec.structs.replace(closing, charge_id=known)


def _of_month(item: Item, month_start_ms: int) -> Item:
    """Return a close that asks for one month alone."""
    verdict = item.verdict
    assert isinstance(verdict, Closing)
    found = tuple(each for each in verdict.closables if each.month_start_ms == month_start_ms)
    return msgspec.structs.replace(item, verdict=verdict._replace(closables=found))


def close_of(account_id: str, tenant: str, start_ms: int, end_ms: int) -> bytes:
    """Return the command that closes a period, as rate reads it."""
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
