"""Laws of corrections: a month from which usage was taken back is the month without it, and one that
was rated anew is the one that the other prices give, to the last digit and counter."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from counters.state import bucket_from_state
from pipeline.correcting.work_out import Asked
from rating.catalogue import check, compile
from schemas.ledger import CORRECTION, REVERSAL, Charge, records_of
from sinks.charge_history import Under
from tests.correction_world import REFERENCE, command_of, history_of, worked_out
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER
from tests.property.test_rate_month_laws import CATALOGUE, ENDS, UNITS, months, run, verified, world
from tests.rate_world import MemoryStage, account, event

# Another price of everything, and another shape of some.
DEARER = (
    CATALOGUE.replace("amount: 2, fee: 1", "amount: 3")
    .replace("amount: 0.10, free_records: 2", "amount: 0.20, free_records: 1")
    .replace("aggregate: latest", "aggregate: max")
    .replace("increments: 60/60", "increments: 1/1")
    .replace("units: 60 s", "units: 30 s")
    .replace("{from: 4, percent: 25}", "{from: 3, percent: 50}")
)
ANEW = compile(check({"plans.yaml": DEARER.encode()}).document, 9)


def figures(stage):
    """Return the counters that count anything; those that came to nothing again are as good as none."""
    found = {}
    for key, value in stage.state.items():
        if key[:1] == b"c":
            bucket = bucket_from_state(value)
            numbers = (bucket.records, Decimal(bucket.quantity), Decimal(bucket.amount))
            if any(numbers):
                found[key] = numbers
    return found


def sums(stage):
    """Return what each price of a subscription's month came to, with its records and units."""
    found = defaultdict(lambda: [0, Decimal(0), Decimal(0), Decimal(0), Decimal(0)])
    for record in stage.ledger():
        if isinstance(record, Charge):
            sum_ = found[record.subscription_id, record.price_id, record.usage_period_ms]
            sum_[0] += records_of(record.usage_kind)
            texts = (record.used, record.billed, record.free, record.amount)
            for place, text in enumerate(texts, 1):
                sum_[place] += Decimal(text)
    return {key: value for key, value in found.items() if any(value)}


def usage_of(history, chosen):
    rows = history.events()
    return frozenset(row.charge_id for place, row in enumerate(rows) if place in chosen)


def without(records, stage, ids):
    """Return the records but for those that were charged under these ids."""
    offsets = {
        charge.source_offset
        for charge in stage.ledger()
        if isinstance(charge, Charge) and charge.charge_id in ids
    }
    return [record for offset, record in enumerate(records) if offset not in offsets]


MORE = [
    event(1_000 + number, product, at_ms=SEPTEMBER + number, quantities={unit: Decimal(9)})
    for number, (product, unit) in enumerate(sorted(UNITS.items()))
]


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_that_was_taken_back_might_as_well_never_have_been(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids, reason="test"))
    stage.batch(command_of(found))
    assert not stage.suspense()
    never = run(world(), without(records, stage, ids), ())
    assert figures(stage) == figures(never)
    assert sums(stage) == sums(never)
    assert not verified(stage)
    # What comes after it is charged as if there had been none.
    offset = len(stage.appends)
    stage.batch(*MORE)
    later = [a.value for a in stage.appends[offset:]]
    assert len(later) == len(never.batch(*MORE))
    assert figures(stage) == figures(never)
    assert sums(stage) == sums(never)


@given(months())
def test_a_month_that_was_rated_anew_is_what_the_other_prices_give(records):
    stage = run(world(), records, ())
    anew = run(MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=ANEW), records, ())
    asked = Asked(rerate=Under(9, REFERENCE))
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ENDS.items():
            history = history_of(stage, who, start_ms, end_ms)
            found = worked_out(stage, history, asked, ANEW)
            if found is not None:
                stage.batch(command_of(found))
    assert not stage.suspense()
    assert sums(stage) == sums(anew)
    assert not verified(stage)
    # Once more: there is nothing left to correct, and charges can still be taken back.
    for who in ("a-1", "a-2"):
        history = history_of(stage, who, SEPTEMBER, OCTOBER)
        assert worked_out(stage, history, asked, ANEW) is None


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_may_be_taken_back_from_a_month_that_was_rated_anew(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    first = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), ANEW)
    if first is None:
        return
    stage.batch(command_of(first))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids), ANEW)
    stage.batch(command_of(found))
    assert not stage.suspense()
    accounts = (account("a-1"), account("a-2"))
    never = run(MemoryStage(accounts=accounts, catalogue=ANEW), without(records, stage, ids), ())
    of_month = {key: value for key, value in sums(stage).items() if key[2] == SEPTEMBER}
    expected = {key: value for key, value in sums(never).items() if key[2] == SEPTEMBER}
    assert {k: v for k, v in of_month.items() if k[0] == "a-1/s"} == {
        k: v for k, v in expected.items() if k[0] == "a-1/s"
    }
    assert not verified(stage)


@given(months(), st.sets(st.integers(0, 8), min_size=1), st.integers(0, 5))
def test_a_correction_of_a_month_that_has_changed_takes_no_effect(records, chosen, which):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    found = worked_out(stage, history, Asked(reverse=ids))
    products = {row.product for row in history.rows}
    late = [one for one in MORE if one.product in products]
    stage.batch(late[which % len(late)])
    before = dict(stage.state), len(stage.ledger())
    stage.batch(command_of(found))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    assert (dict(stage.state), len(stage.ledger())) == before


def test_a_correction_takes_effect_once():
    records = [event(n, "data", quantity="9", at_ms=SEPTEMBER) for n in range(3)]
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {0})))
    assert worked_out(stage, history, Asked(reverse=usage_of(history, {0}))) == found
    stage.batch(command_of(found), command_of(found, batch=1))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    kinds = [c.usage_kind for c in stage.ledger() if isinstance(c, Charge)]
    assert kinds.count(REVERSAL) == 1
    assert kinds[-1] == CORRECTION
    # 27 MB at 0.5 were 13.50; 18 MB at 1 are 18, without the 9 that were 19 when they were charged.
    assert sum(Decimal(c.amount) for c in stage.ledger() if isinstance(c, Charge)) == 18
    assert NOVEMBER > OCTOBER
