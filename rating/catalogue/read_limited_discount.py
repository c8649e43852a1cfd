"""Reads a discount that is used up: `{percent: 100, times: 1}`."""

from __future__ import annotations

from decimal import Decimal

from rating.catalogue.document import DiscountTimes
from rating.catalogue.read_condition import read_condition
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Mapping
from rating.counting import CounterPeriod
from rating.meant import closest

MOST_TIMES = 1_000_000
_HUNDRED = Decimal(100)
_KEYS = ("percent", "times", "every", "when")


def is_limited(item: Mapping) -> bool:
    """Return whether a discount says how often it is given, or means to: with a key that is written
    like one that does."""
    return any(closest(key.text, _KEYS) in ("times", "every") for key, _ in item.entries)


def read_limited(reader: Reader, item: Mapping, field: str) -> DiscountTimes | None:
    """Return a discount of so many events; None where it is none."""
    values = reader.record(item, field, required=("percent", "times"), optional=("every", "when"))
    if values is None or not {"percent", "times"} <= values.keys():
        return None
    percent = reader.percent(values["percent"], f"{field}.percent")
    times = reader.whole(values["times"], f"{field}.times", least=1, most=MOST_TIMES)
    every = reader.choice(values.get("every"), f"{field}.every", CounterPeriod, CounterPeriod.ONCE)
    condition = read_condition(reader, values.get("when"), f"{field}.when")
    if not 0 < percent <= _HUNDRED:
        expected = "a percentage above 0 and at most 100"
        reader.complain(
            values["percent"], f"{field}.percent", expected=expected, found=str(percent)
        )
        return None
    return DiscountTimes(
        percent=percent,
        times=times,
        every=every,
        when="" if condition is None else condition.text,
    )
