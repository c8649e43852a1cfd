"""Laws of the short ways: ordinary usage comes out as by the full rules, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decode.delimited import DelimitedDecoder
from mediation.decode.item import DecodedItem
from schemas import sethash
from schemas.ids import event_identities, event_identity
from schemas.proof import proof_to_msgpack
from tests.mediation_world import MemoryStage
from tests.normalise_stream import ALL, LINES, SITE_COLUMNS, ZONES, Draw, damaged, decided, stream

texts = st.text(max_size=80)
seeds = st.integers(0, 2**32)


def decoded_both_ways(name, value, headers):
    """What a decoder gives, and what it gives when nothing is ordinary; how many were."""
    decoder = ALL[name]
    short = decoder.decode(value, headers)
    ordinary = 0
    with pytest.MonkeyPatch.context() as patch:
        readers = (
            [decoder._in_order, *decoder._by_header.values()]
            if isinstance(decoder, DelimitedDecoder)
            else decoder._rules.values()
        )
        for reader in readers:
            attribute = "_ordinary" if isinstance(decoder, DelimitedDecoder) else "ordinary"
            if getattr(reader, attribute, None) is not None:
                ordinary += 1
                patch.setattr(reader, attribute, lambda *given: None)
        if isinstance(decoder, DelimitedDecoder):
            patch.setattr(decoder, "_quoted_cells", lambda text: None)
        full = decoder.decode(value, headers)
    return short, full, ordinary


@given(seeds, st.sampled_from(sorted(LINES)), st.sampled_from(ZONES))
def test_an_ordinary_line_is_what_the_full_rules_say(seed, name, zone):
    draw = Draw(seed)
    lines = [damaged(draw, LINES[name](draw)) for _ in range(12)]
    headers = {"record": b"block", "columns_line": SITE_COLUMNS, "first_line": b"2"}
    headers |= {} if zone is None else {"zone": zone.encode()}
    short, full, readers = decoded_both_ways(name, b"\n".join(lines), headers)
    assert readers
    assert short == full
    # Equal decimals may have other digits: 12 and 12.0.
    assert [str(item) for item in short] == [str(item) for item in full]


@pytest.mark.parametrize("name", sorted(LINES))
def test_lines_of_every_mapping_go_the_short_way(name, monkeypatch):
    """Else the law above would compare the full way with itself."""
    draw, decoder = Draw(7), ALL[name]
    lines = b"\n".join(LINES[name](draw).encode() for _ in range(900))
    headers = {"record": b"block", "zone": b"Europe/Berlin", "columns_line": SITE_COLUMNS}
    decoder.decode(lines, headers | {"first_line": b"2"})  # a header's reader is made by now
    is_delimited = isinstance(decoder, DelimitedDecoder)
    readers = (decoder._by_header if is_delimited else decoder._rules).values()
    reader = decoder._in_order if is_delimited and decoder._in_order else next(iter(readers))
    kind, way = type(reader), "read_in_full" if is_delimited else "read"
    usage = [each for _, _, each in decoder.decode(lines, headers) if type(each) is DecodedItem]
    monkeypatch.setattr(kind, way, lambda *given, **named: None)
    short = [each for _, _, each in decoder.decode(lines, headers) if type(each) is DecodedItem]
    assert len(usage) >= len(short) > 5


@pytest.mark.parametrize("seed", range(20, 26))
def test_an_ordinary_event_is_what_the_full_rules_make(seed, monkeypatch):
    """Where nobody is known while a record is read, every item is decided in full."""
    cuts = frozenset({3, 40, 41, 100})
    ready, decisions = decided(seed, 150, cuts)
    monkeypatch.setattr("mediation.owners.Owners.held", lambda *given: ())
    full, full_decisions = decided(seed, 150, cuts)
    assert ready.appends == full.appends
    assert [proof_to_msgpack(each.proof) for each in decisions] == [
        proof_to_msgpack(each.proof) for each in full_decisions
    ]
    assert [each.changes for each in decisions] == [each.changes for each in full_decisions]
    assert len(ready.events()) > 50


def test_what_was_prepared_under_another_version_is_prepared_again():
    """Owners are looked up while a batch is prepared; its proof names one version for all of it."""
    records = stream(3, 60)
    one, two = MemoryStage(mappings=ALL), MemoryStage(mappings=ALL)
    first = [one.record(value, **about) for value, about in records]
    (moved,) = [a for a in one.reference.accounts.values() if a.account_id == "a-1"]
    prepared = one.step.prepare(first)
    for stage in (one, two):
        stage.reference.apply([type(moved)(**{**_fields(moved), "zone": "UTC"})], version=6)
    late = one.step.decide(prepared, {}, previous=one.proof)
    second = [two.record(value, **about) for value, about in records]
    fresh = two.step.decide(two.step.prepare(second), {}, previous=two.proof)
    assert late.appends == fresh.appends
    assert late.proof == fresh.proof


def _fields(record):
    return {name: getattr(record, name) for name in record.__struct_fields__}


@given(texts, texts, texts)
def test_identities_of_a_source_are_the_identities(tenant, source, record_id):
    identity_of = event_identities(tenant=tenant, source=source)
    expected = event_identity(tenant=tenant, source=source, record_id=record_id)
    assert identity_of(record_id) == identity_of(record_id) == expected


@given(
    st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8))),
    texts,
    st.integers(0, sethash.MODULUS - 1),
)
def test_digests_of_events_add_up_to_their_members(events, rating_key, total):
    owner = sethash.owned_by("retail", rating_key)
    digests = [sethash.event_digest(identity, owner, content) for identity, content in events]
    expected = total
    for identity, content in events:
        member = sethash.event_member(identity, "retail", rating_key, content)
        expected = sethash.add(expected, member)
    assert sethash.add_digests(total, digests) == expected
