"""The digests over prepared fields are those over the fields themselves."""

from hypothesis import given
from hypothesis import strategies as st

from schemas import sethash
from schemas.event_digests import EventDigests, charge_members
from schemas.ids import usage_charge_id

ids = st.binary(min_size=16, max_size=16)
texts = st.text(max_size=40)


@given(ids, texts, texts, st.binary(max_size=40))
def test_a_member_is_that_of_the_set_hash(identity, run, rating_key, content_hash):
    assert EventDigests(run, rating_key).member(identity, content_hash) == sethash.event_member(
        identity, run, rating_key, content_hash
    )


@given(ids, texts, texts)
def test_a_charge_id_is_that_of_the_ids(identity, run, rating_key):
    assert EventDigests(run, rating_key).charge_id(identity).hex() == usage_charge_id(
        identity=identity, run=run, rating_key=rating_key
    )


@given(ids, texts, texts)
def test_a_charge_s_member_is_that_of_the_set_hash(charge_id, amount, currency):
    assert charge_members(currency)(charge_id, amount) == sethash.charge_member(
        charge_id.hex(), amount, currency
    )
