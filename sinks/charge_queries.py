"""The charges of an account, listed for people."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.margins import margins
from schemas.decimals import DecimalText, to_text
from schemas.ledger import OtherRating
from sinks.connection import Pool
from sinks.errors import classified
from sinks.months import month_of


class Asked(NamedTuple):
    """Which charges; None: of all."""

    account_id: str
    subscription_id: str | None = None
    product: str | None = None
    usage_kind: str | None = None
    month: str | None = None  # of the usage, in the account's zone: "2026-10"
    uninvoiced: bool = False  # only what is on no invoice


class RatedOtherwise(msgspec.Struct, frozen=True):
    """What the usage of a charge comes to under another plan, in the charge's currency."""

    name: str
    plan: str
    price_id: str
    amount: DecimalText
    margin: (
        DecimalText  # what is left of the amount before it: the charge's, or the rating's before
    )


class ListedCharge(NamedTuple):
    """A charge as a line. Quantities are in ``unit``."""

    started_at: dt.datetime  # of the usage, in UTC
    charge_id: str
    subscription_id: str
    product: str
    usage_kind: str
    destination: str | None
    used: DecimalText
    billed: DecimalText
    unit: str
    amount: DecimalText
    currency: str
    price_id: str
    invoice_number: str | None  # None: not on an invoice yet
    other_ratings: tuple[RatedOtherwise, ...]  # none: rated under its own plan alone
    corrects: str | None  # the charge that it corrects, or takes back; None: none, or a price's sum
    month: str  # of the usage, in the account's zone: "2026-10"
    bill_month: str  # with which it is billed: another one where that of the usage was closed


async def list_charges(pool: Pool, asked: Asked, *, most: int) -> list[ListedCharge]:
    """Return the newest charges by the time of their usage, the newest first."""
    with classified():
        rows = await pool.fetch(
            "SELECT u.started_at, u.charge_id, u.subscription_id, u.product, u.usage_kind, "
            "u.destination, u.used::text, u.billed::text, u.unit, u.amount::text, u.currency, "
            "u.price_id, i.number, u.other_ratings, u.corrects, "
            f"{month_of('u.usage_period')}, {month_of('u.bill_period')} FROM rated_usage u "
            "LEFT JOIN invoice_charges x ON x.charge_id = u.charge_id "
            "LEFT JOIN invoices i ON i.invoice_id = x.invoice_id "
            "WHERE u.rating_key = $1 AND ($2::text IS NULL OR u.subscription_id = $2) "
            "AND ($3::text IS NULL OR u.product = $3) "
            "AND ($4::text IS NULL OR u.usage_kind = $4) "
            f"AND ($5::text IS NULL OR {month_of('u.usage_period')} = $5) "
            "AND (NOT $6 OR x.charge_id IS NULL) "
            "ORDER BY u.started_at DESC, u.sequence DESC LIMIT $7",
            *(asked.account_id, asked.subscription_id, asked.product, asked.usage_kind),
            *(asked.month, asked.uninvoiced, most),
        )
    return [
        ListedCharge._make(
            (
                *(row[0], row[1].hex, *tuple(row)[2:-4]),
                _with_margins(row["amount"], row["other_ratings"]),
                None if row["corrects"] is None else row["corrects"].hex,
                *tuple(row)[-2:],
            )
        )
        for row in rows
    ]


async def kinds_charged(pool: Pool, account_id: str) -> set[str]:
    """Return the kinds of the charges of an account."""
    with classified():
        rows = await pool.fetch(
            "SELECT DISTINCT usage_kind FROM rated_usage WHERE rating_key = $1", account_id
        )
    return {row[0] for row in rows}


_ratings = msgspec.json.Decoder(tuple[OtherRating, ...])


def _with_margins(amount: DecimalText, json: str | None) -> tuple[RatedOtherwise, ...]:
    if json is None:
        return ()
    ratings = _ratings.decode(json)
    return tuple(
        RatedOtherwise(each.name, each.plan, each.price_id, each.amount, to_text(margin.left))
        for each, margin in zip(ratings, margins(Decimal(amount), ratings), strict=True)
    )
