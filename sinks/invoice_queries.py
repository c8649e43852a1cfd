"""Invoices as documents, read back for people and for other systems."""

from __future__ import annotations

import datetime as dt

from billing.document import InvoiceDocument, InvoiceSummary, LineDocument, TaxDocument
from billing.invoice import TaxTotal
from schemas.decimals import to_text
from sinks.connection import Connection, Pool
from sinks.errors import classified


async def list_invoices(
    pool: Pool, *, account_id: str | None = None, most: int = 100
) -> list[InvoiceSummary]:
    """Return the newest invoices, of all accounts or of one."""
    with classified():
        rows = await pool.fetch(
            "SELECT i.number, i.kind, i.account_id, coalesce((SELECT name FROM accounts a "
            "WHERE a.account_id = i.account_id ORDER BY version DESC LIMIT 1), '') AS name, "
            "i.currency, i.total::text, i.scope, i.usage_from, i.usage_to, i.issued_at, "
            "(SELECT sum(records)::bigint FROM invoice_lines l WHERE l.invoice_id = i.invoice_id) "
            "AS records FROM invoices i WHERE $1::text IS NULL OR i.account_id = $1 "
            "ORDER BY i.issued_at DESC, i.tenant, i.series_number DESC LIMIT $2",
            account_id,
            most,
        )
    return [
        InvoiceSummary(
            number=row["number"],
            kind=row["kind"],
            account_id=row["account_id"],
            account_name=row["name"],
            currency=row["currency"],
            total=row["total"],
            records=row["records"],
            scope=row["scope"],
            usage_from=_iso(row["usage_from"]),
            usage_to=_iso(row["usage_to"]),
            issued_at=_iso(row["issued_at"]),
        )
        for row in rows
    ]


async def show_invoice(pool: Pool, number: str) -> InvoiceDocument | None:
    """Return the invoice with a number, or None where there is none."""
    with classified():
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchrow(
                "SELECT *, total::text AS total_text FROM invoices WHERE number = $1", number
            )
            if head is None:
                return None
            invoice_id = head["invoice_id"]
            return InvoiceDocument(
                number=head["number"],
                invoice_id=invoice_id.hex,
                kind=head["kind"],
                tenant=head["tenant"],
                account_id=head["account_id"],
                currency=head["currency"],
                scope=head["scope"],
                up_to=head["up_to"],
                limit_reached_id=None if head["request_id"] is None else head["request_id"].hex,
                bill_period=_iso(head["bill_period"]),
                usage_from=_iso(head["usage_from"]),
                usage_to=_iso(head["usage_to"]),
                issued_at=_iso(head["issued_at"]),
                total=head["total_text"],
                tax_totals=await _tax_totals(connection, invoice_id),
                lines=await _lines(connection, invoice_id),
            )


async def _lines(connection: Connection, invoice_id: str) -> tuple[LineDocument, ...]:
    rows = await connection.fetch(
        "SELECT l.line, l.product, l.product_type, l.unit, l.tax_code, l.records, "
        "l.quantity::text, l.charges::text, l.amount::text, (SELECT array_agg(charge_id "
        "ORDER BY position) FROM invoice_charges c WHERE c.invoice_id = l.invoice_id "
        "AND c.line = l.line) AS charge_ids FROM invoice_lines l WHERE l.invoice_id = $1 "
        "ORDER BY l.line",
        invoice_id,
    )
    return tuple(
        LineDocument(
            **{name: row[name] for name in _LINE_COLUMNS},
            charge_ids=tuple(charge_id.hex for charge_id in row["charge_ids"]),
        )
        for row in rows
    )


_LINE_COLUMNS = (
    *("line", "product", "product_type", "unit", "tax_code", "records"),
    *("quantity", "charges", "amount"),
)


async def _tax_totals(connection: Connection, invoice_id: str) -> tuple[TaxDocument, ...]:
    rows = await connection.fetch(
        "SELECT tax_code, sum(amount) FROM invoice_lines WHERE invoice_id = $1 "
        "GROUP BY tax_code ORDER BY tax_code NULLS FIRST",
        invoice_id,
    )
    totals = [TaxTotal(*row) for row in rows]
    return tuple(
        TaxDocument(tax_code=total.tax_code, amount=to_text(total.amount)) for total in totals
    )


def _iso(at: dt.datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
