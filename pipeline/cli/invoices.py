"""`ratemill invoices`: what was invoiced, line by line."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import money, results, table, tell, write_json
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from billing.document import InvoiceDocument, InvoiceSummary
    from pipeline.settings import Settings

invoices = typer.Typer(no_args_is_help=True, help="What was invoiced: list, show.")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(invoices, name="invoices", rich_help_panel="Look")


@invoices.callback()
def group() -> None:
    """Invoices: those that a charge limit caused, at once, and those of closed periods."""


@invoices.command(
    "list", epilog=examples("ratemill invoices list", "ratemill invoices list --account acme")
)
def list_invoices(
    context: typer.Context,
    account: Annotated[str | None, typer.Option(help="Of this account only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """List invoices, the newest first."""
    rows = run_to_end(_list(session_of(context).settings, account, limit))
    if as_json:
        write_json(rows)
        return
    results().print(invoice_table(None, rows))
    if not rows:
        tell("No invoice yet. A charge limit makes one at once; see docs/catalogue.md.")


@invoices.command(epilog=examples("ratemill invoices show demo-000001"))
def show(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="As `ratemill invoices list` shows it.")],
    charges: Annotated[
        bool, typer.Option("--charges", help="Show every charge on it, by its id.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Show one invoice: its lines, what caused it, and the charges on it."""
    found = run_to_end(_show(session_of(context).settings, number))
    if found is None:
        tell(f"There is no invoice {number}: `ratemill invoices list` shows them.")
        raise typer.Exit(Exit.FAILED)
    if as_json:
        write_json(found)
        return
    _print(found, charges=charges)


def invoice_table(title: str | None, rows: list[InvoiceSummary]) -> RenderableType:
    """Return invoices as a table, amounts with their currency, instants in UTC."""
    return table(
        title,
        [
            *("Number", "Account", "Name", "Kind", "Scope"),
            *("Usage from, UTC", "to", ">Charges", ">Total"),
        ],
        [
            [
                row.number,
                row.account_id,
                row.account_name,
                row.kind,
                row.scope,
                _minute(row.usage_from),
                _minute(row.usage_to),
                row.records,
                money(Decimal(row.total), row.currency),
            ]
            for row in rows
        ],
    )


def _minute(instant: str) -> str:
    """Return an ISO instant to the minute, as a person reads it."""
    return instant[:16].replace("T", " ")


def _print(found: InvoiceDocument, *, charges: bool) -> None:
    out = results()
    out.print(
        f"Invoice {found.number} ({found.kind}) of account {found.account_id}\n"
        f"  issued {found.issued_at}, scope {found.scope}\n"
        f"  usage from {found.usage_from} to {found.usage_to}\n"
        f"  total {money(Decimal(found.total), found.currency)}",
        markup=False,
    )
    out.print(
        table(
            None,
            [">Line", "Product", ">Charges", ">Quantity", "Unit", ">Exact sum", ">Amount"],
            [
                [
                    line.line,
                    line.product,
                    line.records,
                    line.quantity,
                    line.unit,
                    money(Decimal(line.charges), found.currency, places=2),
                    money(Decimal(line.amount), found.currency),
                ]
                for line in found.lines
            ],
        )
    )
    ids = [charge_id for line in found.lines for charge_id in line.charge_ids]
    if charges:
        for charge_id in ids:
            out.print(charge_id, markup=False)
    elif ids:
        tell(f"Why an amount: ratemill explain {ids[-1]} (--charges lists all {len(ids):,}).")


async def _list(settings: Settings, account: str | None, limit: int) -> list[InvoiceSummary]:
    from sinks.connection import open_pool
    from sinks.invoice_queries import list_invoices as query

    dsn = (await connect(settings)).postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        return await query(pool, account_id=account, most=limit)


async def _show(settings: Settings, number: str) -> InvoiceDocument | None:
    from sinks.connection import open_pool
    from sinks.invoice_queries import show_invoice

    dsn = (await connect(settings)).postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        return await show_invoice(pool, number)
