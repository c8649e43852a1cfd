"""What people ask of the tables: outcomes, accounts, suspense, one charge."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from schemas.decimals import DecimalText
from schemas.ledger import (
    REVERSAL,
    WITHOUT_USAGE,
    Charge,
    CounterAfter,
    ExplanationStep,
    OtherRating,
)
from schemas.period import to_ms
from sinks.connection import Pool
from sinks.errors import classified
from sinks.headers import headers_from_json


class OutcomeCount(NamedTuple):
    """How many items or events of a stage had an outcome."""

    stage: str
    outcome: str
    items: int


async def outcome_counts(pool: Pool) -> list[OutcomeCount]:
    """Return the outcomes of each stage, summed over the proofs that are loaded."""
    with classified():
        rows = await pool.fetch(
            "SELECT stage, key, sum(value::bigint)::bigint FROM proofs, json_each_text(outcomes) "
            "GROUP BY stage, key ORDER BY stage, key"
        )
    return [OutcomeCount(*row) for row in rows]


NO_RECORDS = ", ".join(f"'{kind}'" for kind in WITHOUT_USAGE)
"""The kinds of charges that are for no record, as a list of SQL."""

RECORDS = (
    f"sum(CASE WHEN usage_kind IN ({NO_RECORDS}) THEN 0 "
    f"WHEN usage_kind = '{REVERSAL}' THEN -1 ELSE 1 END)::bigint"
)
"""`schemas.ledger.records_of`, summed over rows of `rated_usage`."""


class ChargeTotal(NamedTuple):
    """All charges in one currency."""

    currency: str
    records: int
    amount: DecimalText


async def charge_totals(pool: Pool) -> list[ChargeTotal]:
    """Return the sum of all charges, by currency."""
    with classified():
        rows = await pool.fetch(
            f"SELECT currency, {RECORDS}, sum(amount)::text FROM rated_usage "
            "GROUP BY currency ORDER BY currency"
        )
    return [ChargeTotal(*row) for row in rows]


class AccountTotal(NamedTuple):
    """The charges of one account in one currency."""

    account_id: str
    name: str  # empty where the account is not on record
    currency: str
    records: int
    amount: DecimalText


async def top_accounts(pool: Pool, *, most: int = 10) -> list[AccountTotal]:
    """Return the accounts that were charged most. Reads all of `rated_usage`."""
    with classified():
        rows = await pool.fetch(
            "SELECT account_id, coalesce((SELECT name FROM accounts a WHERE a.account_id = "
            "t.account_id ORDER BY version DESC LIMIT 1), ''), currency, records, amount::text "
            f"FROM (SELECT account_id, currency, {RECORDS} AS records, sum(amount) AS amount "
            "FROM rated_usage GROUP BY account_id, currency "
            "ORDER BY amount DESC, account_id LIMIT $1) AS t "
            "ORDER BY t.amount DESC, account_id",
            most,
        )
    return [AccountTotal(*row) for row in rows]


class SuspenseCount(NamedTuple):
    """The open records of one reason and source."""

    reason: str
    source: str
    records: int


_WAITS_AND_IS_SUCH = """
    NOT EXISTS (SELECT FROM suspense_outcomes o WHERE o.suspense_id = s.suspense_id)
    AND ($1::text IS NULL OR reason = $1) AND ($2::text IS NULL OR source = $2)
    AND ($3::timestamptz IS NULL OR appended_at >= $3)
    AND ($4::timestamptz IS NULL OR appended_at < $4)
