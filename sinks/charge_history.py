"""What an account was charged for the usage of a month, with the versions that it was rated under."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from schemas.decimals import DecimalText
from schemas.ledger import ExplanationStep, OtherRating, records_of
from schemas.period import from_ms, to_ms
from schemas.proof import RATE
from sinks.connection import Pool
from sinks.errors import SinkMisconfigured, classified
from sinks.months import month_of

_decode_steps = msgspec.json.Decoder(tuple[ExplanationStep, ...]).decode
_decode_ratings = msgspec.json.Decoder(tuple[OtherRating, ...]).decode


class Under(NamedTuple):
    """The versions of catalogue and reference data that something was rated under."""

    catalogue: int
    reference: int


class HistoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A charge of the month, of whatever kind. Ids are 32 hex digits."""

    sequence: int
    charge_id: str
    identity: str  # of the event, or of the command
    tenant: str
    subscription_id: str
    product: str
    product_type: str
    usage_kind: str
    source: str
    record_id: str
    started_at_ms: int
    origin: str | None
    destination: str | None
    used: DecimalText
    billed: DecimalText
    free: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    price_id: str
    tax_code: str | None
    catalogue_version: int
    explanation: tuple[ExplanationStep, ...]
    corrects: str | None
    job_id: str | None
    source_partition: int
    source_offset: int
    under: Under
    other_ratings: tuple[OtherRating, ...] | UnsetType = UNSET

    @property
    def is_usage(self) -> bool:
        """Return whether it is the charge of an event."""
        return records_of(self.usage_kind) == 1


class MonthEnd(NamedTuple):
    """The close that ended a month."""

    sequence: int
    under: Under
    has_asked: bool = True  # what prices lacked; not of months before the first one ever closed


class ChargeOfMonth(NamedTuple):
    """Where a charge belongs."""

    charge_id: str
    account_id: str
    usage_kind: str
    month_start_ms: int

    @property
    def is_usage(self) -> bool:
        """Return whether it is the charge of an event."""
        return records_of(self.usage_kind) == 1


# The proof of the batch says which versions it was decided under.
_UNDER = (
    "(SELECT array[(p.document -> 'versions' ->> 'catalogue')::bigint, "
    "(p.document -> 'versions' ->> 'reference')::bigint] FROM proofs p WHERE p.stage = $3 "
    "AND p.source_partition = u.ledger_partition AND p.batch = u.batch LIMIT 1)"
)


async def read_month(pool: Pool, account_id: str, *, month_start_ms: int) -> list[HistoryRow]:
    """Return the charges of an account for the usage of a month, in the order of its ledger."""
    with classified():
        rows = await pool.fetch(
            "SELECT u.sequence, u.charge_id, u.identity, u.tenant, u.subscription_id, u.product, "
            "u.product_type, u.usage_kind, u.source, u.record_id, u.started_at, u.origin, "
            "u.destination, u.used::text, u.billed::text, u.free::text, u.unit, u.amount::text, "
            "u.currency, u.price_id, u.tax_code, u.catalogue_version, u.explanation, u.corrects, "
            "u.job_id, u.other_ratings, "
            f"u.source_partition, u.source_offset, {_UNDER} AS under FROM rated_usage u "
            "WHERE u.rating_key = $1 AND u.usage_period = $2 ORDER BY u.sequence",
            account_id,
            from_ms(month_start_ms),
            RATE,
        )
    return [_row(dict(row)) for row in rows]


def _row(found: dict[str, Any]) -> HistoryRow:
    found["started_at_ms"] = to_ms(found.pop("started_at"))
    found["charge_id"] = found["charge_id"].hex
    found["identity"] = found["identity"].hex
    found["explanation"] = _decode_steps(found["explanation"])
    others = found.pop("other_ratings")
    found["other_ratings"] = UNSET if others is None else _decode_ratings(others)
    found["corrects"] = found["corrects"] and found["corrects"].hex
    found["under"] = _under(found["under"])
    return HistoryRow(**found)


def _under(versions: list[int] | None) -> Under:
    if versions is None:
        raise SinkMisconfigured(
            "A batch of charges has no proof in the database. Operator action: run `ratemill verify`."
        )
    return Under(*versions)


async def read_month_end(pool: Pool, account_id: str, *, month_end_ms: int) -> MonthEnd | None:
    """Return the close that ended a month of an account; None where it is open."""
    with classified():
        row = await pool.fetchrow(
            f"SELECT u.sequence, {_UNDER} AS under, coalesce((SELECT max(b.period_end) FROM "
            "period_closes b WHERE b.rating_key = u.rating_key AND b.sequence < u.sequence), "
            "u.period_start) < $2 AS asked FROM period_closes u WHERE u.rating_key = $1 "
            "AND u.period_end >= $2 ORDER BY u.sequence LIMIT 1",
            account_id,
            from_ms(month_end_ms),
            RATE,
        )
    return None if row is None else MonthEnd(row["sequence"], _under(row["under"]), row["asked"])


async def find_charges(pool: Pool, charge_ids: list[str]) -> list[ChargeOfMonth]:
    """Return where charges belong; those that are not there are left out."""
    with classified():
        rows = await pool.fetch(
            "SELECT charge_id, rating_key, usage_kind, usage_period FROM rated_usage "
            "WHERE charge_id = ANY($1::text[]::uuid[])",
            charge_ids,
        )
    return [
        ChargeOfMonth(row[0].hex, row["rating_key"], row["usage_kind"], to_ms(row["usage_period"]))
        for row in rows
    ]


async def accounts_charged(pool: Pool, *, month: str) -> dict[str, list[int]]:
    """Return the accounts with charges for the usage of a month such as 2026-10, each with the
    instants at which the month begins: one, but for an account that was moved to another zone."""
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT rating_key, usage_period FROM rated_usage WHERE "
            f"{month_of('usage_period')} = $1 "
            "ORDER BY rating_key",
            month,
        )
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["rating_key"], []).append(to_ms(row["usage_period"]))
    return found
