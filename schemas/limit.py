"""Charge limits: how much unbilled usage an account may gather before it is invoiced at once."""

from __future__ import annotations

from decimal import Decimal

import msgspec

SCOPE_ACCOUNT = "account"


class ChargeLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit by amount and/or by number of records; reached means >=, and either suffices.

    ``scope`` says what counts towards it: ``account``, ``product:<code>`` or
    ``product_type:<code>``. ``invoice_scope`` says what goes on the invoice: all unbilled usage of
    the account, or that of the limit's own scope. (Less than what counted would leave the limit
    reached, and every later record would report it again.) An account may override a limit by
    its id.
    """

    limit_id: str
    scope: str
    amount: Decimal | None = None  # major units, in `currency`
    currency: str | None = None  # set where `amount` is
    records: int | None = None
    invoice_scope: str = SCOPE_ACCOUNT

    def __post_init__(self) -> None:
        assert self.amount is not None or self.records is not None, "amount, records or both"
        assert (self.amount is None) == (self.currency is None)
        assert self.invoice_scope in (SCOPE_ACCOUNT, self.scope)
