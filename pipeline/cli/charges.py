"""`ratemill charges`: what was charged, a line for each charge."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pipeline.cli.exits import Exit
from pipeline.cli.help_text import examples
from pipeline.cli.output import money, results, table, tell, write_json
from pipeline.cli.period import MONTH
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of
from rating.units import readable
from schemas.ledger import REVERSAL, WITHOUT_USAGE, records_of

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from sinks.charge_queries import Asked, ListedCharge


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "ratemill charges acme",
            "ratemill charges acme --month 2026-10 --product voice --limit 100",
            "ratemill charges acme --kind adjustment --json",
        ),
    )(charges)


def charges(
    context: typer.Context,
    account: Annotated[str, typer.Argument(help="The account, by its id.")],
    month: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM", help="Usage of this month, in the account's zone."),
    ] = None,
    subscription: Annotated[str | None, typer.Option(help="Of this subscription only.")] = None,
    product: Annotated[str | None, typer.Option(help="Of this product only.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Of this kind of usage only; adjustment, closing, reversal and correction are kinds too."
        ),
    ] = None,
    uninvoiced: Annotated[
        bool, typer.Option("--uninvoiced", help="Only what is on no invoice yet.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """List the charges of an account, the newest usage first.

    Month is that of the usage, in the account's zone; Billed with stands beside it where one of
    them is billed with another month, since its own was closed.

    `ratemill explain` says why a charge is what it is; it takes the ids that stand here. Exit code
    1 where no such account is known: it is in no version of the reference data and has no charges.
    """
    if month is not None and MONTH.fullmatch(month) is None:
        raise typer.BadParameter(f"{month!r} is not such as 2026-10", param_hint="--month")
    from sinks.charge_queries import Asked

    asked = Asked(account, subscription, product, kind, month, uninvoiced)
    found, none = run_to_end(_list(session_of(context).settings, asked, limit))
    if none is not None and not none.is_known:
        tell(words_of_none(account, none))
        raise typer.Exit(Exit.FAILED)
    if as_json:
        write_json([each._asdict() for each in found])
        return
    if none is not None:
        tell(words_of_none(account, none))
        return
    results().print(table(None, *columns_and_rows(found)))
    if len(found) == limit:
        tell(f"The newest {limit:,}; --limit shows more.")


def columns_and_rows(found: Sequence[ListedCharge]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the table of charges; columns that few have stand there where one has something to say."""
    others = any(each.other_ratings for each in found)
    billed_with = any(each.bill_month != each.month for each in found)
    corrections = any(each.corrects for each in found)
    columns = [
        *("Usage, UTC", "Month", "Subscription", "Product", ">Used", ">Amount"),
        *(("Over", ">Costs", ">Margin") if others else ()),
        *(("Billed with",) if billed_with else ()),
        *("Invoice", "Charge"),
        *(("Corrects",) if corrections else ()),
    ]
    rows = [
        (
            *_usage_and_amount(each),
            *(_others(each) if others else ()),
            *((each.bill_month,) if billed_with else ()),
            *(each.invoice_number or "", each.charge_id),
            *((each.corrects or "",) if corrections else ()),
        )
        for each in found
    ]
    return columns, rows


def _usage_and_amount(charge: ListedCharge) -> tuple[str, ...]:
    is_usage = records_of(charge.usage_kind) == 1
    used = readable(Decimal(charge.used), charge.unit) if is_usage else charge.usage_kind
    return (
        charge.started_at.strftime("%Y-%m-%d %H:%M:%S"),
        charge.month,
        charge.subscription_id,
        charge.product,
        used,
        money(Decimal(charge.amount), charge.currency, places=2),
    )


def _others(charge: ListedCharge) -> tuple[str, str, str]:
    """Return the other ratings, what they come to, and what is left of the amount before: one below
    the other."""
    rated = charge.other_ratings
    return (
        "\n".join(one.name for one in rated),
        "\n".join(money(Decimal(one.amount), charge.currency, places=2) for one in rated),
        "\n".join(money(Decimal(one.margin), charge.currency, places=2) for one in rated),
    )


class NoneFound(NamedTuple):
    """What is known of an account where no charge is as it was asked for."""

    is_loaded: bool  # some version of the reference data has it
    has_charges: bool  # others than were asked for
    meant: str = ""  # the account that may have been meant, as a sentence

    @property
    def is_known(self) -> bool:
        """Return whether there is such an account."""
        return self.is_loaded or self.has_charges


def words_of_none(account: str, none: NoneFound) -> str:
    """Return that there is no account, or that it has no charge, or none that is so."""
    if not none.is_known:
        return (
            f"There is no account {account}: no version of the reference data has one of that id, and "
            f"it has no charges.{none.meant}"
        )
    has_none = "no charge that is as you ask" if none.has_charges else "no charges yet"
    return (
        f"Account {account} has {has_none}. `ratemill status` shows what waits to be loaded, "
        f"`ratemill suspense list --account {account}` what was refused."
    )


async def _list(
    settings: Settings, asked: Asked, limit: int
) -> tuple[list[ListedCharge], NoneFound | None]:
    """Return the charges; where there are none, what is known of the account."""
    from sinks.account_queries import meant_account, unknown_accounts
    from sinks.charge_queries import kinds_charged, list_charges
    from sinks.connection import open_pool

    endpoints = await connect(settings)
    dsn = endpoints.postgres_dsn
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        found = await list_charges(pool, asked, most=limit)
        if found:
            return found, None
        charged = await kinds_charged(pool, asked.account_id)
        if asked.usage_kind is not None:
            of_catalogue = await _kinds_of_catalogue(settings, endpoints.kafka_bootstrap)
            look_at_kind(asked.usage_kind, charged | of_catalogue)
        is_loaded = not await unknown_accounts(pool, [asked.account_id])
        is_known = is_loaded or bool(charged)
        meant = "" if is_known else await meant_account(pool, asked.account_id)
        return found, NoneFound(is_loaded, bool(charged), meant)


async def _kinds_of_catalogue(settings: Settings, bootstrap: str) -> set[str]:
    from pipeline.cli.versions import published_catalogue

    catalogue = await published_catalogue(settings, bootstrap=bootstrap)
    return set() if catalogue is None else {one.usage_kind for one in catalogue.document.products}


def look_at_kind(kind: str, of_usage: Collection[str]) -> None:
    """Raise `typer.BadParameter` where a kind is none of usage and none that charges have besides."""
    from rating.meant import meant_name

    known = sorted({*of_usage, *WITHOUT_USAGE, REVERSAL})
    if kind not in known:
        raise typer.BadParameter(
            f"{kind!r} is no kind of charges. Kinds are {', '.join(known)}.{meant_name(kind, known)}",
            param_hint="--kind",
        )
