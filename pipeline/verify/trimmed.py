"""What was trimmed from the topics, as Postgres keeps it: proofs, charges, limits, closes.

It goes through the same checks as what the topics hold: the proofs are followed from the genesis
on, and the rows are held to their sums and set hashes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
from aiokafka import TopicPartition

from pipeline.verify.context import Context
from pipeline.verify.ledger_records import ChargeSaid, CloseSaid, LimitSaid, Said, ratings_of
from pipeline.verify.report import Check, Finding
from schemas.ledger import CounterAfter, LimitHit, Unbilled
from schemas.proof import RATE, Proof, proof_from_json
from sinks.reconcile import KeptCharge, KeptClose, KeptLimit, KeptProof, TablesSnapshot

_counters = msgspec.json.Decoder(tuple[CounterAfter, ...]).decode
_hits = msgspec.json.Decoder(tuple[LimitHit, ...]).decode
_unbilled = msgspec.json.Decoder(tuple[Unbilled, ...]).decode


class Kept(NamedTuple):
    """A proof that lay at an offset; not ``whole``: its own chain cannot be computed again."""

    offset: int
    proof: Proof
    whole: bool


def require_loaded(context: Context, place: TopicPartition, begin: int) -> None:
    """Note where records were deleted before they were loaded."""
    row = context.loaded.get(place)
    if row is None or row.next_position < begin:
        context.findings.add(
            Finding(
                check=Check.POSTGRES_PROGRESS,
                topic=place.topic,
                partition=place.partition,
                offsets=(0 if row is None else row.next_position, begin),
                expected=f"load at offset {begin} or past it, where the topic begins",
                found="no row of progress" if row is None else f"load at {row.next_position}",
            )
        )


async def kept_proofs(
    tables: TablesSnapshot, *, stage: str, source: TopicPartition, below: int
) -> AsyncIterator[Kept]:
    """Yield the proofs that lay below an offset but the genesis, which is never loaded."""
    rows = tables.kept_proofs(
        stage=stage, source_topic=source.topic, source_partition=source.partition, below=below
    )
    async for chunk in rows:
        for row in chunk:
            yield Kept(row.offset, _proof(row), whole=stage == RATE)


async def kept_ledger(
    tables: TablesSnapshot, *, source: TopicPartition, below: int
) -> AsyncIterator[tuple[int, Said | Proof]]:
    """Yield what lay below an offset of a ledger partition, in its order, proofs among it."""
    number = source.partition
    proofs = tables.kept_proofs(
        stage=RATE, source_topic=source.topic, source_partition=number, below=below
    )
    streams = (
        _Stream(tables.kept_charges(number, below=below), _charge),
        _Stream(tables.kept_limits(number, below=below), _limit),
        _Stream(tables.kept_closes(number, below=below), _close),
        _Stream(proofs, _proof),
    )
    while True:
        waiting = [(offset, stream) for stream in streams if (offset := await stream.next())]
        if not waiting:
            return
        offset, stream = min(waiting, key=lambda each: each[0])
        yield offset, stream.take()


class _Lying(Protocol):
    @property
    def offset(self) -> int: ...


RowT = TypeVar("RowT", bound=_Lying)


class _Stream(Generic[RowT]):
    """Rows of one table in the order of the ledger."""

    def __init__(
        self, chunks: AsyncIterator[Sequence[RowT]], make: Callable[[RowT], Said | Proof]
    ) -> None:
        self._chunks = chunks
        self._make = make
        self._waiting: deque[RowT] = deque()

    async def next(self) -> int:
        """Return the offset of the next row; 0 at the end: the genesis lies there, no row."""
        if not self._waiting:
            async for chunk in self._chunks:
                self._waiting.extend(chunk)
                break
        return self._waiting[0].offset if self._waiting else 0

    def take(self) -> Said | Proof:
        return self._make(self._waiting.popleft())


def _proof(row: KeptProof) -> Proof:
    return proof_from_json(row.document.encode())


def _charge(row: KeptCharge) -> ChargeSaid:
    return ChargeSaid(
        rating_key=row.rating_key,
        sequence=row.sequence,
        first_open_period_ms=0,
        unbilled=(),
        charge_id=row.charge_id,
        product=row.product,
        product_type=row.product_type,
        usage_kind=row.usage_kind,
        used=row.used,
        billed=row.billed,
        unit=row.unit,
        amount=row.amount,
        currency=row.currency,
        usage_period_ms=row.usage_period_ms,
        bill_period_ms=row.bill_period_ms,
        counters_after=_counters(row.counters_after),
        other_ratings=ratings_of(row.other_ratings),
    )


def _limit(row: KeptLimit) -> LimitSaid:
    return LimitSaid(
        rating_key=row.rating_key,
        sequence=row.sequence,
        first_open_period_ms=0,
        unbilled=(),
        limit_reached_id=row.limit_reached_id,
        crossing_charge_id=row.crossing_charge_id,
        limits=_hits(row.limits),
        invoice_up_to=row.invoice_up_to,
        invoice_scope=row.invoice_scope,
        invoiced=_unbilled(row.invoiced),
    )


def _close(row: KeptClose) -> CloseSaid:
    return CloseSaid(
        rating_key=row.rating_key,
        sequence=row.sequence,
        first_open_period_ms=0,
        unbilled=(),
        period_closed_id=row.period_closed_id,
        period_end_ms=row.period_end_ms,
        closed=_unbilled(row.closed),
    )
