"""Building the invoices that limits asked for: in order, once, with exactly what was unbilled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from billing.invoice import Billable, InvoiceBody, build_invoice
from billing.number import invoice_number
from schemas.decimals import EXACT, ZERO
from schemas.ids import digest_of
from schemas.ledger import Unbilled
from schemas.limit import SCOPE_ACCOUNT
from schemas.period import from_ms, to_ms
from sinks.connection import Connection, Pool
from sinks.errors import InvoiceMismatch, classified
from sinks.queries import RECORDS


class _Request(NamedTuple):
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
    scope_up_to: int  # the sequence up to which its own scope is invoiced; 0: nothing of it is
    another: bool  # whether another request of the rating key waits behind it


_Entry = tuple[str, str, int, str]
"""Product, product type, start of the bill period, currency: as `schemas.ledger.Unbilled`."""
_Totals = dict[_Entry, tuple[int, Decimal]]


async def pending_requests(pool: Pool) -> int:
    """Return how many requests wait for their invoice."""
    with classified():
        count: int = await pool.fetchval(
            "SELECT count(*) FROM invoice_requests WHERE state = 'pending'"
        )
    return count


async def build_pending_invoices(pool: Pool) -> list[str]:
    """Return the numbers of the invoices built now; none where nobody waits.

    Safe to repeat, to interrupt anywhere, and to run in several places at once: each request is
    one transaction under the lock of its rating key, so an account's requests are built in order.
    `InvoiceMismatch` at the end, after all others, where one does not come to what its limit said.
    """
    numbers: list[str] = []
    mismatch: InvoiceMismatch | None = None
    with classified():
        # One for all: to give a connection back costs as much as a statement of an invoice.
        async with pool.acquire() as connection:
            rating_keys = await connection.fetch(
                "SELECT DISTINCT rating_key FROM invoice_requests WHERE state = 'pending' "
                "ORDER BY rating_key"
            )
            for row in rating_keys:
                try:
                    await _build_all(connection, row["rating_key"], numbers)
                except InvoiceMismatch as error:
                    mismatch = mismatch or error
    if mismatch is not None:
        raise mismatch
    return numbers


async def _build_all(connection: Connection, rating_key: str, numbers: list[str]) -> None:
    """Build the pending requests of a rating key, and add the invoices' numbers to ``numbers``."""
    another = True
    while another:
        another = await _build_next(connection, rating_key, numbers)


async def _build_next(connection: Connection, rating_key: str, numbers: list[str]) -> bool:
    """Build the oldest pending request of a rating key; none where somebody else is building it.

    Returns whether another one waits behind it. What came since then is not told: whoever loaded
    it asks again.

    1. Lock the rating key, and read its oldest request.
    2. Select what is unbilled up to its sequence, and compare it with what the limit said.
    3. Take the next number of the company, which stays locked until the commit: no gap, no twin.
    4. Insert the invoice, its lines and its charges; the unique key refuses a charge that is on
       an invoice already.
    5. Mark the request as built, and commit.
    """
    async with connection.transaction():
        after = await connection.fetchval(
            "SELECT sequence FROM invoiced_up_to WHERE rating_key = $1 FOR UPDATE SKIP LOCKED",
            rating_key,
        )
        if after is None:
            return False
        request = await _oldest_request(connection, rating_key)
        if request is None:
            return False
        # Up to its scope's last invoice nothing of it is left but what that one left out: usage of
        # a period that was closed before, which is the bill run's.
        unbilled = await _unbilled(connection, request, after=max(after, request.scope_up_to))
        _compare(request, unbilled)
        billables = [each.billable for each in unbilled]
        built = []
        for currency in sorted({one.currency for one in billables}):
            body = build_invoice([one for one in billables if one.currency == currency])
            built.append(await _insert(connection, request, body))
        await connection.execute(
            "UPDATE invoice_requests SET state = 'built', built_at = now() WHERE request_id = $1",
            request.request_id,
        )
        if request.scope == SCOPE_ACCOUNT:
            await connection.execute(
                "UPDATE invoiced_up_to SET sequence = $2 WHERE rating_key = $1",
                rating_key,
                request.invoice_up_to,
            )
    numbers += built
    return request.another


_decode_invoiced = msgspec.json.Decoder(tuple[Unbilled, ...]).decode


async def _oldest_request(connection: Connection, rating_key: str) -> _Request | None:
    rows = await connection.fetch(
        "SELECT r.request_id, r.tenant, r.rating_key, r.account_id, r.sequence, r.invoice_up_to, "
        "r.invoice_scope, l.bill_period, l.first_open_period, l.invoiced, "
        "(SELECT coalesce(max(b.invoice_up_to), 0) FROM invoice_requests b "
        "WHERE b.rating_key = r.rating_key AND b.invoice_scope = r.invoice_scope "
        "AND b.state = 'built') AS scope_up_to FROM invoice_requests r "
        "JOIN limit_reached l ON l.limit_reached_id = r.request_id "
        "WHERE r.rating_key = $1 AND r.state = 'pending' ORDER BY r.sequence LIMIT 2",
        rating_key,
    )
    if not rows:
        return None
    row = rows[0]
    return _Request(
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
        scope_up_to=row["scope_up_to"],
        another=len(rows) > 1,
    )


