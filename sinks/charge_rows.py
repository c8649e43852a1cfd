"""The row of a charge: from the ledger record to `charges` and `rated_usage`, by COPY.

COPY fills a temporary table in which amounts, instants and ids are still text and numbers; the
INSERTs that read it convert. That leaves the conversion to the server, which does it in a tenth of
the time, and keeps every place of an amount: no binary form of ours lies in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from sinks.connection import Connection
from sinks.ledger_batch import LedgerBatch, LedgerCharge


class _Column(NamedTuple):
    name: str
    incoming: str  # type in the temporary table
    value: str = "{}"  # expression over it that gives the type in `rated_usage`


_MS = "timestamptz 'epoch' + {} * interval '1 millisecond'"


def _text(*names: str) -> list[_Column]:
    return [_Column(name, "text") for name in names]


# What rows are sorted by comes first: Postgres finds a column that lies behind others of no fixed
# width by walking over them, for each comparison anew.
_RATED = (
    _Column("bill_period", "bigint", _MS),
    _Column("ledger_offset", "bigint"),
    *_text("tenant", "rating_key"),
    _Column("sequence", "bigint"),
    _Column("charge_id", "uuid"),
    *_text("run"),
    _Column("identity", "uuid"),
    *_text("account_id", "subscription_id", "product", "product_type", "usage_kind", "source"),
    *_text("record_id"),
    _Column("started_at", "bigint", _MS),
    *_text("origin", "destination"),
    _Column("used", "text", "{}::numeric"),
    _Column("billed", "text", "{}::numeric"),
    _Column("free", "text", "{}::numeric"),
    *_text("unit"),
    _Column("amount", "text", "{}::numeric"),
    *_text("currency"),
    _Column("usage_period", "bigint", _MS),
    _Column("catalogue_version", "bigint"),
    *_text("price_id"),
    _Column("explanation", "text", "{}::json"),
    _Column("counters_after", "text", "{}::json"),
    _Column("source_partition", "integer"),
    _Column("source_offset", "bigint"),
    _Column("raw_partition", "integer"),
    _Column("raw_offset", "bigint"),
    _Column("raw_index", "integer"),
    *_text("tax_code"),
    _Column("recycles", "uuid"),
    _Column("corrects", "uuid"),
    *_text("job_id"),
    _Column("attributes", "text", "{}::json"),
    _Column("other_ratings", "text", "{}::json"),
    _Column("ledger_partition", "integer"),
    _Column("batch", "bigint"),
)
_GUARD = _Column("content_hash", "bytea")

_STAGING = "incoming_charges"
_COLUMNS = [column.name for column in (*_RATED, _GUARD)]
_NAMES = ", ".join(column.name for column in _RATED)
_VALUES = ", ".join(column.value.format("i." + column.name) for column in _RATED)

_CREATE = (
    f"CREATE TEMPORARY TABLE IF NOT EXISTS {_STAGING} ("
    + ", ".join(f"{column.name} {column.incoming}" for column in (*_RATED, _GUARD))
    + ") ON COMMIT DELETE ROWS"
)
# In order of the key: two loads that meet wait for each other instead of locking both ways; and of
# two rows with one id the first in the ledger stays.
_GUARD_THEM = (
    "INSERT INTO charges (charge_id, bill_period, content_hash, ledger_partition, ledger_offset) "
    f"SELECT charge_id, {_MS.format('bill_period')}, content_hash, ledger_partition, ledger_offset "
    f"FROM {_STAGING} ORDER BY charge_id, ledger_offset ON CONFLICT DO NOTHING"
)
_ADD_ALL = f"INSERT INTO rated_usage ({_NAMES}) SELECT {_VALUES} FROM {_STAGING} i ORDER BY 1, 2"
_ADD_ACCEPTED = (
    f"INSERT INTO rated_usage ({_NAMES}) SELECT {_VALUES} FROM {_STAGING} i "
    "JOIN charges c USING (charge_id, ledger_partition, ledger_offset) ORDER BY 1, 2"
)
_REPEATS = (
    "SELECT i.charge_id, i.ledger_partition, i.ledger_offset, c.ledger_partition, c.ledger_offset, "
    "i.content_hash = c.content_hash "
    f"FROM {_STAGING} i JOIN charges c USING (charge_id) "
    "WHERE (i.ledger_partition, i.ledger_offset) <> (c.ledger_partition, c.ledger_offset) "
    "ORDER BY i.ledger_offset"
)


class Repeat(NamedTuple):
    """A charge id that `charges` had already, from another place of the ledger."""

    charge_id: str
    ledger_partition: int
    ledger_offset: int
    first_partition: int
    first_offset: int
    same_content: bool


async def stage_charges(
    connection: Connection, partition: int, batches: Sequence[LedgerBatch]
) -> int:
    """Copy the charges to the temporary table of this connection, and return how many there are.

    Before anything is locked: Postgres ends no COPY whose client stands still in the middle of
    it, by no time-out that it has, and whoever waited for a row of that client would for ever.
    """
    rows = [
        _row(charge, partition, offset, batch.proof.batch)
        for batch in batches
        for offset, charge in batch.charges
    ]
    if rows:
        # Each time, not once per connection: this costs 0.1 ms and holds behind any kind of pool.
        await connection.execute(_CREATE)
        await connection.copy_records_to_table(_STAGING, records=rows, columns=_COLUMNS)
    return len(rows)


async def insert_charges(connection: Connection, *, staged: int) -> list[Repeat]:
    """Add the staged charges that `charges` did not know, and return those that it did.

    `charges` decides; `rated_usage` gets what it accepted, and nothing else.
    """
    if not staged:
        return []
    accepted = _count(await connection.execute(_GUARD_THEM))
    if accepted == staged:
        # `fetch`, for its plan is kept: a small load takes as long to plan as to insert.
        await connection.fetch(_ADD_ALL)
        return []
    await connection.execute(_ADD_ACCEPTED)
    found = await connection.fetch(_REPEATS)
    assert accepted + len(found) == staged, "every charge was accepted or is a repeat"
    return [Repeat(row[0].hex, *row[1:]) for row in found]


def _count(status: str) -> int:
    """Return the rows of a command tag: ``INSERT 0 12``."""
    return int(status.rsplit(" ", 1)[1])


_content = msgspec.msgpack.Encoder()


def content_hash(charge: LedgerCharge) -> bytes:
    """Return 8 bytes over what an invoice would show of a charge.

    Its place in the ledger, its sequence and its counters are left out: a charge that came twice
    differs in these, and what matters is whether it is another charge.
    """
    shown = (
        charge.tenant,
        charge.account_id,
        charge.subscription_id,
        charge.product,
        charge.started_at_ms,
        charge.unit,
        charge.used,
        charge.billed,
        charge.free,
        charge.amount,
        charge.currency,
        charge.usage_period_ms,
        charge.bill_period_ms,
        charge.tax_code,
    )
    # MessagePack says where each field ends, so no two charges meet in the same bytes.
    return hashlib.blake2b(_content.encode(shown), digest_size=8).digest()


def _row(charge: LedgerCharge, partition: int, offset: int, batch: int) -> tuple[object, ...]:
    """Return the values of `_COLUMNS`."""
    raw_partition, raw_offset, raw_index = charge.raw
    return (
        charge.bill_period_ms,
        offset,
        charge.tenant,
        charge.rating_key,
        charge.sequence,
        charge.charge_id,
        charge.run,
        charge.identity,
        charge.account_id,
        charge.subscription_id,
        charge.product,
        charge.product_type,
        charge.usage_kind,
        charge.source,
        charge.record_id,
        charge.started_at_ms,
        charge.origin,
        charge.destination,
        charge.used,
        charge.billed,
        charge.free,
        charge.unit,
        charge.amount,
        charge.currency,
        charge.usage_period_ms,
        charge.catalogue_version,
        charge.price_id,
        str(charge.explanation, "utf-8"),  # Raw is a buffer
        str(charge.counters_after, "utf-8"),
        charge.source_partition,
        charge.source_offset,
        raw_partition,
        raw_offset,
        raw_index,
        charge.tax_code,
        charge.recycles,
        charge.corrects,
        charge.job_id,
        str(charge.attributes, "utf-8"),
        None if charge.other_ratings is UNSET else str(charge.other_ratings, "utf-8"),
        partition,
        batch,
        content_hash(charge),
    )
