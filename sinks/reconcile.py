"""Reading the tables back for the reconciliation: one snapshot, in chunks, in the topics' order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, TypeVar

import asyncpg

from sinks.connection import Connection, Pool
from sinks.errors import classified
from sinks.installation import Identity
from sinks.progress import Progress
from sinks.queries import RECORDS

_CHUNK_ROWS = 5_000
_JOIN_S = 3_600.0  # a join over all charges there are: an hour is a fault, a minute is not

Row = TypeVar("Row")


class RatedRow(NamedTuple):
    """A charge as `rated_usage` has it; ``amount`` with the places that it has there."""

    batch: int
    charge_id: bytes
    amount: str
    currency: str
    other_ratings: str | None  # JSON, as it came; None: it is rated under its own plan alone


class LimitRow(NamedTuple):
    """A limit reached; ``requests`` is the number of its invoice requests."""

    batch: int
    limit_reached_id: bytes
    requests: int


class ProofRow(NamedTuple):
    """A proof by its number."""

    batch: int
    chain: str


class KeptProof(NamedTuple):
    """A proof as it was loaded; ``document`` is all of it but for normalise's changes of state."""

    offset: int
    document: str


class KeptCharge(NamedTuple):
    """A charge as far as it was loaded and other records can be held to it."""

    offset: int
    rating_key: str
    sequence: int
    charge_id: str  # 32 hex digits, as in the ledger
    product: str
    product_type: str
    usage_kind: str
    used: str
    billed: str
    unit: str
    amount: str
    currency: str
    usage_period_ms: int
    bill_period_ms: int
    counters_after: str  # JSON
    other_ratings: str | None  # JSON


class KeptLimit(NamedTuple):
    """A limit reached, as it was loaded."""

    offset: int
    rating_key: str
    sequence: int
    limit_reached_id: str
    crossing_charge_id: str
    limits: str  # JSON
    invoice_up_to: int
    invoice_scope: str
    invoiced: str  # JSON


class KeptClose(NamedTuple):
    """The close of a period, as it was loaded."""

    offset: int
    rating_key: str
    sequence: int
    period_closed_id: str
    period_end_ms: int
    closed: str  # JSON


class SuspenseRow(NamedTuple):
    """A refused record, or a notice of a duplicate, by where its record lay."""

    offset: int
    suspense_id: bytes


class OutcomeRow(NamedTuple):
    """What became of a record in suspense."""

    suspense_id: str
    outcome: str


class SettledDifference(NamedTuple):
    """A record that was settled otherwise than was decided, or that never was in suspense."""

    suspense_id: str
    expected: str
    found: str


class GuardDifference(NamedTuple):
    """A charge without a guard, or a guard without its charge, or the two with other positions."""

    charge_id: str
    ledger_partition: int
    ledger_offset: int
    has_guard: bool
    has_row: bool


class InvoiceDifference(NamedTuple):
    """An invoice that is not the sum of its charges, or not what its limit said."""

    number: str
    what: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Invoices:
    """How many invoices there are, what they come to, and how many requests wait."""

    count: int
    totals: dict[str, Decimal]
    pending: int


