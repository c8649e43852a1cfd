"""Charge limits: when unbilled usage must be invoiced at once, and what the invoice takes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce

import msgspec

from counters.running import RunningHead, running_head
from counters.state import Head
from schemas.decimals import EXACT, ZERO, to_text
from schemas.ids import limit_reached_id
from schemas.ledger import Charge, LimitHit, LimitReached
from schemas.limit import SCOPE_ACCOUNT, ChargeLimit

_add = EXACT.add

_PRODUCT = "product:"
_PRODUCT_TYPE = "product_type:"


class Scope(msgspec.Struct, frozen=True, gc=False):
    """A scope as read from its text; None: any. At most one of the two is set."""

    product: str | None = None
    product_type: str | None = None

    @property
    def is_account(self) -> bool:
        """Return whether all usage of the account lies in the scope."""
        return self.product is None and self.product_type is None

    def holds(self, product: str, product_type: str) -> bool:
        """Return whether usage of a product lies in the scope."""
        return (self.product is None or self.product == product) and (
            self.product_type is None or self.product_type == product_type
        )


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


def that_count(
    limits: tuple[LimitInForce, ...], *, product: str, product_type: str
) -> tuple[LimitInForce, ...]:
    """Return the limits that usage of a product counts towards: only those can it reach."""
    return tuple([each for each in limits if each.scope.holds(product, product_type)])


def check(
    head: Head, charge: Charge, limits: tuple[LimitInForce, ...]
) -> tuple[Head, LimitReached | None]:
    """Return the head after the limits were looked at, and the record of those that ``charge``
    reached: one record for all of them. ``head`` is the one after the charge.

    Only a limit that the charge counts towards can be reached by it, so the scopes of several
    lie one in the other; the invoice takes the widest.
    """
    limits = that_count(limits, product=charge.product, product_type=charge.product_type)
    after = running_head(head)
    hits = reached(after, limits, Decimal(charge.amount), charge.currency)
    if not hits:
        return head, None
    after, record = invoice(after, charge, hits)
    return after.stored(), record


Hit = tuple[LimitHit, str]
"""A limit that was reached, and what its invoice takes."""


def reached(
    head: RunningHead, limits: tuple[LimitInForce, ...], amount: Decimal, currency: str
) -> list[Hit]:
    """Return whether limits are reached by amount, by records, by both: a hit for each. ``limits``
    are those that the charge of ``amount`` counts towards, ``head`` is the one after it and has it.

    All open bill periods count together. Not asked: whether the total was below before. A limit
    that was lowered below what is already unbilled is reached by the next record.
    """
    hits: list[Hit] = []
    # Most accounts have one entry. It is then the charge's own, so whatever the scope is, it counts.
    only = len(head.unbilled) == 1
    for each in limits:
        limit = each.limit
        if limit.amount is not None and limit.currency == currency:
            total = head.amounts[0] if only else _total(head, each.scope)
            if total >= limit.amount:
                before = EXACT.subtract(total, amount)
                hit = _hit(limit, "amount", limit.amount, before, total)
                hits.append((hit, limit.invoice_scope))
        if limit.records is not None:
            records = head.unbilled[0].records if only else _records(head, each.scope)
            if records >= limit.records:
                threshold, after = Decimal(limit.records), Decimal(records)
                hit = _hit(limit, "records", threshold, after - 1, after)
                hits.append((hit, limit.invoice_scope))
    return hits


def _total(head: RunningHead, scope: Scope) -> Decimal:
    """Return the unbilled amount in a scope, of every period."""
    if scope.is_account:
        return reduce(_add, head.amounts)
    total = ZERO
    for entry, amount in zip(head.unbilled, head.amounts, strict=True):
        if scope.holds(entry.product, entry.product_type):
            total = _add(total, amount)
    return total


def _records(head: RunningHead, scope: Scope) -> int:
    """Return the number of unbilled records in a scope, of every period."""
    records = 0
    for entry in head.unbilled:
        if scope.holds(entry.product, entry.product_type):
            records += entry.records
    return records


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


def invoice(head: RunningHead, charge: Charge, hits: list[Hit]) -> tuple[RunningHead, LimitReached]:
    """Return the head without what the invoice takes, and the record that asks for the invoice.

    ``hits`` are all that ``charge`` reached, ``head`` is the one after the charge.
    """
    invoice_scope = max((scope for _, scope in hits), key=_width)
    scope = scope_of(invoice_scope)
    taken, left, amounts_left = [], [], []
    for entry, amount in zip(head.unbilled, head.amounts, strict=True):
        if scope.holds(entry.product, entry.product_type):
            taken.append(entry)
        else:
            left.append(entry)
            amounts_left.append(amount)
    head = RunningHead(
        head.sequence + 1, head.first_open_period_ms, tuple(left), tuple(amounts_left)
    )
    return head, LimitReached(
        tenant=charge.tenant,
        rating_key=charge.rating_key,
        sequence=head.sequence,
        limit_reached_id=limit_reached_id(crossing_charge_id=charge.charge_id),
        account_id=charge.account_id,
        crossing_charge_id=charge.charge_id,
        limits=tuple([hit for hit, _ in hits]),
        invoice_up_to=charge.sequence,
        invoice_scope=invoice_scope,
        currency=charge.currency,
        occurred_at_ms=charge.started_at_ms,
        bill_period_ms=charge.bill_period_ms,
        counters_after=(),
        source_partition=charge.source_partition,
        source_offset=charge.source_offset,
        first_open_period_ms=head.first_open_period_ms,
        invoiced=tuple(taken),
        unbilled=head.unbilled,
    )
