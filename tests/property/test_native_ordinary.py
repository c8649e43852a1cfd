"""Laws of what is compiled in `native/ordinary.pyx`: it gives what its Python twin gives."""

import hashlib
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation import ordinary
from mediation.decode.item import DecodedItem, Ignored
from mediation.dedup import Window
from mediation.ordinary import OrdinaryUsage
from mediation.owners import Owner, OwnerAccount, Owners
from mediation.received import Origin, Ready
from schemas.flow import SourceRecord
from schemas.ids import event_identities
from schemas.raw import MAX_RECORD_BYTES
from schemas.reference import ReferenceData
from schemas.sethash import owned_by
from tests.mediation_world import accounts

needs_compiled = pytest.mark.skipif(
    ordinary._native is None, reason="nothing is compiled: no C compiler was there"
)

texts = st.text(max_size=40) | st.text(alphabet="0123456789abc", max_size=300)
names = st.text(max_size=12)
decimals = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(-(10**28), 10**28),
    st.integers(-9, 28),
)
whole = st.integers(-(2**63), 2**63 - 1)
near = st.sampled_from([-(2**31), -32769, -129, -33, -32, -1, 0, 127, 128, 255, 256, 65535, 65536])
times = st.one_of(st.none(), near, st.integers(-(2**40), 2**42))
items = st.builds(
    DecodedItem,
    record_id=texts,
    identifiers=st.just(("known",)) | st.just(("nobody",)),
    started_at_ms=times,
    ended_at_ms=st.none() | near | whole,
    product=names,
    usage_kind=names,
    quantities=st.dictionaries(names, decimals, max_size=20),
    origin=st.none() | texts,
    destination=st.none() | texts,
    service_class=st.none() | texts,
    attributes=st.dictionaries(names, texts, max_size=20),
    content=st.binary(max_size=400),
    content_version=st.integers(0, 65_535),
)
outcomes = items | st.just(Ignored("an empty line"))


class Holders(Owners):
    """Owners that know one identifier."""

    def __init__(self, rating_key):
        account = OwnerAccount(
            rating_key,
            rating_key.encode(),
            1,
            "a-1",
            "Europe/Berlin",
            owned_by("retail", rating_key),
        )
        self.owner = Owner(-(1 << 62), 1 << 62, "s-1", account)
        super().__init__(ReferenceData(), lambda rating_key: 1)

    def held(self, tenant, identifier):
        return (self.owner,) if identifier == "known" else ()


@needs_compiled
@given(
    st.lists(outcomes, max_size=4),
    texts,
    texts,
    st.integers(0, 2**40),
    st.integers(0, 2**31),
    st.integers(0, 2**42),
    st.integers(0, 2**41),
)
@example([], "", "", 0, 0, 0, 0)
def test_items_are_those_of_the_twin(decoded, tenant, source, offset, partition, at_ms, horizon_ms):
    usage = OrdinaryUsage(Holders(tenant + "/a-1"), Window(horizon_ms=horizon_ms, future_ms=2**41))
    identity_of = event_identities(tenant=tenant, source=source)
    origin = Origin(tenant, source, "asterisk@1", None, identity_of)
    record = SourceRecord(partition, offset, at_ms, b"", b"", ())
    given_items = [(at, b"line %d" % at, each) for at, each in enumerate(decoded)]
    assert usage.items(record, origin, given_items) == usage.items_in_python(
        record, origin, given_items
    )


@needs_compiled
def test_owners_are_those_of_the_version_in_force():
    """What is remembered of an identifier is forgotten with the reference data that it is of; and the
    first identifier that somebody holds counts, also where another one is remembered already."""
    reference = ReferenceData()
    owners = Owners(reference, lambda rating_key: 0)
    usage = OrdinaryUsage(owners, Window(horizon_ms=10, future_ms=10))
    origin = Origin("acme", "s", "f@1", None, event_identities(tenant="acme", source="s"))
    record = SourceRecord(0, 0, 0, b"", b"", ())
    items = [
        (at, b"", DecodedItem(
            "id", identifiers, 0, 0, "voice", "voice", {}, None, None, None, {}, b"", 1
        ))
        for at, identifiers in enumerate([("two",), ("one", "two"), ("none", "two"), ("one",)])
    ]  # fmt: skip
    held = [{"a-1": ["one"], "a-2": ["two"]}, {"a-1": [], "a-2": ["one", "two"]}, {"a-2": ["one"]}]
    for version, holders in enumerate(held, 1):
        reference.apply(accounts(holders), version=version)
        owners.refresh()
        for _ in range(2):
            made = usage.items(record, origin, items)
            assert made == usage.items_in_python(record, origin, items)
            of = [each.rating_key.decode() if type(each) is Ready else None for each in made]
            assert of == [
                next((who for one in asked for who, its in holders.items() if one in its), None)
                for asked in (("two",), ("one", "two"), ("none", "two"), ("one",))
            ]


@needs_compiled
@pytest.mark.parametrize("more", [-200, *range(-12, 3)])
def test_an_event_is_too_large_by_the_same_byte(more):
    usage = OrdinaryUsage(Holders("a-1"), Window(horizon_ms=10, future_ms=10))
    identity_of = event_identities(tenant="t", source="s")
    origin, record = Origin("t", "s", "f@1", None, identity_of), SourceRecord(0, 0, 0, b"", b"", ())

    def item(length):
        return DecodedItem(
            "id", ("known",), 0, 0, "voice", "voice", {"s": Decimal(1)}, "x" * length, None, None,
            {}, b"", 1,
        )  # fmt: skip

    (small,) = usage.items_in_python(record, origin, [(0, b"", item(70_000))])
    length = MAX_RECORD_BYTES - len(small.event) + 70_000 - 9 + more
    both = [
        make(record, origin, [(0, b"", item(length))])
        for make in (usage.items, usage.items_in_python)
    ]
    assert both[0] == both[1]


@needs_compiled
@given(st.binary(max_size=700), st.integers(0, 3))
def test_hashes_are_blake2b(content, fields):
    usage = OrdinaryUsage(Holders("a-1"), Window(horizon_ms=10, future_ms=10))
    origin = Origin("t", "s", "f@1", None, event_identities(tenant="t", source="s"))
    record = SourceRecord(0, 0, 0, b"", b"", ())
    quantities = {str(each): Decimal(each) for each in range(fields)}
    item = DecodedItem(
        "id", ("nobody",), 0, 0, "", "", quantities, None, None, None, {}, content, 1
    )
    (received,) = usage.items(record, origin, [(0, b"", item)])
    assert received.content_hash == hashlib.blake2b(content, digest_size=8).digest()
