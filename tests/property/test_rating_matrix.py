"""The search by combinations against a search that looks at every row."""

from decimal import Decimal as D

from hypothesis import given
from hypothesis import strategies as st

from rating.price.matrix import ANY, Matrix, MatrixRow
from rating.price.per_unit import PerUnitPrice

# Few values, so that rows are parts of one another and events meet them.
prefixes = st.text("12", max_size=4)
words = st.sampled_from([ANY, "a", "b", "a2"])
days = st.integers(0, 4)
dimensions = st.lists(st.booleans(), min_size=1, max_size=4)  # whether each is a prefix


@st.composite
def matrices(draw):
    """Rows whose validities do not overlap: one or two periods for each combination and band."""
    are_prefixes = draw(dimensions)
    values = st.tuples(*(prefixes if is_prefix else words for is_prefix in are_prefixes))
    rows = []
    for combination in draw(st.lists(values, max_size=25, unique=True)):
        for band in draw(st.sampled_from([(None,), ("day",), (None, "day"), ("day", "night")])):
            start, middle, end = sorted((draw(days), draw(days), draw(days)))
            price = PerUnitPrice(D(len(rows)), D(60))  # tells the rows apart
            rows.append(MatrixRow(combination, "row", price, band, start, middle))
            rows.append(MatrixRow(combination, "row", price, band, middle, end))
    return are_prefixes, draw(st.permutations(rows))


def fits(is_prefix, value, said):
    return value == ANY or (said.startswith(value) if is_prefix else said == value)


def brute_force(are_prefixes, rows, said, day, band):
    """Return the best of all rows: by each dimension in its turn, then the row that names the band."""
    fitting = [
        row
        for row in rows
        if all(map(fits, are_prefixes, row.values, said))
        and row.from_day <= day < row.to_day
        and row.band in (None, band)
    ]
    return max(
        fitting,
        key=lambda row: (*map(len, row.values), row.band is not None),
        default=None,
    )


@given(
    matrices(),
    st.lists(st.text("123", max_size=6) | words, min_size=4, max_size=4),
    days,
    st.sampled_from([None, "day", "night"]),
)
def test_the_search_finds_what_looking_at_every_row_finds(matrix, said, day, band):
    are_prefixes, rows = matrix
    said = said[: len(are_prefixes)]
    found = Matrix("m", are_prefixes, rows).find(said, day=day, band=band)
    assert found == brute_force(are_prefixes, rows, said, day, band)


@given(matrices(), days)
def test_every_row_in_force_is_found_by_what_it_says_itself(matrix, day):
    """Rows never hide one another: what says the same as a row finds it, or its own for the band."""
    are_prefixes, rows = matrix
    built = Matrix("m", are_prefixes, rows)
    for row in rows:
        if row.from_day <= day < row.to_day:
            found = built.find(row.values, day=day, band=row.band)
            assert found is not None
            assert (found.values, found.band) == (row.values, row.band)
