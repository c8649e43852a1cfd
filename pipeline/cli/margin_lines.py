"""What `ratemill margin` shows a reader: a line for each sum, totals below, what has no other rating."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.cli.output import money, table
from rating.margins import MarginSum, totals
from schemas.decimals import EXACT
from schemas.money import round_amount

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sinks.margin_queries import NotRatedOtherwise

_HUNDRED = Decimal(100)
_LEAST_PLACES = 2
_NOT_NAMED = "(none)"  # a price without a destination


def margin_table(by: str, sums: Sequence[MarginSum]) -> RenderableType:
    """Return the sums, with their totals where there are several things."""
    rows = [*sums, *(totals(sums) if len({each.of for each in sums}) > 1 else ())]
    cells = [
        (
            *(each.of or _NOT_NAMED, each.rating, each.records, each.paid_from),
            *[
                money(amount, each.currency, places=_LEAST_PLACES)
                for amount in (each.before, each.amount, each.margin)
            ],
            _percent(each),
        )
        for each in rows
    ]
    return table(
        "Margins",
        [by.capitalize(), "Over", ">Records", "Of the", ">Amount", ">Costs", ">Margin", ">%"],
        cells,
    )


def margins_document(sums: Sequence[MarginSum]) -> dict[str, list[dict[str, object]]]:
    """Return the sums and their totals as JSON has them; decimals have all their digits."""
    return {
        name: [{**_plain(each._asdict()), "margin": f"{each.margin:f}"} for each in of]
        for name, of in (("sums", sums), ("totals", totals(sums)))
    }


def others_document(others: Sequence[NotRatedOtherwise]) -> list[dict[str, object]]:
    """Return what has no other rating, in the same form."""
    return [_plain(each._asdict()) for each in others]


def _plain(fields: dict[str, object]) -> dict[str, object]:
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in fields.items()
    }


def others_table(by: str, others: Sequence[NotRatedOtherwise]) -> RenderableType:
    """Return what was charged and has no other rating."""
    cells = [
        (
            *(each.of or _NOT_NAMED, each.kind, each.charges),
            money(each.amount, each.currency, places=_LEAST_PLACES),
        )
        for each in others
    ]
    return table(
        "Charged without another rating", [by.capitalize(), "Kind", ">Charges", ">Amount"], cells
    )


def _percent(each: MarginSum) -> str:
    """Return the margin in percent of what the rating is paid from, to a tenth; nothing of nothing."""
    if not each.before:
        return ""
    share = round_amount(
        EXACT.multiply(each.margin, _HUNDRED), divide_by=each.before, decimal_places=1
    )
    return f"{share:f}"
