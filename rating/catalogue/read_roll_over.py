"""Reads `rolls_over:`: what a month leaves of an allowance to later months."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from rating.catalogue.document import RollsOver
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Reader, date_of
from rating.catalogue.yaml_tree import Node
from rating.counting import CounterPeriod
from rating.price.allowance import MOST_MONTHS, TakenFirst

_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")

ReadSize = Callable[[Node, str], Decimal]
"""Reads a quantity, or an amount, as the allowance itself is stated in."""


def read_roll_over(
    reader: Reader,
    node: Node | None,
    field: str,
    *,
    size: Decimal,
    unit: str,
    step: Decimal | None,
    period: CounterPeriod,
    read_size: ReadSize,
) -> RollsOver | None:
    """Return what an allowance of ``size`` leaves to later months; None where that is nothing."""
    if node is None:
        return None
    at = f"{field}.rolls_over"
    if period is not CounterPeriod.MONTH:
        expected = (
            "an allowance of the month: what is left of a day is lost with it"
            if period is CounterPeriod.DAY
            else "an allowance of the month: one that is given once is never lost"
        )
        reader.complain(node, at, expected=expected, found=f"every: {period.value}")
    values = reader.record(node, at, required=("months",), optional=("upto", "order", "since"))
    if values is None:
        return None
    upto = None
    if "upto" in values:
        upto = read_size(values["upto"], f"{at}.upto")
        wanted = _expected_upto(upto, size, step, unit)
        if wanted is not None:
            reader.complain(values["upto"], f"{at}.upto", expected=wanted, found=f"{upto} {unit}")
    return RollsOver(
        months=reader.whole(values.get("months"), f"{at}.months", least=1, most=MOST_MONTHS),
        upto=upto,
        order=reader.choice(
            values.get("order"), f"{at}.order", TakenFirst, TakenFirst.OLDEST_FIRST
        ),
        since=_month(reader, values.get("since"), f"{at}.since"),
    )


def _expected_upto(upto: Decimal, size: Decimal, step: Decimal | None, unit: str) -> str | None:
    """Return what is expected of the most that a month leaves, where this is not it."""
    if upto > size:
        return f"no more than the allowance itself, {size} {unit}"
    if step is not None and upto < step:
        return f"at least one step, {step} {unit}, for it gives whole ones"
    return None if upto else "an amount above zero; without rolls_over nothing is left"


def _month(reader: Reader, node: Node | None, field: str) -> str:
    """Return a month; empty where the key is not there."""
    if node is None:
        return ""
    expected = "a month such as 2026-10"
    text = reader.text(node, field, expected=expected)
    if text and not (_MONTH.fullmatch(text) and date_of(f"{text}-01")):
        reader.complain(node, field, expected=expected, found=quoted(text))
        return ""
    return text