"""


async def suspense_counts(
    pool: Pool,
    *,
    reason: str | None = None,
    source: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> list[SuspenseCount]:
    """Return the open suspense, the most frequent first; closed records are not counted.

    All that is said must hold; ``since`` (inclusive) and ``until`` (exclusive) are of the broker.
    """
    with classified():
        rows = await pool.fetch(
            f"SELECT reason, source, count(*) FROM suspense s WHERE {_WAITS_AND_IS_SUCH} "
            "GROUP BY reason, source ORDER BY count(*) DESC, reason, source",
            *(reason, source, since, until),
        )
    return [SuspenseCount(*row) for row in rows]


class SuspendedRow(NamedTuple):
    """One open record; its bytes are shown to those who may read them."""

    suspense_id: str
    stage: str
    reason: str
    detail: str
    source: str
    format: str
    topic: str
    partition: int
    offset: int
    item: int  # in the record at that offset, from 0
    raw: bytes
    raw_headers: tuple[tuple[str, bytes], ...]  # of that record


async def suspended(
    pool: Pool,
    *,
    reason: str | None = None,
    source: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    most: int = 20,
) -> list[SuspendedRow]:
    """Return open suspense in order of its position; all that is said must hold."""
    with classified():
        rows = await pool.fetch(
            "SELECT suspense_id, stage, reason, detail, source, format, source_topic, "
            "source_partition, source_offset, source_index, raw, raw_headers::text FROM suspense s "
            f"WHERE {_WAITS_AND_IS_SUCH} "
            "ORDER BY source_topic, source_partition, source_offset, source_index LIMIT $5",
            *(reason, source, since, until, most),
        )
    return [
        SuspendedRow(*(row[0].hex, *tuple(row)[1:-1], headers_from_json(row[-1]))) for row in rows
    ]


class FoundCharge(NamedTuple):
    """A charge with where it lies and what holds it."""

    charge: Charge  # without the unbilled totals of its rating key, which are the ledger's
    ledger_partition: int
    ledger_offset: int
    batch: int
    account_name: str  # empty where the account is not on record
    invoice_number: str | None  # None: not on an invoice yet


_explanation = msgspec.json.Decoder(tuple[ExplanationStep, ...])
_counters = msgspec.json.Decoder(tuple[CounterAfter, ...])
_attributes = msgspec.json.Decoder(dict[str, str])
_other_ratings = msgspec.json.Decoder(tuple[OtherRating, ...])
_AS_THEY_ARE = (
    *("tenant", "rating_key", "sequence", "run", "account_id", "subscription_id", "product"),
    *("product_type", "usage_kind", "source", "record_id", "origin", "destination", "unit"),
    *("currency", "catalogue_version", "price_id", "source_partition", "source_offset"),
    *("tax_code", "job_id"),
)
_AS_TEXT = ("used", "billed", "free", "amount")


async def find_charge(pool: Pool, charge_id: str) -> FoundCharge | None:
    """Return the charge with an id (32 hex digits), or None where it is not loaded."""
    with classified():
        row = await pool.fetchrow(
            "SELECT u.*, u.used::text AS used_text, u.billed::text AS billed_text, "
            "u.free::text AS free_text, u.amount::text AS amount_text, "
            "coalesce((SELECT name FROM accounts a WHERE a.account_id = u.account_id "
            "ORDER BY version DESC LIMIT 1), '') AS account_name, (SELECT i.number FROM "
            "invoice_charges x JOIN invoices i USING (invoice_id) "
            "WHERE x.charge_id = u.charge_id) AS invoice_number "
            "FROM charges c JOIN rated_usage u ON u.bill_period = c.bill_period "
            "AND u.ledger_partition = c.ledger_partition AND u.ledger_offset = c.ledger_offset "
            "WHERE c.charge_id = $1",
            charge_id,
        )
    if row is None:
        return None
    charge = Charge(
        **{name: row[name] for name in _AS_THEY_ARE},
        **{name: row[f"{name}_text"] for name in _AS_TEXT},
        charge_id=row["charge_id"].hex,
        identity=row["identity"].hex,
        started_at_ms=to_ms(row["started_at"]),
        usage_period_ms=to_ms(row["usage_period"]),
        bill_period_ms=to_ms(row["bill_period"]),
        explanation=_explanation.decode(row["explanation"]),
        counters_after=_counters.decode(row["counters_after"]),
        raw=(row["raw_partition"], row["raw_offset"], row["raw_index"]),
        recycles=None if row["recycles"] is None else row["recycles"].hex,
        corrects=None if row["corrects"] is None else row["corrects"].hex,
        attributes=_attributes.decode(row["attributes"]),
        other_ratings=UNSET
        if row["other_ratings"] is None
        else _other_ratings.decode(row["other_ratings"]),
    )
    return FoundCharge(
        charge,
        row["ledger_partition"],
        row["ledger_offset"],
        row["batch"],
        row["account_name"],
        row["invoice_number"],
    )


async def some_charge(pool: Pool) -> str | None:
    """Return the id of a charge worth explaining: the one that crossed a limit first, else any."""
    with classified():
        found = await pool.fetchval(
            "SELECT charge_id FROM (SELECT crossing_charge_id AS charge_id, 0 AS rank, occurred_at "
            "FROM limit_reached UNION ALL (SELECT charge_id, 1, started_at FROM rated_usage "
            "LIMIT 1)) AS candidates ORDER BY rank, occurred_at LIMIT 1"
        )
    return None if found is None else found.hex
