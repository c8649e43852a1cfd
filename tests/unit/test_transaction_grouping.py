"""The order in which a transaction appends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.transaction import _grouped
from schemas.flow import Append, Channel

_APPENDS = st.lists(
    st.builds(
        Append,
        st.sampled_from([Channel.NORMALISED, Channel.SUSPENSE, Channel.LEDGER]),
        st.integers(0, 3),
        st.none(),
        st.binary(max_size=2),
        st.just(()),
    ),
    min_size=1,
)


@given(_APPENDS)
def test_each_partition_gets_its_appends_in_order_and_the_proofs_partition_comes_last(
    appends: list[Append],
) -> None:
    """The offset of the last record of all is that of the proof: the state's position."""
    groups = _grouped(appends)
    for place, group in groups.items():
        assert group == [each for each in appends if (each.channel, each.partition) == place]
    assert sum(len(group) for group in groups.values()) == len(appends)
    assert next(reversed(groups.values()))[-1] is appends[-1]