_HELD = f"""
    SELECT c.invoice_id, c.line,
           {RECORDS} AS records,
           sum(r.billed) AS quantity, sum(r.amount) AS charges, count(*) FILTER (WHERE r.account_id <> i.account_id) AS of_others
    FROM invoice_charges c JOIN invoices i USING (invoice_id)
    JOIN rated_usage r USING (charge_id) GROUP BY c.invoice_id, c.line
"""
_INVOICE_CHECKS = (
    # The total is the sum of the lines.
    """
    SELECT i.number, 'total', coalesce(sum(l.amount), 0)::text, i.total::text
    FROM invoices i LEFT JOIN invoice_lines l USING (invoice_id)
    GROUP BY i.invoice_id HAVING coalesce(sum(l.amount), 0) <> i.total
    """,
    # A line is the exact sum of its charges ...
    f"""
    SELECT i.number, 'line ' || l.line,
           format('%s records, %s, charges %s', coalesce(h.records, 0), h.quantity, h.charges),
           format('%s records, %s, charges %s', l.records, l.quantity, l.charges)
    FROM invoice_lines l JOIN invoices i USING (invoice_id)
    LEFT JOIN ({_HELD}) h ON h.invoice_id = l.invoice_id AND h.line = l.line
    WHERE h.records IS DISTINCT FROM l.records OR h.charges IS DISTINCT FROM l.charges
       OR h.quantity IS DISTINCT FROM l.quantity OR h.of_others > 0
    """,
    # ... each of which is there, as is the line (no foreign key says so: see its migration) ...
    """
    SELECT coalesce(i.number, c.invoice_id::text), 'charge ' || c.charge_id,
           'a line and a row of rated_usage',
           concat_ws(', ', CASE WHEN l.line IS NULL THEN 'no line' END,
                     CASE WHEN r.charge_id IS NULL THEN 'no row' END)
    FROM invoice_charges c LEFT JOIN invoices i USING (invoice_id)
    LEFT JOIN invoice_lines l USING (invoice_id, line) LEFT JOIN rated_usage r USING (charge_id)
    WHERE l.line IS NULL OR r.charge_id IS NULL
    """,
    # ... rounded once.
    """
    SELECT i.number, 'rounding of line ' || l.line,
           round(l.charges, scale(l.amount))::text, l.amount::text
    FROM invoice_lines l JOIN invoices i USING (invoice_id)
    WHERE round(l.charges, scale(l.amount)) <> l.amount
    """,
    # The ledger said what the invoice must come to.
    """
    SELECT i.number, 'what its limit said',
           format('%s records, charges %s', said.records, said.charges),
           format('%s records, charges %s', held.records, held.charges)
    FROM invoices i JOIN limit_reached r ON r.limit_reached_id = i.request_id
    CROSS JOIN LATERAL (
        SELECT sum((e ->> 4)::bigint) AS records, sum((e ->> 5)::numeric) AS charges
        FROM json_array_elements(r.invoiced) e WHERE e ->> 3 = i.currency) said
    CROSS JOIN LATERAL (
        SELECT sum(l.records) AS records, sum(l.charges) AS charges
        FROM invoice_lines l WHERE l.invoice_id = i.invoice_id) held
    WHERE said.records IS DISTINCT FROM held.records OR said.charges IS DISTINCT FROM held.charges
    """,
    """
    SELECT q.request_id::text, 'request', 'an invoice', 'none'
    FROM invoice_requests q LEFT JOIN invoices i USING (request_id)
    WHERE q.state = 'built' AND i.invoice_id IS NULL
    """,
)


