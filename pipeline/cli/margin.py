"""`ratemill margin`: what is left between charges and what their usage costs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.help_text import examples
from pipeline.cli.output import results, tell, write_json
from pipeline.cli.period import MONTH
from pipeline.cli.running import run_to_end
from pipeline.cli.session import connect, session_of

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from sinks.margin_queries import Margins

_STATEMENT_MS = 600_000  # sums of all charges of a month: minutes where there are very many


class Sum(StrEnum):
    """What to sum by; the words of `sinks.margin_queries.By`, which needs a database driver."""

    PRODUCT = "product"
    ACCOUNT = "account"
    DESTINATION = "destination"


def add_to(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        rich_help_panel="Look",
        epilog=examples(
            "ratemill margin --month 2026-10",
            "ratemill margin --month 2026-10 --by destination --json",
        ),
    )(margin)


def margin(
    context: typer.Context,
    month: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="Usage of this month, in each account's zone.")
    ],
    by: Annotated[Sum, typer.Option(help="What to sum by.")] = Sum.PRODUCT,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Sum what usage was charged, what it costs under the plans that rate it too, and what is left.

    The plan of a charge says which these are (also_rated), and in which order: the margin over the
    first is what is charged less its rating, the margin over each further one is of the rating before
    it. What has no other rating is listed apart, never as a cost of zero; adjustments and closings have
    none, for they change what is charged and not what it costs.
    """
    found = MONTH.fullmatch(month)
    if found is None:
        raise typer.BadParameter(f"{month!r} is not such as 2026-10", param_hint="--month")
    year, number = int(found[1]), int(found[2])
    margins = run_to_end(_margins(session_of(context).settings, year, number, by))
    from pipeline.cli.margin_lines import (
        margin_table,
        margins_document,
        others_document,
        others_table,
    )

    if as_json:
        sums, others = margins_document(margins.sums), others_document(margins.others)
        write_json({"month": month, "by": by.value, **sums, "without": others})
        return
    if not margins.sums and not margins.others:
        tell(f"No charge for usage of {month}. `ratemill status` shows what waits to be loaded.")
        return
    if margins.sums:
        results().print(margin_table(by.value, margins.sums))
    else:
        tell(f"No charge for usage of {month} has another rating: no plan of it is also_rated.")
    if margins.others:
        results().print(others_table(by.value, margins.others))


async def _margins(settings: Settings, year: int, month: int, by: Sum) -> Margins:
    from sinks.connection import Timeouts, open_pool
    from sinks.margin_queries import By, margin_sums
    from sinks.partitions import Month

    dsn = (await connect(settings)).postgres_dsn
    timeouts = Timeouts(statement_ms=_STATEMENT_MS, answer_s=_STATEMENT_MS / 1000 + 15)
    async with open_pool(
        dsn, installation=settings.installation, max_size=1, timeouts=timeouts
    ) as pool:
        return await margin_sums(pool, Month(year, month), By(by.value))
