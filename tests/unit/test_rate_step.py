from decimal import Decimal

import msgspec
import pytest

from counters.state import bucket_from_state, bucket_key, head_from_state, head_key
from schemas import sethash, usage
from schemas.flow import Channel
from schemas.ids import suspense_id, usage_charge_id
from schemas.ledger import Charge, LimitReached, PeriodClosed
from schemas.proof import Cumulative, ReadSoFar, SourceTally, Versions
from schemas.raw import MAX_LEDGER_RECORD_BYTES
from tests.ledger_builders import (
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    amount_limit,
    period_close,
    records_limit,
)
from tests.rate_world import PARTITION, MemoryStage, account, event


def test_a_charge_says_all_that_a_reader_needs():
    stage = MemoryStage()
    (append,) = stage.batch(
        event(4, "voice", "361", destination="4930", attributes={"trunk": "t-1"}, recycles="ab")
    )
    (charge,) = stage.ledger()
    assert (append.channel, append.partition, append.key) == (Channel.LEDGER, PARTITION, b"a-1")
    assert append.headers == (("kind", b"usage"),)
    assert charge.charge_id == usage_charge_id(
        identity=event(4).identity, run="retail", rating_key="a-1"
    )
    assert (charge.used, charge.free, charge.billed, charge.unit) == ("361", "300", "61", "s")
    assert (charge.amount, charge.currency) == ("0.1016666667", "EUR")
    assert (charge.catalogue_version, charge.price_id) == (7, "basic/call")
    assert (charge.product, charge.product_type, charge.tax_code) == ("voice", "call", "standard")
    assert (charge.source_partition, charge.source_offset, charge.raw) == (PARTITION, 0, (0, 4, 0))
    assert (charge.sequence, charge.attributes, charge.recycles) == (1, {"trunk": "t-1"}, "ab")
    assert [after.counter for after in charge.counters_after] == [
        "product:voice:s:EUR",
        "allowance:a-1/s:basic/minutes:s",
        "tier:a-1/s:basic/call:s",
    ]
    assert [after.quantity for after in charge.counters_after] == ["361", "300", "61"]
    assert charge.explanation


def test_one_batch_is_priced_in_order_with_the_tiers_of_the_records_before():
    stage = MemoryStage()
    stage.batch(event(1, "data", "8"), event(2, "data", "7"))
    stage.batch(event(3, "data", "4"))
    assert [Decimal(c.amount) for c in stage.ledger()] == [8, Decimal("3.25"), 1]
    key = bucket_key("a-1", "product:data:MB:EUR", OCTOBER)
    assert bucket_from_state(stage.state[key]) == (
        bucket_from_state(stage.state[key]).__class__(3, "19", "12.2500000000")
    )


def test_a_limit_is_reported_right_after_the_record_that_reaches_it():
    stage = MemoryStage(records_limit(2))
    stage.batch(event(1), event(2), event(3))
    first, crossing, reached, anew = stage.ledger()
    assert isinstance(reached, LimitReached)
    assert reached.crossing_charge_id == crossing.charge_id
    assert (first.sequence, crossing.sequence, reached.sequence, anew.sequence) == (1, 2, 3, 4)
    assert reached.invoice_up_to == 2
    assert reached.source_offset == crossing.source_offset
    assert [entry.records for entry in anew.unbilled] == [1]
    assert stage.appends[2].headers == (("kind", b"limit_reached"),)
    assert stage.proofs[-1].outcomes == {"rated": 3}
    assert stage.proofs[-1].ledger_records == 4


def test_an_account_has_its_own_limits():
    own = account("a-2", limits=(records_limit(1),))
    stage = MemoryStage(records_limit(3), accounts=(account(), own))
    stage.batch(event(1), event(2, account="a-2"))
    assert [type(record) for record in stage.ledger()] == [Charge, Charge, LimitReached]


def test_a_close_ends_the_period_for_what_comes_late():
    stage = MemoryStage()
    stage.batch(event(1, "data", "8", at_ms=SEPTEMBER), period_close(SEPTEMBER, OCTOBER, offset=2))
    stage.batch(event(3, "data", "8", at_ms=SEPTEMBER))
    early, closed, late = stage.ledger()
    assert isinstance(closed, PeriodClosed)
    assert [entry.records for entry in closed.closed] == [1]
    assert (early.usage_period_ms, early.bill_period_ms) == (SEPTEMBER, SEPTEMBER)
    assert (late.usage_period_ms, late.bill_period_ms) == (SEPTEMBER, OCTOBER)
    assert Decimal(late.amount) == Decimal("3.50"), "2 MB at 1.00, 6 at 0.25: the tiers of its own"
    assert [entry.bill_period_ms for entry in late.unbilled] == [OCTOBER]
    assert stage.proofs[1].outcomes == {"rated": 1, "command": 1}