_UNBILLED = (
    "SELECT u.product, u.product_type, u.unit, u.tax_code, u.currency, u.bill_period, "
    f"{RECORDS} AS records, sum(u.billed)::text AS billed, sum(u.amount)::text AS amount, "
    "min(u.started_at) AS usage_from, max(u.started_at) AS usage_to, "
    "array_agg(u.sequence ORDER BY u.sequence) AS sequences, "
    "array_agg(u.charge_id ORDER BY u.sequence) AS charge_ids FROM rated_usage u "
    "WHERE u.rating_key = $1 AND u.sequence > $2 AND u.sequence <= $3 AND u.bill_period >= $4 "
    "AND ($5 <> 'product' OR u.product = $6) AND ($5 <> 'product_type' OR u.product_type = $6) "
    "AND NOT EXISTS (SELECT FROM invoice_charges i WHERE i.charge_id = u.charge_id) "
    "GROUP BY u.product, u.product_type, u.unit, u.tax_code, u.currency, u.bill_period"
)


class _Unbilled(NamedTuple):
    """What is unbilled of one bill period on one line."""

    bill_period: dt.datetime
    billable: Billable


async def _unbilled(connection: Connection, request: _Request, *, after: int) -> list[_Unbilled]:
    """Return what was unbilled at the request.

    Unbilled: in the scope, up to the sequence, on no invoice, and of a period that was open then
    (usage of a closed one is the bill run's). Nothing up to ``after`` is: an invoice of the whole
    account, or of the same scope, took it. Summed by the server, whose numeric is exact.
    """
    kind, _, code = request.scope.partition(":")
    rows = await connection.fetch(
        _UNBILLED,
        request.rating_key,
        after,
        request.invoice_up_to,
        request.first_open_period,
        kind,
        code,
    )
    return [
        _Unbilled(
            row["bill_period"],
            Billable(
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
            ),
        )
        for row in rows
    ]


def _compare(request: _Request, unbilled: Sequence[_Unbilled]) -> None:
    """Raise `InvoiceMismatch` where the charges are not what the limit's counters said."""
    found: _Totals = {}
    for bill_period, one in unbilled:
        entry = (one.product, one.product_type, to_ms(bill_period), one.currency)
        records, amount = found.get(entry, (0, ZERO))
        found[entry] = (records + one.records, EXACT.add(amount, one.amount))
    said = {
        (one.product, one.product_type, one.bill_period_ms, one.currency): (
            one.records,
            Decimal(one.amount),
        )
        for one in request.invoiced
    }
    if found != said:
        raise InvoiceMismatch(
            f"Account {request.account_id}: the limit at sequence {request.sequence} asks for an "
            f"invoice of {_words(said)}; unbilled are {_words(found)}. No invoice was built, the "
            "request waits. Operator action: run `ratemill verify`, which names the first range "
            "that does not fit."
        )


def _words(totals: _Totals) -> str:
    parts = [
        f"{records} records of {product} for {amount} {currency}"
        for (product, _, _, currency), (records, amount) in sorted(totals.items())
    ]
    return ", ".join(parts) or "nothing"


async def _insert(connection: Connection, request: _Request, body: InvoiceBody) -> str:
    """Insert one invoice with its lines and charges, and return its number."""
    invoice_id = digest_of(
        b"invoice", bytes.fromhex(request.request_id), body.currency.encode()
    ).hex()
    series_number = await connection.fetchval(
        "INSERT INTO invoice_series (tenant, last_number) VALUES ($1, 1) "
        "ON CONFLICT (tenant) DO UPDATE SET last_number = invoice_series.last_number + 1 "
        "RETURNING last_number",
        request.tenant,
    )
    number = invoice_number(request.tenant, series_number)
    await connection.execute(
        "INSERT INTO invoices (invoice_id, tenant, series_number, number, kind, account_id, "
        "request_id, scope, up_to, bill_period, usage_from, usage_to, currency, total) "
        "VALUES ($1, $2, $3, $4, 'immediate', $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        invoice_id,
        request.tenant,
        series_number,
        number,
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
    await connection.executemany(
        "INSERT INTO invoice_lines (invoice_id, line, product, product_type, unit, tax_code, "
        "records, quantity, charges, amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            (
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
            for position, line in enumerate(body.lines, start=1)
        ],
    )
    # No COPY: Postgres ends none whose client stands still, and the company's series is locked.
    await connection.execute(
        "INSERT INTO invoice_charges (charge_id, invoice_id, line, position) "
        "SELECT charge_id, $4::uuid, line, position "
        "FROM unnest($1::uuid[], $2::integer[], $3::integer[]) AS held (charge_id, line, position)",
        [charge_id for line in body.lines for charge_id in line.charge_ids],
        [number for number, line in enumerate(body.lines, 1) for _ in line.charge_ids],
        [position for line in body.lines for position in range(1, len(line.charge_ids) + 1)],
        invoice_id,
    )
    return number