class TablesSnapshot:
    """The tables as they are at one moment; everything read belongs together."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def identity(self) -> Identity | None:
        """Return which installation the tables belong to; None where none is registered."""
        rows = await self._fetch("SELECT installation, cluster_id, genesis_id FROM installation")
        return Identity(*rows[0]) if rows else None

    async def progress(self) -> list[Progress]:
        """Return how far every partition is loaded."""
        columns = ", ".join(Progress._fields)
        rows = await self._fetch(f"SELECT {columns} FROM progress")
        return [Progress(*row) for row in rows]

    def rated(self, partition: int) -> AsyncIterator[list[RatedRow]]:
        """Yield the charges of a ledger partition in the ledger's order."""
        return self._chunks(
            RatedRow,
            "SELECT batch, uuid_send(charge_id), amount::text, currency, "
            "other_ratings::text FROM rated_usage "
            "WHERE ledger_partition = $1 ORDER BY ledger_offset",
            partition,
        )

    def limits(self, partition: int) -> AsyncIterator[list[LimitRow]]:
        """Yield the limits reached of a ledger partition in the ledger's order."""
        return self._chunks(
            LimitRow,
            "SELECT batch, uuid_send(limit_reached_id), (SELECT count(*) FROM invoice_requests "
            "WHERE request_id = limit_reached_id) FROM limit_reached "
            "WHERE ledger_partition = $1 ORDER BY ledger_offset",
            partition,
        )

    def proofs(
        self, *, stage: str, source_topic: str, source_partition: int
    ) -> AsyncIterator[list[ProofRow]]:
        """Yield the proofs of one source partition by number."""
        return self._chunks(
            ProofRow,
            "SELECT batch, chain FROM proofs WHERE stage = $1 AND source_topic = $2 "
            "AND source_partition = $3 ORDER BY batch",
            stage,
            source_topic,
            source_partition,
        )

    def kept_proofs(
        self, *, stage: str, source_topic: str, source_partition: int, below: int
    ) -> AsyncIterator[list[KeptProof]]:
        """Yield the proofs of one source partition that lay below an offset, in order."""
        return self._chunks(
            KeptProof,
            "SELECT proof_offset, document::text FROM proofs WHERE stage = $1 "
            "AND source_topic = $2 AND source_partition = $3 AND proof_offset < $4 "
            "ORDER BY proof_offset",
            stage,
            source_topic,
            source_partition,
            below,
        )

    def kept_charges(self, partition: int, *, below: int) -> AsyncIterator[list[KeptCharge]]:
        """Yield the charges of a ledger partition that lay below an offset, in order."""
        return self._chunks(
            KeptCharge,
            f"SELECT ledger_offset, rating_key, sequence, {_hex('charge_id')}, product, "
            "product_type, usage_kind, used::text, billed::text, unit, amount::text, currency, "
            f"{_ms('usage_period')}, {_ms('bill_period')}, counters_after::text, "
            "other_ratings::text FROM rated_usage "
            "WHERE ledger_partition = $1 AND ledger_offset < $2 ORDER BY ledger_offset",
            partition,
            below,
        )

    def kept_limits(self, partition: int, *, below: int) -> AsyncIterator[list[KeptLimit]]:
        """Yield the limits reached of a ledger partition that lay below an offset, in order."""
        return self._chunks(
            KeptLimit,
            f"SELECT ledger_offset, rating_key, sequence, {_hex('limit_reached_id')}, "
            f"{_hex('crossing_charge_id')}, limits::text, invoice_up_to, invoice_scope, "
            "invoiced::text FROM limit_reached "
            "WHERE ledger_partition = $1 AND ledger_offset < $2 ORDER BY ledger_offset",
            partition,
            below,
        )

    def kept_closes(self, partition: int, *, below: int) -> AsyncIterator[list[KeptClose]]:
        """Yield the closes of a ledger partition that lay below an offset, in order."""
        return self._chunks(
            KeptClose,
            f"SELECT ledger_offset, rating_key, sequence, {_hex('period_closed_id')}, "
            f"{_ms('period_end')}, closed::text FROM period_closes "
            "WHERE ledger_partition = $1 AND ledger_offset < $2 ORDER BY ledger_offset",
            partition,
            below,
        )

    def suspense(
        self, *, stage: str, source_topic: str, source_partition: int
    ) -> AsyncIterator[list[SuspenseRow]]:
        """Yield what one source partition gave to suspense, duplicates included."""
        where = "WHERE stage = $1 AND source_topic = $2 AND source_partition = $3"
        return self._chunks(
            SuspenseRow,
            "SELECT source_offset, uuid_send(suspense_id) FROM "
            f"(SELECT source_offset, source_index, suspense_id FROM suspense {where} UNION ALL "
            f"SELECT source_offset, source_index, suspense_id FROM duplicates {where}) AS gathered "
            "ORDER BY source_offset, source_index",
            stage,
            source_topic,
            source_partition,
        )

    def suspense_outcomes(self) -> AsyncIterator[list[OutcomeRow]]:
        """Yield what became of records in suspense."""
        return self._chunks(
            OutcomeRow, f"SELECT {_hex('suspense_id')}, outcome FROM suspense_outcomes"
        )

    async def settled_differences(self, *, most: int) -> list[SettledDifference]:
        """Return the first records that were not settled as decided, or were never refused."""
        rows = await self._fetch(
            f"SELECT {_hex('o.suspense_id')}, coalesce(d.decision, 'refused before'), o.outcome "
            "FROM suspense_outcomes o LEFT JOIN suspense_decisions d USING (suspense_id) "
            "LEFT JOIN suspense s USING (suspense_id) "
            "WHERE d.decision <> o.outcome OR s.suspense_id IS NULL ORDER BY 1 LIMIT $1",
            most,
        )
        return [SettledDifference(*row) for row in rows]

    async def guard_differences(self, *, most: int) -> list[GuardDifference]:
        """Return the first charges whose row and guard do not belong together."""
        rows = await self._fetch(
            "SELECT charge_id::text, coalesce(r.ledger_partition, c.ledger_partition), "
            "coalesce(r.ledger_offset, c.ledger_offset), c.ledger_offset IS NOT NULL, "
            "r.ledger_offset IS NOT NULL FROM rated_usage r FULL JOIN charges c USING (charge_id) "
            "WHERE r.ledger_offset IS DISTINCT FROM c.ledger_offset "
            "OR r.ledger_partition IS DISTINCT FROM c.ledger_partition "
            "OR r.bill_period IS DISTINCT FROM c.bill_period ORDER BY 2, 3 LIMIT $1",
            most,
        )
        return [GuardDifference(*row) for row in rows]

    async def invoices(self) -> Invoices:
        """Return how many invoices there are and what they come to."""
        rows = await self._fetch(
            "SELECT currency, count(*), sum(total) FROM invoices GROUP BY currency ORDER BY currency"
        )
        waiting = await self._fetch("SELECT count(*) FROM invoice_requests WHERE state = 'pending'")
        return Invoices(
            count=sum(row[1] for row in rows),
            totals={row[0]: row[2] for row in rows},
            pending=waiting[0][0],
        )

    async def invoice_differences(self, *, most: int) -> list[InvoiceDifference]:
        """Return the first invoices that are not the sum of what they hold, by number."""
        found: list[InvoiceDifference] = []
        for statement in _INVOICE_CHECKS:
            rows = await self._fetch(f"{statement} ORDER BY 1 LIMIT {most:d}")
            found += [InvoiceDifference(*row) for row in rows]
        return found

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        with classified():
            return await self._connection.fetch(statement, *arguments, timeout=_JOIN_S)

    async def _chunks(
        self, make: Callable[..., Row], statement: str, *arguments: object
    ) -> AsyncIterator[list[Row]]:
        with classified():
            cursor = await self._connection.cursor(statement, *arguments)
            while rows := await cursor.fetch(_CHUNK_ROWS):
                yield [make(*row) for row in rows]


def _hex(column: str) -> str:
    """Return what gives an id as the topics have it."""
    return f"encode(uuid_send({column}), 'hex')"


def _ms(column: str) -> str:
    """Return what gives an instant in milliseconds since 1970, exactly."""
    return f"(extract(epoch FROM {column}) * 1000)::bigint"


@asynccontextmanager
async def tables_snapshot(pool: Pool) -> AsyncIterator[TablesSnapshot]:
    """Yield the tables as they are now; loads that go on meanwhile are not seen."""
    async with AsyncExitStack() as stack:
        with classified():
            connection = await stack.enter_async_context(pool.acquire())
            await stack.enter_async_context(
                connection.transaction(isolation="repeatable_read", readonly=True)
            )
            # Between two chunks the topics are read, for as long as that takes.
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await connection.execute("SET LOCAL statement_timeout = 0")
        yield TablesSnapshot(connection)
