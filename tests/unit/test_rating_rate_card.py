import datetime as dt
from decimal import Decimal as D

import pytest

from rating.local_time import day_number
from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import RateCard, RateCardRow

OCTOBER = day_number(dt.date(2026, 10, 1))


def row(prefix, name=None, **fields):
    return RateCardRow(prefix, name or prefix, PerUnitPrice(D(1), D(60)), **fields)


def find(rows, number, *, day=OCTOBER, band=None):
    found = RateCard("test", rows).find(number, day=day, band=band)
    return None if found is None else found.destination


@pytest.mark.parametrize(
    ("prefixes", "number", "found"),
    [
        (["49", "4930"], "493012345", "4930"),
        (["49", "4930"], "494012345", "49"),
        (["4930"], "493", None),
        (["4930"], "4930", "4930"),
        (["1", "1242"], "12425551234", "1242"),
        (["1", "1242"], "1243", "1"),
        (["1", "12", "123456"], "123455", "12"),
        (["7"], "7", "7"),
        (["7"], "", None),
        (["49", "491", "4915", "49151"], "49151999", "49151"),
        (["44"], "49", None),
        ([], "49", None),
    ],
)
def test_the_longest_prefix_wins(prefixes, number, found):
    assert find([row(prefix) for prefix in prefixes], number) == found


def test_a_row_that_is_not_in_force_leaves_its_numbers_to_a_shorter_prefix():
    rows = [row("49"), row("4930", from_day=OCTOBER, to_day=OCTOBER + 31)]
    assert find(rows, "4930", day=OCTOBER - 1) == "49"
    assert find(rows, "4930", day=OCTOBER) == "4930"
    assert find(rows, "4930", day=OCTOBER + 30) == "4930"
    assert find(rows, "4930", day=OCTOBER + 31) == "49"


@pytest.mark.parametrize("turn", [list, lambda rows: rows[::-1]], ids=["as is", "turned round"])
def test_a_row_for_the_band_comes_before_one_for_all_bands(turn):
    rows = turn([row("49"), row("49", "at night", band="night")])
    assert find(rows, "4930", band="night") == "at night"
    assert find(rows, "4930", band="day") == "49"
