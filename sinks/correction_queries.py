"""What corrected a charge, or took it back."""

from __future__ import annotations

from typing import NamedTuple

from schemas.decimals import DecimalText
from sinks.connection import Pool
from sinks.errors import classified
from sinks.months import month_of


class CorrectedBy(NamedTuple):
    """A charge that names another one as what it corrects."""

    charge_id: str
    usage_kind: str  # correction or reversal
    amount: DecimalText  # below zero where it gives back
    currency: str
    bill_month: str  # that bills it, in the account's zone: "2026-11"
    invoice_number: str | None  # None: not on an invoice yet


async def corrections_of(pool: Pool, charge_id: str) -> list[CorrectedBy]:
    """Return what corrects the charge with an id (32 hex digits), in the order of the ledger."""
    with classified():
        rows = await pool.fetch(
            "SELECT u.charge_id, u.usage_kind, u.amount::text, u.currency, "
            f"{month_of('u.bill_period')}, i.number "
            "FROM rated_usage u LEFT JOIN invoice_charges x ON x.charge_id = u.charge_id "
            "LEFT JOIN invoices i ON i.invoice_id = x.invoice_id "
            "WHERE u.corrects = $1 ORDER BY u.sequence",
            charge_id,
        )
    return [CorrectedBy(row[0].hex, *tuple(row)[1:]) for row in rows]