def test_a_close_of_what_is_closed_is_counted_and_writes_nothing():
    stage = MemoryStage()
    stage.batch(period_close(OCTOBER, NOVEMBER, offset=0))
    state = dict(stage.state)
    assert stage.batch(period_close(SEPTEMBER, OCTOBER, offset=1)) == []
    assert stage.state == state
    assert stage.proofs[-1].outcomes == {"command": 1}
    assert stage.proofs[-1].read["0"].so_far.count == 2


def test_the_month_of_a_counter_is_that_of_the_account_s_zone():
    stage = MemoryStage()
    hour_ms = 3_600_000
    stage.batch(event(1, at_ms=OCTOBER - hour_ms, zone="Europe/Berlin"))
    (charge,) = stage.ledger()
    assert charge.usage_period_ms == OCTOBER - 2 * hour_ms


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"subscription_id": "gone"}, "rating.unknown_subscription"),
        ({"account": "nobody"}, "rating.unknown_subscription"),
        ({"account": "a-2"}, "rating.unknown_plan"),
        ({"account": "a-3"}, "rating.currency_mismatch"),
        ({"product": "fax"}, "rating.unknown_product"),
        ({"product": "data", "quantities": {"s": Decimal(1)}}, "rating.missing_quantity"),
    ],
)
def test_what_cannot_be_rated_goes_to_suspense_and_counts_nothing(fields, reason):
    accounts = (account(), account("a-2", plan="gone"), account("a-3", currency="GBP"))
    stage = MemoryStage(accounts=accounts)
    source = stage.source(event(1, **fields))
    (append,) = stage.run(source)
    (suspended,) = stage.suspense()
    assert (append.channel, append.partition) == (Channel.SUSPENSE, PARTITION)
    assert (suspended.reason, suspended.stage) == (reason, "rate")
    assert suspended.detail
    assert suspended.raw == source[0].value
    assert (suspended.topic, suspended.partition, suspended.offset) == (
        "test.usage.normalised.v1",
        PARTITION,
        0,
    )
    assert suspended.appended_at_ms == source[0].appended_at_ms
    assert suspended.identity == event(1).identity.hex()
    assert suspended.suspense_id == suspense_id(
        stage="rate", partition=PARTITION, offset=0, index=0, run="retail"
    )
    assert stage.state == {}
    proof = stage.proofs[-1]
    assert proof.outcomes == {"suspended": 1}
    assert proof.refusals == {reason: 1}
    assert proof.suspense_count == 1
    assert proof.suspense_hash == sethash.to_hex(
        sethash.member(bytes.fromhex(suspended.suspense_id))
    )
    assert proof.ledger_records == 0
    assert proof.read["0"].so_far.count == 1
    assert proof.sources == {"switch-1": SourceTally(1, 1)}


def test_a_charge_too_large_for_the_ledger_is_refused_and_counts_nothing():
    stage = MemoryStage()
    huge = {"text": "x" * MAX_LEDGER_RECORD_BYTES}
    stage.batch(event(1), event(2, attributes=huge), event(3))
    assert [suspended.reason for suspended in stage.suspense()] == ["mediation.too_large"]
    first, third = stage.ledger()
    assert (first.sequence, third.sequence) == (1, 2)
    assert [entry.records for entry in third.unbilled] == [2]
    assert stage.proofs[-1].charges == {"EUR": "0.1000000000"}


def test_a_currency_beside_another_is_refused_until_the_period_is_closed():
    stage = MemoryStage()
    stage.batch(event(1))
    moved = MemoryStage(accounts=(account(currency="GBP"),))
    moved.state, moved.proofs = stage.state, stage.proofs
    moved.step.catalogue.plans["basic"] = msgspec.structs.replace(
        moved.step.catalogue.plans["basic"],
        currency="GBP",
        offers={
            code: msgspec.structs.replace(offer, currency="GBP")
            for code, offer in moved.step.catalogue.plans["basic"].offers.items()
        },
    )
    moved.batch(event(2), period_close(OCTOBER, NOVEMBER), event(3))
    assert [suspended.reason for suspended in moved.suspense()] == ["rating.currency_mismatch"]
    *_, last = moved.ledger()
    assert [(entry.currency, entry.records) for entry in last.unbilled] == [("GBP", 1)]


def test_what_a_rule_filters_is_counted_and_not_charged():
    stage = MemoryStage()
    assert stage.batch(event(1, "ping", "0")) == []
    assert stage.proofs[-1].outcomes == {"filtered": 1}
    assert stage.proofs[-1].sources == {"switch-1": SourceTally(1, 0)}


