"""Rows of immediate invoices: which requests wait, what is unbilled of each, what is inserted.

Every statement is for many requests at once: an invoice has few rows, and a statement of its own
for each would cost more than they do.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

import msgspec

from billing.invoice import Billable, InvoiceBody, InvoiceLine
from billing.number import invoice_number
from schemas.ids import digest_of
from schemas.ledger import Unbilled
from schemas.limit import SCOPE_ACCOUNT
from schemas.period import from_ms, to_ms
from sinks.connection import Connection
from sinks.queries import RECORDS


class Request(NamedTuple):
    """A pending request, with what its `limit_reached` says that the invoice must come to."""

    request_id: str
    tenant: str
    rating_key: str
    account_id: str
    sequence: int
    invoice_up_to: int
    scope: str
    bill_period: dt.datetime
    first_open_period: dt.datetime
    invoiced: tuple[Unbilled, ...]
    after: int  # nothing up to this sequence is unbilled: an earlier invoice took it
    another: bool  # whether another request of the rating key waits behind it

    @property
    def most_charges(self) -> int:
        """Return how many charges are looked at for the invoice, at most.

        Not the records that it must have: a charge may be none or one less, and those outside of
        the scope are read too.
        """
        return self.invoice_up_to - self.after


class UnbilledPart(NamedTuple):
    """What is unbilled of one bill period on one line."""

    bill_period: dt.datetime
    billable: Billable


class Draft(NamedTuple):
    """An invoice that has no number yet, and the request that it is for."""

    request: Request
    body: InvoiceBody


async def lock_keys(connection: Connection, rating_keys: Sequence[str]) -> dict[str, int]:
    """Lock rating keys, but for those that somebody else has locked.

    Returns the sequence of each up to which nothing is unbilled.
    """
    rows = await connection.fetch(
        "SELECT rating_key, sequence FROM invoiced_up_to WHERE rating_key = ANY($1::text[]) "
        "ORDER BY rating_key FOR UPDATE SKIP LOCKED",
        rating_keys,
    )
    return {row["rating_key"]: row["sequence"] for row in rows}


_REQUESTS = (
    "SELECT q.*, l.bill_period, l.first_open_period, l.invoiced, "
    "(SELECT coalesce(max(b.invoice_up_to), 0) FROM invoice_requests b "
    "WHERE b.rating_key = q.rating_key AND b.invoice_scope = q.invoice_scope "
    "AND b.state = 'built') AS scope_up_to, EXISTS (SELECT FROM invoice_requests a "
    "WHERE a.rating_key = q.rating_key AND a.state = 'pending' AND a.sequence > q.sequence) "
    "AS another FROM unnest($1::text[]) WITH ORDINALITY AS k (rating_key, place) CROSS JOIN LATERAL ("
    "SELECT r.request_id, r.tenant, r.rating_key, r.account_id, r.sequence, r.invoice_up_to, "
    "r.invoice_scope FROM invoice_requests r "
    "WHERE r.rating_key = k.rating_key AND r.state = 'pending' ORDER BY r.sequence LIMIT 1) q "
    "JOIN limit_reached l ON l.limit_reached_id = q.request_id ORDER BY k.place"
)
_decode_invoiced = msgspec.json.Decoder(tuple[Unbilled, ...]).decode


async def oldest_requests(connection: Connection, up_to: Mapping[str, int]) -> list[Request]:
    """Return the oldest pending request of each rating key that has one, in the order of the keys.

    ``up_to``: of each key the sequence up to which nothing is unbilled. Nor is anything up to the
    last invoice of the request's own scope; what that one left out is of a period that was closed
    before it, so it is the bill run's.
    """
    rows = await connection.fetch(_REQUESTS, list(up_to))
    return [
        Request(
            request_id=row["request_id"].hex,
            tenant=row["tenant"],
            rating_key=row["rating_key"],
            account_id=row["account_id"],
            sequence=row["sequence"],
            invoice_up_to=row["invoice_up_to"],
            scope=row["invoice_scope"],
            bill_period=row["bill_period"],
            first_open_period=row["first_open_period"],
            invoiced=_decode_invoiced(row["invoiced"]),
            after=max(up_to[row["rating_key"]], row["scope_up_to"]),
            another=row["another"],
        )
        for row in rows
    ]


# Grouped within the LATERAL, so that each request looks into the index by its own key and range.
_UNBILLED = (
    "SELECT q.place, p.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[], "
    "$5::text[], $6::text[]) WITH ORDINALITY "
    "AS q (rating_key, after, up_to, first_open_period, kind, code, place) CROSS JOIN LATERAL ("
    "SELECT u.product, u.product_type, u.unit, u.tax_code, u.currency, u.bill_period, "
    f"{RECORDS} AS records, sum(u.billed)::text AS billed, sum(u.amount)::text AS amount, "
    "min(u.started_at) AS usage_from, max(u.started_at) AS usage_to, "
    "array_agg(u.sequence ORDER BY u.sequence) AS sequences, "
    "array_agg(u.charge_id ORDER BY u.sequence) AS charge_ids FROM rated_usage u "
    "WHERE u.rating_key = q.rating_key AND u.sequence > q.after AND u.sequence <= q.up_to "
    "AND u.bill_period >= q.first_open_period AND (q.kind <> 'product' OR u.product = q.code) "
    "AND (q.kind <> 'product_type' OR u.product_type = q.code) "
    "AND NOT EXISTS (SELECT FROM invoice_charges i WHERE i.charge_id = u.charge_id) "
    "GROUP BY u.product, u.product_type, u.unit, u.tax_code, u.currency, u.bill_period) p"
)


async def unbilled_of(
    connection: Connection, requests: Sequence[Request]
) -> list[list[UnbilledPart]]:
    """Return what was unbilled at each request.

    Unbilled: in the scope, up to the sequence, on no invoice, and of a period that was open then
    (usage of a closed one is the bill run's). Summed by the server, whose numeric is exact.
    """
    scopes = [request.scope.partition(":") for request in requests]
    rows = await connection.fetch(
        _UNBILLED,
        [request.rating_key for request in requests],
        [request.after for request in requests],
        [request.invoice_up_to for request in requests],
        [request.first_open_period for request in requests],
        [kind for kind, _, _ in scopes],
        [code for _, _, code in scopes],
    )
    parts: list[list[UnbilledPart]] = [[] for _ in requests]
    for row in rows:
        billable = Billable(
            product=row["product"],
            product_type=row["product_type"],
            unit=row["unit"],
            tax_code=row["tax_code"],
            currency=row["currency"],
            records=row["records"],
            quantity=Decimal(row["billed"]),
            amount=Decimal(row["amount"]),
            usage_from_ms=to_ms(row["usage_from"]),
            usage_to_ms=to_ms(row["usage_to"]),
            charges=tuple(zip(row["sequences"], row["charge_ids"], strict=True)),
        )
        parts[row["place"] - 1].append(UnbilledPart(row["bill_period"], billable))
    return parts


async def insert_invoices(connection: Connection, drafts: Sequence[Draft]) -> list[str]:
    """Insert invoices with their lines and charges, and return their numbers.

    The unique key refuses a charge that is on an invoice already.
    """
    if not drafts:
        return []
    series = await _take_numbers(connection, [draft.request.tenant for draft in drafts])
    invoices = [
        _Numbered(_invoice_id(draft), place, invoice_number(draft.request.tenant, place), draft)
        for draft, place in zip(drafts, series, strict=True)
    ]
    await connection.executemany(
        "INSERT INTO invoices (invoice_id, tenant, series_number, number, kind, account_id, "
        "request_id, scope, up_to, bill_period, usage_from, usage_to, currency, total) "
        "VALUES ($1, $2, $3, $4, 'immediate', $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        [_invoice_row(invoice) for invoice in invoices],
    )
    lines = [
        (invoice.invoice_id, position, line)
        for invoice in invoices
        for position, line in enumerate(invoice.draft.body.lines, start=1)
    ]
    await connection.executemany(
        "INSERT INTO invoice_lines (invoice_id, line, product, product_type, unit, tax_code, "
        "records, quantity, charges, amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [_line_row(*line) for line in lines],
    )
    # No COPY: Postgres ends none whose client stands still, and the company's series is locked.
    await connection.execute(
        "INSERT INTO invoice_charges (charge_id, invoice_id, line, position) "
        "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[])",
        [charge_id for _, _, line in lines for charge_id in line.charge_ids],
        [invoice_id for invoice_id, _, line in lines for _ in line.charge_ids],
        [position for _, position, line in lines for _ in line.charge_ids],
        [place for _, _, line in lines for place in range(1, len(line.charge_ids) + 1)],
    )
    return [invoice.number for invoice in invoices]


async def mark_built(connection: Connection, requests: Sequence[Request]) -> None:
    """Note that the requests have their invoices, and up to where their accounts are invoiced."""
    if not requests:
        return
    await connection.execute(
        "UPDATE invoice_requests SET state = 'built', built_at = now() "
        "WHERE request_id = ANY($1::uuid[])",
        [request.request_id for request in requests],
    )
    of_accounts = [request for request in requests if request.scope == SCOPE_ACCOUNT]
    if of_accounts:
        await connection.execute(
            "UPDATE invoiced_up_to u SET sequence = n.sequence "
            "FROM unnest($1::text[], $2::bigint[]) AS n (rating_key, sequence) "
            "WHERE u.rating_key = n.rating_key",
            [request.rating_key for request in of_accounts],
            [request.invoice_up_to for request in of_accounts],
        )


class _Numbered(NamedTuple):
    invoice_id: UUID
    series_number: int
    number: str
    draft: Draft


def _invoice_id(draft: Draft) -> UUID:
    request_id = bytes.fromhex(draft.request.request_id)
    return UUID(bytes=digest_of(b"invoice", request_id, draft.body.currency.encode()))


async def _take_numbers(connection: Connection, tenants: Sequence[str]) -> list[int]:
    """Return the next numbers of companies, whose series stay locked until the commit.

    In order of the companies: two builders that meet wait for each other, never both ways.
    """
    counts = Counter(tenants)
    following: dict[str, Iterator[int]] = {}
    for tenant in sorted(counts):
        last: int = await connection.fetchval(
            "INSERT INTO invoice_series (tenant, last_number) VALUES ($1, $2) "
            "ON CONFLICT (tenant) DO UPDATE SET last_number = invoice_series.last_number + $2 "
            "RETURNING last_number",
            tenant,
            counts[tenant],
        )
        following[tenant] = iter(range(last - counts[tenant] + 1, last + 1))
    return [next(following[tenant]) for tenant in tenants]


def _invoice_row(invoice: _Numbered) -> tuple[object, ...]:
    request, body = invoice.draft
    return (
        invoice.invoice_id,
        request.tenant,
        invoice.series_number,
        invoice.number,
        request.account_id,
        request.request_id,
        request.scope,
        request.invoice_up_to,
        request.bill_period,
        from_ms(body.usage_from_ms),
        from_ms(body.usage_to_ms),
        body.currency,
        body.total,
    )


def _line_row(invoice_id: UUID, position: int, line: InvoiceLine) -> tuple[object, ...]:
    return (
        invoice_id,
        position,
        line.product,
        line.product_type,
        line.unit,
        line.tax_code,
        line.records,
        line.quantity,
        line.charges,
        line.amount,
    )
