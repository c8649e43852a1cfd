from decimal import Decimal

import msgspec
import pytest

from counters.period import close
from counters.state import (
    NEW_BUCKET,
    NEW_HEAD,
    Bucket,
    Head,
    bucket_from_state,
    bucket_key,
    bucket_to_state,
    changes_of,
    head_from_state,
    head_key,
    head_to_state,
)
from schemas import ledger
from schemas.ledger import CounterAfter, Unbilled
from schemas.proof import Proof
from tests.ledger_builders import OCTOBER, SEPTEMBER, charge_after, period_close

ENTRY = Unbilled("voice", "call", OCTOBER, "EUR", 2, "1.5000000000")


def test_a_head_and_a_bucket_come_back_as_they_were_written():
    head = Head(7, SEPTEMBER, (ENTRY,))
    bucket = Bucket(3, "180", "0.0000000000")
    assert head_from_state(head_to_state(head)) == head
    assert bucket_from_state(bucket_to_state(bucket)) == bucket


def test_what_is_absent_is_new():
    assert head_from_state(None) == NEW_HEAD == Head(0, 0, ())
    assert bucket_from_state(None) == NEW_BUCKET == Bucket(0, "0", "0")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc", 0), ("ab", "c", 0)),
        (("a", "b", 1), ("a", "b", 2)),
        (("a", "b", 1), ("a", "c", 1)),
    ],
    ids=["a letter moved over", "another period", "another counter"],
)
def test_no_two_buckets_have_one_key(one, other):
    assert bucket_key(*one) != bucket_key(*other)


def test_no_bucket_has_the_key_of_a_head():
    assert bucket_key("a", "b", 0)[:1] != head_key("a")[:1]


def test_keys_of_buckets_are_in_the_order_of_their_periods():
    """So that what lies behind the horizon is one range."""
    periods = [-1, 0, 1, SEPTEMBER, OCTOBER]
    keys = [bucket_key("z" if at % 2 else "a", "c", at) for at in periods]
    assert keys == sorted(keys)


def test_a_charge_tells_its_head_and_its_counters():
    _, charge = charge_after(Head(4, SEPTEMBER, ()), "1.5000000000")
    after = CounterAfter("product:voice:s:EUR", OCTOBER, 1, "60", "1.5000000000")
    charge = msgspec.structs.replace(charge, counters_after=(after,))
    head_change, bucket_change = changes_of(ledger.to_wire(charge))
    one = Unbilled("voice", "call", OCTOBER, "EUR", 1, "1.5000000000")
    assert head_change == (head_key("a-1"), head_to_state(Head(5, SEPTEMBER, (one,))))
    assert bucket_change == (
        bucket_key("a-1", "product:voice:s:EUR", OCTOBER),
        bucket_to_state(Bucket(1, "60", "1.5000000000")),
    )


def test_a_close_tells_its_head():
    head, closed = close(
        Head(4, SEPTEMBER, (ENTRY,)), period_close(), source_partition=0, source_offset=9
    )
    assert list(changes_of(ledger.to_wire(closed))) == [(head_key("a-1"), head_to_state(head))]


def test_a_proof_changes_no_state():
    proof = Proof(
        stage="rate",
        installation="i",
        genesis_id="g",
        cluster_id="c",
        source_topic="t",
        source_partition=0,
        batch=1,
        first=0,
        next=1,
    )
    assert list(changes_of(ledger.to_wire(proof))) == []


def test_a_kind_that_is_not_known_is_an_error():
    with pytest.raises(msgspec.ValidationError, match="kind"):
        list(changes_of(b'{"kind":"adjustment","rating_key":"a-1"}'))


def test_a_record_that_does_not_say_its_head_is_an_error():
    _, charge = charge_after(NEW_HEAD)
    fields = msgspec.json.decode(ledger.to_wire(charge))
    del fields["unbilled"]
    with pytest.raises(msgspec.ValidationError, match="unbilled"):
        list(changes_of(msgspec.json.encode(fields)))


def test_a_zero_charge_is_written_without_an_exponent():
    head, _ = charge_after(NEW_HEAD, str(Decimal("0E-10")))
    assert head.unbilled[0].amount == "0.0000000000"
