"""Laws of the rate step. `MemoryStage` checks one more in every batch of every test here: the
changes of state are the fold of the appended records."""

import itertools
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from counters.state import changes_of_many
from schemas import sethash
from schemas.flow import Channel
from schemas.ledger import Charge, LimitReached
from schemas.proof import Cumulative, is_sealed
from schemas.usage import UsageEvent
from tests.ledger_builders import (
    NOVEMBER,
    OCTOBER,
    SEPTEMBER,
    amount_limit,
    period_close,
    records_limit,
)
from tests.rate_world import MemoryStage, account, event

LIMITS = (
    amount_limit("10.00"),
    records_limit(3, scope="product:sms", invoice_scope="product:sms"),
)
ACCOUNTS = (
    account("a-1"),
    account("a-2", limits=(records_limit(2),), zone="Europe/Berlin"),
    account("a-3", plan="gone"),
)
PERIODS = (SEPTEMBER, OCTOBER)
USAGES = [
    *(("voice", seconds) for seconds in ("0", "61", "240")),
    *(("data", megabytes) for megabytes in ("3", "7.5")),
    *(("sms", "1"), ("ping", "0"), ("fax", "1")),
]
ENDS = {SEPTEMBER: OCTOBER, OCTOBER: NOVEMBER}


@st.composite
def days(draw, max_size=20):
    """Normalised records in order: usage of two months, closes, what is refused or filtered."""
    records, batch = [], 1
    for number in range(draw(st.integers(1, max_size))):
        batch += draw(st.integers(0, 1))
        who = draw(st.sampled_from(["a-1", "a-1", "a-2", "a-3"]))
        at_ms = draw(st.sampled_from(PERIODS))
        if draw(st.integers(0, 7)) == 0:
            records.append(
                period_close(at_ms, ENDS[at_ms], account=who, offset=number, batch=batch)
            )
            continue
        product, quantity = draw(st.sampled_from(USAGES))
        raw_partition = draw(st.integers(0, 1))
        records.append(
            event(
                number,
                product,
                quantity,
                account=who,
                at_ms=at_ms,
                batch=batch,
                raw_partition=raw_partition,
            )
        )
    return records


@st.composite
def days_and_cuts(draw):
    day = draw(days())
    cuts = draw(st.sets(st.integers(1, max(1, len(day) - 1)), max_size=4))
    return day, sorted(cuts)


def run(day, cuts=()):
    """Return the stage after a day that was cut into batches."""
    stage = MemoryStage(*LIMITS, accounts=ACCOUNTS)
    records = stage.source(*day)
    for start, end in itertools.pairwise([0, *cuts, len(records)]):
        if records[start:end]:
            stage.run(records[start:end])
    return stage


@given(days_and_cuts())
def test_where_a_batch_ends_changes_no_record_and_no_state(day_and_cuts):
    day, cuts = day_and_cuts
    whole, parts = run(day), run(day, cuts)
    assert parts.appends == whole.appends
    assert parts.state == whole.state
    assert parts.proofs[-1].read == whole.proofs[-1].read


@given(days_and_cuts())
def test_a_replay_of_the_same_batches_gives_the_same_bytes(day_and_cuts):
    day, cuts = day_and_cuts
    first, second = run(day, cuts), run(day, cuts)
    assert first.appends == second.appends
    assert first.proofs == second.proofs


@given(days_and_cuts())
def test_the_state_is_the_fold_of_the_ledger(day_and_cuts):
    """A lost state comes back from the first ledger record on."""
    stage = run(*day_and_cuts)
    rebuilt = {}
    for append in stage.appends:
        if append.channel is Channel.LEDGER:
            rebuilt.update(stage.step.fold(append.value))
    assert rebuilt == stage.state


@given(days_and_cuts(), st.integers(1, 5))
def test_many_ledger_records_folded_at_once_are_the_fold_of_each(day_and_cuts, size):
    stage = run(*day_and_cuts)
    ledger = [append.value for append in stage.appends if append.channel is Channel.LEDGER]
    rebuilt = {}
    for begin in range(0, len(ledger), size):
        changes = changes_of_many(ledger[begin : begin + size])
        assert len(dict(changes)) == len(changes), "the last word on each key alone"
        rebuilt.update(changes)
    assert rebuilt == stage.state


@given(days_and_cuts())
def test_an_abandoned_batch_leaves_nothing_behind(day_and_cuts):
    """A batch decided and then dropped, as after a fence, does not change what is decided next."""
    day, cuts = day_and_cuts
    stage, undisturbed = MemoryStage(*LIMITS, accounts=ACCOUNTS), run(day, cuts)
    records = stage.source(*day)
    for start, end in itertools.pairwise([0, *cuts, len(records)]):
        if not records[start:end]:
            continue
        prepared = stage.step.prepare(records[start:])
        state = {key: stage.state[key] for key in prepared.state_keys if key in stage.state}
        stage.step.decide(prepared, state, previous=stage.proofs[-1])
        stage.run(records[start:end])
    assert stage.appends == undisturbed.appends
    assert stage.proofs == undisturbed.proofs


