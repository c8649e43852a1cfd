"""The prefix search against a search that looks at every row."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from rating.price.per_unit import PerUnitPrice
from rating.price.rate_card import RateCard, RateCardRow

# Two digits only, so that prefixes are parts of one another and numbers meet them.
digits = st.text("12", min_size=1, max_size=7)
days = st.integers(0, 4)


@st.composite
def cards(draw):
    """Rows whose validities do not overlap: one or two periods for each prefix and band."""
    rows = []
    for prefix in draw(st.lists(digits, max_size=25, unique=True)):
        for band in draw(st.sampled_from([(None,), ("day",), (None, "day"), ("day", "night")])):
            start, middle, end = sorted((draw(days), draw(days), draw(days)))
            price = PerUnitPrice(D(len(rows)), D(60))  # tells the rows apart
            rows.append(RateCardRow(prefix, prefix, price, band, start, middle))
            rows.append(RateCardRow(prefix, prefix, price, band, middle, end))
    return draw(st.permutations(rows))


def brute_force(rows, number, day, band):
    """Return the best of all rows: the longest prefix, then the row that names the band."""
    fitting = [
        row
        for row in rows
        if number.startswith(row.prefix)
        and row.from_day <= day < row.to_day
        and row.band in (None, band)
    ]
    return max(fitting, key=lambda row: (len(row.prefix), row.band is not None), default=None)


@given(cards(), st.text("123", max_size=9), days, st.sampled_from([None, "day", "night"]))
def test_the_search_finds_what_looking_at_every_row_finds(rows, number, day, band):
    assert RateCard("c", rows).find(number, day=day, band=band) == brute_force(
        rows, number, day, band
    )
