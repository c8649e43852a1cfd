"""When rows are in force in every band, against looking at each day."""

import datetime as dt
import itertools
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue.spans import joined, whole_spans

FIRST = dt.date(2026, 10, 1)
DAYS = [FIRST + dt.timedelta(days=number) for number in range(12)]
BANDS = ("peak", "off-peak")


class Row(NamedTuple):
    band: str | None
    valid_from: dt.date | None
    valid_to: dt.date | None


rows = st.lists(
    st.builds(
        Row,
        st.sampled_from([None, *BANDS]),
        st.sampled_from([None, *DAYS]),
        st.sampled_from([None, *DAYS]),
    ).filter(lambda row: not row.valid_from or not row.valid_to or row.valid_from < row.valid_to),
    max_size=8,
)


@given(rows)
def test_a_day_is_whole_where_each_band_or_any_has_a_row(rows):
    spans = joined(whole_spans(rows, BANDS))
    for day in [FIRST - dt.timedelta(days=1), *DAYS]:
        bands = {
            row.band
            for row in rows
            if (row.valid_from is None or row.valid_from <= day)
            and (row.valid_to is None or day < row.valid_to)
        }
        whole = None in bands or bands.issuperset(BANDS)
        assert any(start <= day < end for start, end in spans) == whole
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))