@given(days_and_cuts())
def test_sequences_of_each_rating_key_have_no_gap(day_and_cuts):
    numbers = {}
    for record in run(*day_and_cuts).ledger():
        assert record.sequence == numbers.get(record.rating_key, 0) + 1
        numbers[record.rating_key] = record.sequence


@given(days_and_cuts())
def test_the_proofs_add_up_to_the_ledger(day_and_cuts):
    stage = run(*day_and_cuts)
    ledger, charges = stage.ledger(), [r for r in stage.ledger() if isinstance(r, Charge)]
    proofs = stage.proofs[1:]
    assert all(is_sealed(proof) for proof in proofs)
    assert sum(proof.ledger_records for proof in proofs) == len(ledger)
    assert sum(proof.outcomes.get("rated", 0) for proof in proofs) == len(charges)
    assert sum(proof.suspense_count for proof in proofs) == len(stage.suspense())
    charged = sum((Decimal(proof.charges.get("EUR", "0")) for proof in proofs), Decimal(0))
    assert charged == sum((Decimal(charge.amount) for charge in charges), Decimal(0))
    members = [sethash.charge_member(c.charge_id, c.amount, c.currency) for c in charges]
    hashes = [sethash.from_hex(proof.set_hash) for proof in proofs]
    assert sum(hashes) % sethash.MODULUS == sum(members) % sethash.MODULUS


def cumulative(records):
    members = [
        sethash.event_member(r.identity, r.run, r.rating_key, r.content_hash) for r in records
    ]
    return Cumulative(len(members), sethash.to_hex(sum(members) % sethash.MODULUS))


@given(days_and_cuts())
def test_what_was_read_is_what_was_handed_on(day_and_cuts):
    """Up to every batch of normalise that is closed, and in all; whatever became of the events."""
    day, cuts = day_and_cuts
    read = run(day, cuts).proofs[-1].read
    by_partition = {}
    for record in day:
        by_partition.setdefault(str(record.provenance.partition), []).append(record)
    assert read.keys() == by_partition.keys()
    for partition, records in by_partition.items():
        found = read[partition]
        assert found.so_far == cumulative(records)
        assert found.batch == records[-1].batch
        upto_closed = [r for r in records if r.batch <= found.closed_batch]
        assert found.closed == cumulative(upto_closed)


def without_positions(records):
    return [msgspec.structs.replace(record, source_offset=0) for record in records]


@given(days())
def test_what_is_refused_or_filtered_might_as_well_not_have_come(day):
    stage = run(day)
    gone = {suspended.identity for suspended in stage.suspense()}
    kept = [
        record
        for record in day
        if record.identity.hex() not in gone
        and not (isinstance(record, UsageEvent) and record.product == "ping")
    ]
    if kept:
        again = run(kept)
        assert without_positions(again.ledger()) == without_positions(stage.ledger())
        assert again.state == stage.state


@given(days_and_cuts())
def test_the_tiers_of_a_month_are_its_own_whatever_closes_and_invoices_come_between(day_and_cuts):
    """Data of a month costs what its sum costs in one piece: 10 MB at 1.00, the rest at 0.25."""
    used, charged = {}, {}
    for record in run(*day_and_cuts).ledger():
        if isinstance(record, Charge) and record.product == "data":
            key = record.rating_key, record.usage_period_ms
            used[key] = used.get(key, Decimal(0)) + Decimal(record.used)
            charged[key] = charged.get(key, Decimal(0)) + Decimal(record.amount)
    for key, sum_ in used.items():
        first = min(sum_, Decimal(10))
        assert charged[key] == first + (sum_ - first) * Decimal("0.25")


@given(days_and_cuts())
def test_every_charge_is_invoiced_or_billed_or_still_unbilled(day_and_cuts):
    charged, gone, left = {}, {}, {}
    for record in run(*day_and_cuts).ledger():
        key = record.rating_key
        left[key] = sum((Decimal(entry.amount) for entry in record.unbilled), Decimal(0))
        if isinstance(record, Charge):
            charged[key] = charged.get(key, Decimal(0)) + Decimal(record.amount)
            continue
        taken = record.invoiced if isinstance(record, LimitReached) else record.closed
        for entry in taken:
            gone[key] = gone.get(key, Decimal(0)) + Decimal(entry.amount)
    for key, amount in charged.items():
        assert amount == gone.get(key, Decimal(0)) + left[key]
