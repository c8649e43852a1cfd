"""What rate keeps from batch to batch is never older than what it was found in."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.generations import Generations
from pipeline.rate_terms import TermsInForce
from pipeline.recent_state import RecentState
from schemas.refusal import Refused
from tests.ledger_builders import OCTOBER, records_limit
from tests.rate_world import MemoryStage, account, catalogue_of, event, reference_of


def test_what_is_asked_for_again_outlives_what_is_not():
    kept = Generations(2)
    for name in "abcd":
        kept.put(name, name)
        assert kept.get("a") == "a"
    assert kept.get("b") is None
    assert kept.get("d") == "d"


def test_a_new_catalogue_is_used_by_the_next_batch():
    stage = MemoryStage()
    stage.batch(event(1))
    stage.step.catalogue = catalogue_of(records_limit(2), version=8)
    stage.batch(event(2))
    assert [type(r).__name__ for r in stage.ledger()] == ["Charge", "Charge", "LimitReached"]
    assert stage.proofs[-1].versions.catalogue == 8


def test_new_reference_data_is_used_by_the_next_batch():
    stage = MemoryStage()
    stage.batch(event(1))
    stage.step.reference.apply([account(limits=(records_limit(2),))], version=9)
    stage.batch(event(2))
    assert [type(r).__name__ for r in stage.ledger()] == ["Charge", "Charge", "LimitReached"]


def test_a_subscription_that_ended_is_not_kept_beyond_its_end():
    entry = msgspec.structs.replace(account().subscriptions[0], valid_to_ms=OCTOBER + 5)
    own = msgspec.structs.replace(account(), subscriptions=(entry,))
    stage = MemoryStage(accounts=(own,))
    stage.batch(event(1), event(2, at_ms=OCTOBER + 5), event(3, at_ms=OCTOBER + 4))
    assert len(stage.ledger()) == 2
    assert [s.reason for s in stage.suspense()] == ["rating.unknown_subscription"]


@pytest.mark.parametrize(
    "fields",
    [
        {"rating_key": "group"},
        {"run": "wholesale"},
        {"zone": "Asia/Kolkata"},
        {"tenant": "other"},
        {"product": "data"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_terms_are_not_those_of_another(fields):
    """Each is compared, since an event may bring its own."""
    terms = TermsInForce(catalogue_of(), reference_of(account()))
    one = terms.of(event(1))
    other = terms.of(event(1, **fields))
    assert not isinstance(other, Refused)
    assert other is not one
    assert terms.of(event(2, **fields)) is other


class Disk:
    """A store that counts what it is asked, and fails when told to."""

    def __init__(self):
        self.values, self.asked, self.fails = {}, [], False

    def get_many(self, keys):
        self.asked += keys
        return {key: self.values[key] for key in keys if key in self.values}

    def scan_prefix(self, prefix):
        return iter(sorted(each for each in self.values.items() if each[0].startswith(prefix)))

    def write(self, changes, folded):
        if self.fails:
            raise OSError("full")
        for key, value in changes:
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


def test_what_was_written_is_not_asked_for_again():
    disk = Disk()
    store = RecentState(disk, most_values=10)
    store.write(iter([(b"a", b"1")]), None)
    assert store.get_many([b"a", b"b"]) == {b"a": b"1"}
    assert disk.asked == [b"b"]


def test_what_was_deleted_is_gone():
    store = RecentState(Disk(), most_values=10)
    store.write([(b"a", b"1")], None)
    store.write([(b"a", None)], None)
    assert store.get_many([b"a"]) == {}


KEYS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f", b"g"])
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.sampled_from([b"1", b"2"])), max_size=6)


@given(st.lists(st.tuples(CHANGES, st.lists(KEYS, max_size=7)), max_size=12), st.integers(2, 12))
def test_it_knows_what_the_disk_knows(batches, most_values):
    disk, alone = Disk(), Disk()
    store = RecentState(disk, most_values=most_values)
    for changes, keys in batches:
        assert store.get_many(keys) == alone.get_many(keys)
        store.write(iter(changes), None)
        alone.write(changes, None)
        assert len(store._recent._young) <= most_values // 2


def test_after_a_write_that_failed_the_disk_is_asked():
    disk = Disk()
    store = RecentState(disk, most_values=10)
    store.write([(b"a", b"1")], None)
    disk.fails = True
    with pytest.raises(OSError, match="full"):
        store.write([(b"a", b"2")], None)
    assert store.get_many([b"a"]) == {b"a": b"1"}
    assert disk.asked == [b"a"]
