"""Laws of `native/owners.pyx`: whose usage it is, it finds as `Owners.find` does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation import ordinary
from mediation import owners as owners_room
from mediation.decode.item import DecodedItem
from mediation.dedup import Window
from mediation.ordinary import OrdinaryUsage
from mediation.owners import Owners
from mediation.received import Origin, Ready, ReceivedItem
from schemas.flow import SourceRecord
from schemas.ids import event_identities
from schemas.reference import Account, ReferenceData, Subscription

needs_compiled = pytest.mark.skipif(
    owners_room._native is None, reason="nothing is compiled: no C compiler was there"
)

FAR = 1 << 62
TENANTS = ("acme", "acme-eu", "")
IDENTIFIERS = ("", "1", "12345678", "123456789", "número", "x" * 300)

instants = st.integers(0, 6) | st.sampled_from([-(1 << 70), 1 << 63, 1 << 70])
entries = st.lists(
    st.tuples(st.sampled_from(IDENTIFIERS), instants, st.none() | instants), max_size=4
)
holders = st.lists(
    st.tuples(st.sampled_from(TENANTS), st.sampled_from(["UTC", "Europe/Berlin"]), entries),
    max_size=6,
)
asked = st.lists(
    st.tuples(
        st.sampled_from([*TENANTS, "made up"]),
        st.lists(st.sampled_from([*IDENTIFIERS, "nobody's"]), max_size=3).map(tuple),
        st.integers(0, 6),
    ),
    max_size=12,
)


def reference_of(held):
    reference = ReferenceData()
    apply(reference, held, version=1)
    return reference


def apply(reference, held, *, version):
    accounts = [
        Account(
            tenant=tenant,
            account_id=f"{tenant}/a-{number}",
            name="",
            zone=zone,
            currency="EUR",
            subscriptions=tuple(
                Subscription(
                    subscription_id=f"s-{number}-{each}",
                    identifier=identifier,
                    plan="p",
                    valid_from_ms=from_ms,
                    valid_to_ms=to_ms,
                )
                for each, (identifier, from_ms, to_ms) in enumerate(entries)
            ),
        )
        for number, (tenant, zone, entries) in enumerate(held)
    ]
    reference.apply(accounts, version=version)


def usage_of(reference):
    owners = Owners(reference, lambda rating_key: len(rating_key) % 3)
    return owners, OrdinaryUsage(owners, Window(horizon_ms=FAR, future_ms=FAR))


def both_ways(usage, tenant, identifiers, at_ms):
    origin = Origin(tenant, "s", "f@1", None, event_identities(tenant=tenant, source="s"))
    decoded = DecodedItem(
        "id", identifiers, at_ms, None, "voice", "voice", {}, None, None, None, {}, b"", 1
    )
    record = SourceRecord(0, 0, 0, b"", b"", ())
    (made,) = usage.items(record, origin, [(0, b"", decoded)])
    (twin,) = usage.items_in_python(record, origin, [(0, b"", decoded)])
    assert made == twin
    return made


@needs_compiled
@given(holders, holders, asked, asked)
def test_an_owner_is_that_of_the_twin_in_every_version(first, second, before, after):
    reference = reference_of(first)
    owners, usage = usage_of(reference)
    for each in before:
        both_ways(usage, *each)
    apply(reference, second, version=2)
    owners.refresh()
    for each in after:
        both_ways(usage, *each)


@needs_compiled
@pytest.mark.parametrize("most_bytes", [1, 3_000, 1 << 24])
def test_thousands_of_owners_are_those_of_the_twin(most_bytes, monkeypatch):
    """Whatever is forgotten between them: one, a dozen, nothing."""
    monkeypatch.setattr(owners_room, "_MOST_BYTES", most_bytes)
    held = [
        (tenant, "UTC", [(f"{number:08d}-{each}", 0, None) for each in range(3)])
        for number in range(500)
        for tenant in ("acme", "acme-eu")
    ]
    _, usage = usage_of(reference_of(held))
    ready = 0
    for _ in range(2):
        for number, (tenant, _, entries) in enumerate(held):
            for identifier, _, _ in entries:
                made = both_ways(usage, tenant, (f"{identifier}?", identifier), 5)
                ready += type(made) is Ready
                assert made.rating_key == f"{tenant}/a-{number}".encode()
    assert ready == 6_000


@needs_compiled
def test_without_memory_what_is_remembered_stays_whole():
    """Whichever piece of memory is refused while everything is forgotten."""
    testcapi = pytest.importorskip("_testcapi")
    owners, usage = usage_of(reference_of([("acme", "UTC", [("1", 0, None)])]))
    refused = 0
    for at in range(8):
        both_ways(usage, "acme", ("1",), 5)
        testcapi.set_nomemory(at, at + 1)
        try:
            owners.at_hand.forget()
        except MemoryError:
            refused += 1
        finally:
            testcapi.remove_mem_hooks()
        assert type(both_ways(usage, "acme", ("1",), 5)) is Ready
    assert refused


@needs_compiled
def test_nothing_in_the_place_of_owners_is_an_error():
    with pytest.raises(TypeError):
        ordinary._native.Maker(
            None, decoded=DecodedItem, ready=Ready, received=ReceivedItem, mark_key=b"i", kind="u",
            run="r", passed=1, largest=9,
        )  # fmt: skip
