"""What is worth showing of a demo run: who used most, what was invoiced, one charge explained."""

from __future__ import annotations

import msgspec

from billing.document import InvoiceSummary
from pipeline.cli.explaining import Explained, explain_charge
from pipeline.embedded import Endpoints
from pipeline.settings import Settings
from sinks.connection import open_pool
from sinks.invoice_queries import list_invoices
from sinks.queries import AccountTotal, some_charge, top_accounts

_TOP_ACCOUNTS = 5
_INVOICES = 5


class Highlights(msgspec.Struct, frozen=True, kw_only=True):
    """The readable part of a demo's summary."""

    top_accounts: tuple[AccountTotal, ...]
    invoices: tuple[InvoiceSummary, ...]  # the newest ones
    explained: Explained | None  # a charge that crossed a limit, where one did


async def highlights_of(settings: Settings, endpoints: Endpoints) -> Highlights:
    """Return the highlights of an installation."""
    async with open_pool(
        endpoints.postgres_dsn, installation=settings.installation, max_size=1
    ) as pool:
        accounts = await top_accounts(pool, most=_TOP_ACCOUNTS)
        invoices = await list_invoices(pool, most=_INVOICES)
        charge_id = await some_charge(pool)
    explained = None
    if charge_id is not None:
        explained = await explain_charge(settings, endpoints, charge_id)
    return Highlights(top_accounts=tuple(accounts), invoices=tuple(invoices), explained=explained)
