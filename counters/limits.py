"""Charge limits: when unbilled usage must be invoiced at once, and what the invoice takes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from counters.state import Head
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ids import limit_reached_id
from schemas.ledger import Charge, LimitHit, LimitReached, Unbilled
from schemas.limit import SCOPE_ACCOUNT, ChargeLimit

_PRODUCT = "product:"
_PRODUCT_TYPE = "product_type:"


class Scope(msgspec.Struct, frozen=True, gc=False):
    """A scope as read from its text; None: any. At most one of the two is set."""

    product: str | None = None
    product_type: str | None = None

    def holds(self, product: str, product_type: str) -> bool:
        """Return whether usage of a product lies in the scope."""
        return (self.product is None or self.product == product) and (
            self.product_type is None or self.product_type == product_type
        )

    def of(self, unbilled: tuple[Unbilled, ...]) -> tuple[Unbilled, ...]:
        """Return the entries that lie in the scope, of every period."""
        if self.product is None and self.product_type is None:
            return unbilled
        return tuple([e for e in unbilled if self.holds(e.product, e.product_type)])


class LimitInForce(msgspec.Struct, frozen=True, gc=False):
    """A limit with its scope read: once per account and batch, not once per record."""

    limit: ChargeLimit
    scope: Scope


def scope_of(text: str) -> Scope:
    """Return the scope that ``account``, ``product:<code>`` or ``product_type:<code>`` names."""
    if text.startswith(_PRODUCT):
        return Scope(product=text.removeprefix(_PRODUCT))
    if text.startswith(_PRODUCT_TYPE):
        return Scope(product_type=text.removeprefix(_PRODUCT_TYPE))
    assert text == SCOPE_ACCOUNT, f"not a scope: {text}"
    return Scope()


def in_force(
    everyone: Iterable[ChargeLimit], own: Iterable[ChargeLimit] = ()
) -> tuple[LimitInForce, ...]:
    """Return an account's limits: those for everyone, each replaced by its own of the same id,
    then its further own ones."""
    limits = {limit.limit_id: limit for limit in everyone}
    limits.update((limit.limit_id, limit) for limit in own)
    return tuple(LimitInForce(limit, scope_of(limit.scope)) for limit in limits.values())


def check(
    head: Head, charge: Charge, limits: tuple[LimitInForce, ...]
) -> tuple[Head, LimitReached | None]:
    """Return the head after the limits were looked at, and the record of those that ``charge``
    reached: one record for all of them. ``head`` is the one after the charge.

    Only a limit that the charge counts towards can be reached by it, so the scopes of several
    lie one in the other; the invoice takes the widest.
    """
    hits: list[LimitHit] = []
    invoice_scopes: list[str] = []
    for each in limits:
        if each.scope.holds(charge.product, charge.product_type):
            found = _hits(each.limit, each.scope.of(head.unbilled), charge)
            if found:
                hits += found
                invoice_scopes.append(each.limit.invoice_scope)
    if not hits:
        return head, None
    return _invoice(head, charge, hits, max(invoice_scopes, key=_width))


def _hits(limit: ChargeLimit, counting: tuple[Unbilled, ...], charge: Charge) -> list[LimitHit]:
    """Return whether a limit is reached by amount, by records, by both: a hit for each.

    All open bill periods count together. Not asked: whether the total was below before. A limit
    that was lowered below what is already unbilled is reached by the next record.
    """
    hits = []
    if limit.amount is not None and limit.currency == charge.currency:
        amount = ZERO
        for entry in counting:
            amount = EXACT.add(amount, Decimal(entry.amount))
        if amount >= limit.amount:
            before = EXACT.subtract(amount, Decimal(charge.amount))
            hits.append(_hit(limit, "amount", limit.amount, before, amount))
    if limit.records is not None:
        records = 0
        for entry in counting:
            records += entry.records
        if records >= limit.records:
            threshold, after = Decimal(limit.records), Decimal(records)
            hits.append(_hit(limit, "records", threshold, after - 1, after))
    return hits


def _hit(
    limit: ChargeLimit, by: str, threshold: Decimal, before: Decimal, after: Decimal
) -> LimitHit:
    return LimitHit(
        limit_id=limit.limit_id,
        scope=limit.scope,
        by=by,
        threshold=to_text(threshold),
        before=to_text(before),
        after=to_text(after),
    )


def _width(scope: str) -> int:
    if scope == SCOPE_ACCOUNT:
        return 2
    return 1 if scope.startswith(_PRODUCT_TYPE) else 0


def _invoice(
    head: Head, charge: Charge, hits: list[LimitHit], invoice_scope: str
) -> tuple[Head, LimitReached]:
    """Return the head without what the invoice takes, and the record that asks for the invoice."""
    taken = scope_of(invoice_scope).of(head.unbilled)
    left = tuple(entry for entry in head.unbilled if entry not in taken)
    head = Head(head.sequence + 1, head.first_open_period_ms, left)
    return head, LimitReached(
        tenant=charge.tenant,
        rating_key=charge.rating_key,
        sequence=head.sequence,
        limit_reached_id=limit_reached_id(crossing_charge_id=charge.charge_id),
        account_id=charge.account_id,
        crossing_charge_id=charge.charge_id,
        limits=tuple(hits),
        invoice_up_to=charge.sequence,
        invoice_scope=invoice_scope,
        currency=charge.currency,
        occurred_at_ms=charge.started_at_ms,
        bill_period_ms=charge.bill_period_ms,
        counters_after=(),
        source_partition=charge.source_partition,
        source_offset=charge.source_offset,
        first_open_period_ms=head.first_open_period_ms,
        invoiced=taken,
        unbilled=left,
    )
