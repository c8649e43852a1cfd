"""Laws of what is used up, in the rate step: against a list that is kept by hand, by who came first."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.trial import Trial
from schemas.ledger import Charge
from schemas.period import month_start_ms
from tests.property.test_rate_month_laws import run, verified
from tests.property.test_trial_laws import OF_A_LEDGER
from tests.rate_world import MemoryStage, account, event

CATALOGUE = """
products:
  film: {type: film, usage_kind: event, unit: record}
  call: {type: call, usage_kind: voice, unit: min, zero_usage: price}
  page: {type: page, usage_kind: event, unit: record}
plans:
  basic:
    currency: EUR
    allowances:
      welcome: {amount: 7, every: once, shared_by: account}
    prices:
      films: {product: film, price: {model: flat, amount: 4, discount: {percent: 100, times: 2}}}
      calls:
        product: call
        price:
          model: per_unit
          amount: 1
          per: 1 min
          discount: [{percent: 50, times: 3, every: month, when: event.kind == "a"}, 10]
      pages: {product: page, price: {model: flat, amount: 3, allowance: welcome}}
"""
DOCUMENT = check({"plans.yaml": CATALOGUE.encode()}).document
MONTHS = [month_start_ms("UTC", 2026, month) for month in (9, 10, 11)]
UNITS = {"film": "record", "call": "min", "page": "record"}


def world():
    return MemoryStage(accounts=(account(), account("a-2")), catalogue=compile(DOCUMENT, 7))


@st.composite
def usage(draw):
    records = []
    for number in range(draw(st.integers(1, 25))):
        product = draw(st.sampled_from(tuple(UNITS)))
        at_ms = draw(st.sampled_from(MONTHS)) + draw(st.sampled_from([-1, 0, 86_400_000]))
        quantity = draw(st.integers(0, 3)) if product == "call" else 1
        who = draw(st.sampled_from(["a-1", "a-2"]))
        kind = draw(st.sampled_from(["a", "b"]))
        made = event(
            number,
            product,
            account=who,
            at_ms=at_ms,
            quantities={UNITS[product]: Decimal(quantity)},
        )
        records.append(msgspec.structs.replace(made, attributes={"kind": kind}))
    return records


def month_of(at_ms):
    """Return the number of the month, in UTC."""
    return sum(at_ms >= start for start in MONTHS)


def by_hand(records):
    """Return the charge of each event in the order of arrival."""
    had, given = defaultdict(int), defaultdict(Fraction)
    for one in records:
        who = one.account_id
        if one.product == "film":
            had[who] += 1
            yield Fraction(0 if had[who] <= 2 else 4)
        elif one.product == "page":
            paid = min(Fraction(3), 7 - given[who])
            given[who] += paid
            yield 3 - paid
        else:
            cost = Fraction(one.quantities["min"]) * Fraction(9, 10)
            key = who, month_of(one.started_at_ms)
            if cost and one.attributes["kind"] == "a" and had[key] < 3:
                had[key] += 1
                cost /= 2
            yield cost


def charges_of(stage):
    return [one for one in stage.ledger() if isinstance(one, Charge)]


@given(usage(), st.sets(st.integers(0, 25)))
def test_who_comes_first_has_it_however_the_ledger_is_cut(records, cuts):
    """Every charge is that of a list kept by hand, in the order of arrival, across months; and the
    ledger is the same in one batch or in many, and reconciles."""
    stage = run(world(), records, cuts)
    assert not stage.suspense()
    found = [Fraction(one.amount) for one in charges_of(stage)]
    assert found == list(by_hand(records))
    assert run(world(), records, ()).appends == stage.appends
    assert not verified(stage)


@given(usage(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_moves_a_discount_and_makes_no_more_of_it(records, random):
    """In any order the same number of events has it; of events that cost the same the sum is the same."""
    shuffled = records[:]
    random.shuffle(shuffled)
    sums = []
    for each in (records, shuffled):
        charges = charges_of(run(world(), each, ()))
        given_of = sum(any(s[0] == "limited_discount" for s in one.explanation) for one in charges)
        paid = sum(Decimal(one.amount) for one in charges if one.product != "call")
        sums.append((given_of, paid))
    assert sums[0] == sums[1]


@given(usage())
def test_a_trial_charges_as_the_stage_does(records):
    stage = run(world(), records, ())
    trial = Trial(compile(DOCUMENT, 7))
    made = [charge for one in records for charge in trial.rate(one, plan="basic", currency="EUR")]
    assert [msgspec.structs.replace(one, **OF_A_LEDGER) for one in made] == [
        msgspec.structs.replace(one, **OF_A_LEDGER) for one in charges_of(stage)
    ]
