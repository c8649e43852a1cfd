"""Laws of `native/deciding.pyx`: a batch comes to what the Python twins make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation import changes, outcomes, tally
from schemas import sethash
from schemas.flow import Append
from schemas.proof import proof_to_msgpack
from tests.normalise_stream import decided

needs_compiled = pytest.mark.skipif(
    changes._native is None, reason="nothing is compiled: no C compiler was there"
)

identities = st.binary(min_size=16, max_size=16)
lengths = {b"i": 27, b"f": 44, b"s": 9}
keys = st.sampled_from(sorted(lengths)).flatmap(lambda kind: identities.map(kind.__add__))
changed = st.dictionaries(keys, st.tuples(st.binary(min_size=44, max_size=44), st.booleans())).map(
    lambda found: {
        key: None if done and key[:1] == b"f" else value[: lengths[key[:1]]]
        for key, (value, done) in found.items()
    }
)


@needs_compiled
@given(changed)
def test_changes_are_packed_as_by_python(found):
    assert changes.pack(found) == changes.pack_in_python(found)
    assert dict(changes.unpack(changes.pack(found))) == found


@needs_compiled
@given(st.lists(st.tuples(identities, st.integers(0, 3), st.sampled_from([b"i", b"f"]))))
def test_marks_are_found_by_day_as_by_python(marks):
    found = [(kind + key, bytes(10) + bytes([day] * 17)) for key, day, kind in marks]
    found.append((b"i" + bytes(16), None))
    assert changes._native.by_day(found) == changes.by_day(found)
    assert list(changes._native.by_day(found)) == list(changes.by_day(found))


digests = st.one_of(
    identities,
    st.sampled_from([bytes(16), b"\xff" * 16, bytes(8) + b"\xff" * 8, b"\xff" * 8 + bytes(8)]),
)


@needs_compiled
@given(st.lists(digests))
def test_digests_add_up_as_by_python(found):
    assert changes._native.sum_of(found) == sethash.add_digests(0, found)


@needs_compiled
def test_items_whose_fields_lie_in_another_way_are_left_to_the_twin():
    class Ready:
        """Fields that do not lie in the object itself."""

        key = mark = partition = rating_key = event = member = property(lambda self: b"")

    with pytest.raises(TypeError):
        changes._native.Handing(ready=Ready, append=Append, channel=None, end_bytes=5)


@needs_compiled
@pytest.mark.parametrize("seed", range(30, 38))
def test_a_batch_is_decided_as_by_python(seed, monkeypatch):
    cuts = frozenset({2, 40, 41, 77})
    compiled, decisions = decided(seed, 120, cuts)
    monkeypatch.setattr(outcomes, "_native", None)
    monkeypatch.setattr(tally, "_native", None)
    twin, twin_decisions = decided(seed, 120, cuts)
    assert compiled.appends == twin.appends
    assert [proof_to_msgpack(each.proof) for each in decisions] == [
        proof_to_msgpack(each.proof) for each in twin_decisions
    ]
    assert [each.changes for each in decisions] == [each.changes for each in twin_decisions]
    assert len(compiled.events()) > 20