def test_an_event_of_no_charge_is_a_charge_of_zero():
    stage = MemoryStage(records_limit(1))
    stage.batch(event(1, "voice", "0"))
    charge, reached = stage.ledger()
    assert charge.amount == "0.0000000000"
    assert isinstance(reached, LimitReached)


def test_a_record_at_which_the_step_failed_goes_to_suspense_and_is_counted_as_read():
    stage = MemoryStage()
    stage.batch(event(1), event(2), internal_errors=[1])
    (suspended,) = stage.suspense()
    assert suspended.reason == "pipeline.internal_error"
    assert suspended.identity == event(2).identity.hex()
    assert stage.proofs[-1].read["0"].so_far.count == 2
    assert len(stage.ledger()) == 1


def test_so_does_one_whose_bytes_are_no_record_but_nobody_knows_which_event_it_was():
    stage = MemoryStage()
    stage.batch(b"\xc1", internal_errors=[0])
    (suspended,) = stage.suspense()
    assert (suspended.raw, suspended.identity, suspended.tenant) == (b"\xc1", None, "")
    assert stage.proofs[-1].read == {}


@pytest.mark.parametrize(
    "value",
    [b"\xc1", b"", msgspec.msgpack.encode(["adjustment", "acme"])],
    ids=["not MessagePack", "empty", "a kind that is not known"],
)
def test_bytes_that_normalise_never_writes_are_a_bug_of_ours(value):
    stage = MemoryStage()
    with pytest.raises(msgspec.DecodeError):
        stage.batch(value)


def test_the_proof_says_what_was_charged():
    stage = MemoryStage()
    stage.batch(event(1, "voice", "361"), event(2), event(3, "data", "8"))
    charges, proof = stage.ledger(), stage.proofs[-1]
    assert proof.charges == {"EUR": "8.1516666667"}
    assert proof.quantities == {"s": "61", "record": "1", "MB": "8"}
    total = sum(sethash.charge_member(c.charge_id, c.amount, c.currency) for c in charges)
    assert proof.set_hash == sethash.to_hex(total % sethash.MODULUS)
    assert proof.versions == Versions(catalogue=7, reference=2)
    assert (proof.ledger_records, proof.sources) == (3, {"switch-1": SourceTally(3, 0)})


def test_the_versions_are_those_that_the_batch_was_prepared_under():
    stage = MemoryStage()
    prepared = stage.step.prepare(stage.source(event(1)))
    stage.step.reference.apply([], version=9)
    decided = stage.step.decide(prepared, {}, previous=stage.proofs[-1])
    assert decided.proof.versions.reference == 2


def member_of(event):
    return sethash.event_member(event.identity, event.run, event.rating_key, event.content_hash)


def cumulative(*events):
    total = sum(map(member_of, events)) % sethash.MODULUS
    return Cumulative(len(events), sethash.to_hex(total))


def test_what_was_read_is_cumulative_per_raw_partition():
    one, two, three = event(1, batch=4), event(2, batch=4), event(3, batch=7)
    other = event(4, batch=2, raw_partition=1)
    stage = MemoryStage()
    stage.batch(one)
    assert stage.proofs[-1].read == {"0": ReadSoFar(4, cumulative(one), 3, Cumulative())}
    stage.batch(other, two)
    stage.batch(three)
    assert stage.proofs[-1].read == {
        "0": ReadSoFar(7, cumulative(one, two, three), 6, cumulative(one, two)),
        "1": ReadSoFar(2, cumulative(other), 1, Cumulative()),
    }


def test_a_batch_of_normalise_before_one_already_read_is_a_bug():
    stage = MemoryStage()
    with pytest.raises(AssertionError, match="batch 3 of normalise after 4"):
        stage.batch(event(1, batch=4), event(2, batch=3))


def test_a_batch_asks_for_each_key_once_and_only_for_its_own():
    stage = MemoryStage()
    prepared = stage.step.prepare(stage.source(event(1), event(2), event(3, "ping", "0")))
    assert list(prepared.state_keys) == [
        head_key("a-1"),
        bucket_key("a-1", "product:sms:record:EUR", OCTOBER),
    ]


def test_the_head_is_where_the_last_record_left_it():
    stage = MemoryStage(amount_limit("0.05"))
    stage.batch(event(1), event(2))
    head = head_from_state(stage.state[head_key("a-1")])
    assert (head.sequence, head.unbilled) == (4, ())


def test_a_record_of_another_partition_is_a_bug():
    stage = MemoryStage()
    (record,) = stage.source(event(1))
    with pytest.raises(AssertionError):
        stage.run([record._replace(partition=PARTITION + 1)])


def test_the_wire_form_of_an_event_is_what_normalise_writes():
    assert usage.from_wire(usage.to_wire(event(1))) == event(1)
