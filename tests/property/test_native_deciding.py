"""Laws of `native/deciding.pyx`: a batch comes to what the Python twins make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation import changes, normalise
from schemas.proof import proof_to_msgpack
from tests.normalise_stream import decided

needs_compiled = pytest.mark.skipif(
    changes._native is None, reason="nothing is compiled: no C compiler was there"
)

identities = st.binary(min_size=16, max_size=16)
changed = st.dictionaries(
    st.sampled_from([b"i", b"f", b"s"]).flatmap(lambda kind: identities.map(kind.__add__)),
    st.binary(min_size=27, max_size=27),
).flatmap(
    lambda found: st.sets(st.sampled_from([k for k in found if k[:1] == b"f"] or [None])).map(
        lambda done: {key: None if key in done else value for key, value in found.items()}
    )
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


@needs_compiled
@pytest.mark.parametrize("seed", range(30, 38))
def test_a_batch_is_decided_as_by_python(seed, monkeypatch):
    cuts = frozenset({2, 40, 41, 77})
    compiled, decisions = decided(seed, 120, cuts)
    monkeypatch.setattr(normalise, "_native", None)
    twin, twin_decisions = decided(seed, 120, cuts)
    assert compiled.appends == twin.appends
    assert [proof_to_msgpack(each.proof) for each in decisions] == [
        proof_to_msgpack(each.proof) for each in twin_decisions
    ]
    assert [each.changes for each in decisions] == [each.changes for each in twin_decisions]
    assert len(compiled.events()) > 20
