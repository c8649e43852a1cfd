"""Building the invoices that limits asked for: in order, once, with exactly what was unbilled."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from billing.invoice import build_invoice
from schemas.decimals import EXACT, ZERO
from schemas.period import to_ms
from sinks.connection import Connection, Pool
from sinks.errors import InvoiceMismatch, SinkError, classified
from sinks.invoice_rows import (
    Draft,
    Request,
    UnbilledPart,
    insert_invoices,
    lock_keys,
    mark_built,
    oldest_requests,
    unbilled_of,
)

# Of one transaction: whose number is locked meanwhile, and what is held in memory.
_MOST_REQUESTS = 64
_MOST_CHARGES = 5_000  # or one request of more

_Entry = tuple[str, str, int, str]
"""Product, product type, start of the bill period, currency: as `schemas.ledger.Unbilled`."""
_Totals = dict[_Entry, tuple[int, Decimal]]


class _Built(NamedTuple):
    numbers: list[str]
    again: list[str]  # rating keys that have more to build now
    mismatch: InvoiceMismatch | None


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
    built under the lock of its rating key, so an account's requests are built in order. What comes
    meanwhile may be left, also by whoever loaded it and asks while another holds its rating key:
    ask again now and then.
    What is wrong with one request, `InvoiceMismatch` where it does not come to what its limit said,
    is raised at the end, after all others: it holds back its own account alone.
    """
    numbers: list[str] = []
    wrong: Exception | None = None
    most = _MOST_REQUESTS
    with classified():
        async with pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT rating_key FROM invoice_requests WHERE state = 'pending' "
                "ORDER BY rating_key"
            )
            waiting = deque(row["rating_key"] for row in rows)
            while waiting:
                some = [waiting.popleft() for _ in range(min(most, len(waiting)))]
                try:
                    with classified():
                        built = await _build_some(connection, some)
                except SinkError:  # of the database, not of a request
                    raise
                except Exception as error:
                    if len(some) == 1:
                        wrong = wrong or error
                    else:  # it is not said of which: each by itself from here
                        most = 1
                        waiting.extendleft(reversed(some))
                    continue
                numbers += built.numbers
                wrong = wrong or built.mismatch
                waiting.extendleft(reversed(built.again))
    if wrong is not None:
        raise wrong
    return numbers


async def _build_some(connection: Connection, rating_keys: Sequence[str]) -> _Built:
    """Build the oldest pending request of rating keys, but for those that somebody else builds.

    1. Lock the rating keys, and read their oldest requests.
    2. Select what is unbilled up to each one's sequence, and compare it with what the limit said.
       What does not come to it is left as it is.
    3. Take the next numbers of the company, which stays locked until the commit: no gap, no twin.
    4. Insert the invoices, their lines and their charges; the unique key refuses a charge that is
       on an invoice already.
    5. Mark the requests as built, and commit.
    """
    mismatch: InvoiceMismatch | None = None
    sound: list[Request] = []
    drafts: list[Draft] = []
    async with connection.transaction():
        requests = await oldest_requests(connection, await lock_keys(connection, rating_keys))
        if not requests:
            return _Built([], [], None)
        now = _first(requests)
        for request, parts in zip(now, await unbilled_of(connection, now), strict=True):
            try:
                _compare(request, parts)
            except InvoiceMismatch as error:
                mismatch = mismatch or error
                continue
            sound.append(request)
            drafts += _drafts(request, parts)
        numbers = await insert_invoices(connection, drafts)
        await mark_built(connection, sound)
    again = [request.rating_key for request in sound if request.another]
    return _Built(numbers, again + [one.rating_key for one in requests[len(now) :]], mismatch)


def _first(requests: Sequence[Request]) -> Sequence[Request]:
    """Return the first requests that one transaction takes."""
    charges = 0
    for place, request in enumerate(requests):
        charges += request.most_charges
        if place and charges > _MOST_CHARGES:
            return requests[:place]
    return requests


def _drafts(request: Request, parts: Sequence[UnbilledPart]) -> list[Draft]:
    """Return the invoices of a request, one for each currency."""
    billables = [part.billable for part in parts]
    return [
        Draft(request, build_invoice([one for one in billables if one.currency == currency]))
        for currency in sorted({one.currency for one in billables})
    ]


def _compare(request: Request, parts: Sequence[UnbilledPart]) -> None:
    """Raise `InvoiceMismatch` where the charges are not what the limit's counters said."""
    found: _Totals = {}
    for bill_period, one in parts:
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
