"""An invoice as JSON: the shape that `ratemill invoices show --json` promises."""

from __future__ import annotations

import msgspec

from schemas.decimals import DecimalText


class LineDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One line; ``amount`` is ``charges`` rounded once to the places of the currency."""

    line: int  # from 1
    product: str
    product_type: str
    unit: str
    tax_code: str | None
    records: int
    quantity: DecimalText
    charges: DecimalText
    amount: DecimalText
    charge_ids: tuple[str, ...]  # in order of the account's sequence


class TaxDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines under one tax code come to; the tax itself is computed elsewhere."""

    tax_code: str | None
    amount: DecimalText


class InvoiceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice. Instants are ISO 8601 in UTC, amounts strings with all their places."""

    number: str
    invoice_id: str
    kind: str  # "immediate"; "periodic" and "credit" come with the bill run
    tenant: str
    account_id: str
    currency: str
    scope: str  # "account", "product:<code>" or "product_type:<code>"
    up_to: int  # the sequence up to which unbilled usage is on it
    limit_reached_id: str | None  # what asked for it
    bill_period: str  # start of the period of the crossing charge
    usage_from: str
    usage_to: str  # inclusive
    issued_at: str
    total: DecimalText
    tax_totals: tuple[TaxDocument, ...]
    lines: tuple[LineDocument, ...]


class InvoiceSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `ratemill invoices list`."""

    number: str
    kind: str
    account_id: str
    account_name: str  # empty where the account is not on record
    currency: str
    total: DecimalText
    records: int
    scope: str
    usage_from: str
    usage_to: str
    issued_at: str


def document_to_json(document: InvoiceDocument) -> bytes:
    """Return the JSON of an invoice."""
    return msgspec.json.encode(document)
