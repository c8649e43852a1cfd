"""Laws of what is compiled in `native/charge_after.pyx`: an event that asks for counters is charged, counted
and written as `charge_after` has it, to the same bytes."""

import sys
from contextlib import contextmanager
from decimal import Decimal
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counters.state import Bucket, bucket_to_state, head_key
from pipeline import rate_ordinary
from pipeline.rate_prepare import Priceable
from pipeline.rate_prices import compiled_prices
from pipeline.rate_step import RateStep
from pipeline.rate_terms import PeriodCounter, Terms
from rating.amount import Adjusting
from rating.catalogue import Offer, check, compile
from rating.catalogue.compiled import Cap, ConditionalDiscounts, Free, Rule
from rating.counting import CounterPeriod
from rating.limited_discount import LimitedDiscount
from rating.price.aggregate import Aggregation
from rating.price.allowance import Allowance, RollOver
from rating.price.call import CallPrice, Rate, Stretch
from rating.price.flat import FlatPrice
from rating.price.graduated import GraduatedPrice
from rating.price.increments import Increments
from rating.price.package import PackagePrice
from rating.price.per_unit import PerUnitPrice, per_unit_price
from rating.price.tier import Tier
from rating.price.units import RoundUnits, UnitRounding
from rating.price.volume import VolumePrice
from rating.rate import Selected, charge_after
from rating.rounding import RoundingRule
from schemas import usage
from schemas.decimals import ZERO, to_text
from schemas.flow import SourceRecord
from schemas.ledger_parts import RestPart, UsagePart, fields_json, head_json
from schemas.money import Rounding
from schemas.proof import Versions
from tests.charge_builders import BEFORE, PARTITION, STEP, batch_of, made, outcome
from tests.rate_world import account, event, reference_of

needs_compiled = pytest.mark.skipif(
    rate_ordinary._compiled_charges is None, reason="nothing is compiled: no C compiler was there"
)

EACH = {"voice": "s", "data": "B"}
REST = fields_json(RestPart(None, None, None, None, {}))

# Few numbers: then usage ends where an allowance or a tier does, or just beside it.
few = st.sampled_from(
    [Decimal(each) for each in ("0.5", "1", "1.00", "2", "3", "3.0", "5", "7.5", "10", "20")]
)


def decimal_of(digits, places, sign=0):
    return Decimal((sign, tuple(map(int, str(digits))), -places))


many_digits = st.builds(
    decimal_of,
    st.integers(0, 10**40) | st.integers(2**64 - 2, 2**64 + 2) | st.integers(10**38 - 2, 10**38 + 2),
    st.integers(-6, 40) | st.integers(60, 70),
    st.sampled_from([0, 0, 0, 1]),
)  # fmt: skip
edges = st.sampled_from(
    [Decimal(each) for each in ("0", "-0", "0.00", "-1", "-2.5", "0E-10", "1E+3")]
)
quantities = st.one_of(few, few, few, edges, many_digits)
prices_of_units = st.sampled_from(
    [Decimal(each) for each in ("0", "0.00", "0.002", "0.10", "1", "0.33333", "99999999999999.12345678")]
) | st.builds(decimal_of, st.integers(0, 10**28), st.integers(0, 28))  # fmt: skip
sizes = few | st.sampled_from([Decimal(60), Decimal(1000), Decimal("0.001"), Decimal(10**9)])
texts = st.sampled_from(["p/a", 'a"\\ü', "\x01"])

increments = st.none() | st.builds(
    Increments,
    st.sampled_from([Decimal(each) for each in ("1", "2", "60", "3.0", "0.5", "6E+1")]),
    st.sampled_from([Decimal(each) for each in ("1", "2", "3", "60", "0.5", "1.0")]),
)
flats = st.sampled_from([ZERO, ZERO, Decimal("0.99")])


@st.composite
def tiers(draw):
    ends = sorted(draw(st.sets(few.map(to_text), max_size=3)), key=Decimal)
    ends = [end for at, end in enumerate(ends) if not at or Decimal(ends[at - 1]) < Decimal(end)]
    return tuple(
        Tier(
            None if end is None else Decimal(end),
            draw(prices_of_units),
            draw(flats),
            draw(st.none() | st.none() | sizes),
            draw(st.sampled_from([False] * 9 + [True])),
        )
        for end in [*ends, None]
    )


per_unit = st.builds(per_unit_price, prices_of_units, sizes, increments, flats)
flat = st.builds(FlatPrice, prices_of_units)
graduated = st.builds(GraduatedPrice, tiers(), sizes, increments)
volume = st.builds(VolumePrice, tiers(), sizes, increments)
package = st.builds(
    PackagePrice,
    prices_of_units,
    st.builds(RoundUnits, few, st.sampled_from(UnitRounding)),
    increments,
)
call = st.builds(
    lambda amount, units, fee: CallPrice((Stretch(ZERO, Rate(amount, units, units)),), fee),
    *(prices_of_units, sizes, flats),
)

roundings = st.builds(
    RoundingRule, st.sampled_from(Rounding), st.sampled_from([0, 2, 10, 10, 20])
) | st.sampled_from(
    [
        RoundingRule(to=Decimal("0.05")),
        RoundingRule(times=Decimal("1.1")),
        RoundingRule(then=RoundingRule(Rounding.UP, 2)),
    ]
)
allowances = st.builds(
    Allowance,
    texts,
    few | few | st.just(ZERO) | many_digits.map(Decimal.copy_abs),
    step=st.sampled_from([None] * 9 + [Decimal(2)]),
    period=st.sampled_from([CounterPeriod.MONTH, *CounterPeriod]),
    shared=st.booleans(),
    gives=st.sampled_from([True] * 9 + [False]),
)
AROUND = (
    {"adjusting": Adjusting((Decimal(10),))},
    {"adjusting": Adjusting(most=Decimal(1))},
    {"round_units": RoundUnits(Decimal(2), UnitRounding.UP)},
    {"free": Free(units=Decimal(1))},
    {"free": Free(minimum_units=Decimal(5))},
    {"free": Free(records=2)},
    {"caps": (Cap(CounterPeriod.DAY, Decimal(1)),)},
    {"caps": (Cap(CounterPeriod.MONTH, None),)},
    {"counts_closed": True},
    {"credits": (Allowance("p/c", Decimal(1)),)},
    {"limited": LimitedDiscount(Decimal(10), 1)},
    {"aggregation": Aggregation.MAX},
)


@st.composite
def rules(draw):
    """Return a rule, a price that it may have, and how many counters they ask for."""
    price = draw(per_unit | per_unit | flat | graduated | graduated | volume | package | call)
    of_month = isinstance(price, GraduatedPrice | VolumePrice | PackagePrice)
    grows = of_month or (isinstance(price, PerUnitPrice) and draw(st.booleans()))
    as_increments = draw(st.booleans())
    given_first = [
        msgspec.structs.replace(each, takes_increments=as_increments)
        for each in draw(st.lists(allowances, min_size=0 if grows else 1, max_size=3))
    ]
    if given_first and draw(st.integers(0, 9)) == 9:
        rolls = RollOver(1, Decimal(3))
        period = CounterPeriod.MONTH
        given_first[0] = msgspec.structs.replace(
            given_first[0], rolls_over=rolls, period=period, step=None
        )
    around = draw(st.sampled_from([{}] * 30 + list(AROUND)))
    rounding = draw(roundings)
    rule = Rule(
        price_id="p/x",
        price_step=("price", "p/x", ""),
        model=price,
        rounding=rounding,
        rounding_step=("round", rounding.rule.name.lower(), str(rounding.decimal_places)),
        zero=ZERO.scaleb(-rounding.decimal_places),
        grows=grows,
        allowances=tuple(given_first),
        free_counts=draw(st.booleans()),
        fee_when_free=draw(st.booleans()),
        **around,
    )
    counted = sum(each.counted for each in given_first) + grows + rule.counted_after_price
    return rule, price, counted


def priceable(rule, price, used, counters, *, product="voice", account="a"):
    """Return an event of an account, whose product's counter is the first of these."""
    unit = EACH[product]
    offer = made(Offer, product=product, product_type="t", currency="EUR", unit=unit)
    its = made(Terms, head_key=head_key(account), ledger_head=head_json("t", account), limits=())
    part = UsagePart(
        *(
            bytes(16).hex(),
            "retail",
            bytes(16).hex(),
            account,
            "s",
            product,
            "t",
            "u",
            "switch",
            "r",
        ),
        *(7, None, None, to_text(used)),
    )
    steps = (rule.price_step, ("prefix", "49", 'H"ü', "world"))
    return Priceable(
        made(Selected, offer=offer, used=used, rule=rule, price=price, explanation=steps, started_at_ms=7),
        *(its, tuple(counters), 0, None, bytes(16), "switch", fields_json(part), REST, (0, 0, 0)),
    )  # fmt: skip


stored = st.sampled_from(["0", "0.00", "1", "2.0", "3", "5", "7.5", "10"]) | many_digits.map(
    to_text
)
buckets = st.builds(Bucket, st.integers(0, 3), stored, stored)


@st.composite
def batches(draw):
    kinds = draw(st.lists(rules(), min_size=1, max_size=2))
    counters = [PeriodCounter(f'n"{at}', b"c%d" % at, at) for at in range(6)]
    verdicts = []
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(kinds) - 1))
        rule, price, counted = kinds[at]
        product = ("voice", "data")[at]
        its = [counters[(2 * at + each) % 6] for each in range(1 + counted)]
        verdicts.append(priceable(rule, price, draw(quantities), its, product=product))
    state = {
        b"c%d" % at: bucket_to_state(draw(buckets))
        for at in range(6)
        if draw(st.integers(0, 2)) == 0
    }
    return state, verdicts


def both_ways(state, verdicts):
    """Return what a batch comes to, which is the same both ways."""
    batch = batch_of(verdicts)
    in_python = outcome(STEP.decide_in_python, batch, dict(state))
    assert outcome(STEP.decide, batch, dict(state)) == in_python
    return in_python


@needs_compiled
@given(batches())
def test_events_that_ask_for_counters_are_charged_as_by_the_twin(given_batch):
    both_ways(*given_batch)


@contextmanager
def asking(ask):
    """Have ``ask`` called for what is left to the twin."""
    charges = rate_ordinary.compiled_charges(ask, prices=compiled_prices())
    with mock.patch.object(rate_ordinary, "_compiled_charges", charges):
        yield


def is_left(verdict, state=None):
    """Return whether an event is left to `charge_after`; it comes to the same both ways."""
    state = state or {}
    assert not isinstance(both_ways(state, [verdict]), type)
    asked = mock.Mock(side_effect=charge_after)
    with asking(asked):
        assert outcome(STEP.decide, batch_of([verdict]), dict(state)) == outcome(
            STEP.decide_in_python, batch_of([verdict]), dict(state)
        )
    return bool(asked.mock_calls)


def rule_with(price, *given_first, grows=False, **fields):
    rounding = fields.pop("rounding", RoundingRule())
    return Rule(
        price_id="p/x",
        price_step=("price", "p/x", ""),
        model=price,
        rounding=rounding,
        rounding_step=("round", "half_up", "10"),
        zero=ZERO.scaleb(-rounding.decimal_places),
        grows=grows,
        allowances=given_first,
        **fields,
    )


def of_tiers(model, *ends, whole=False):
    return model(
        tuple(
            Tier(
                None if end is None else Decimal(end),
                Decimal(f"0.0{at + 1}"),
                Decimal(at),
                whole=whole,
            )
            for at, end in enumerate([*ends, None])
        ),
        Decimal(3),
    )


MINUTES = Allowance("p/minutes", Decimal(60))
CALLS = per_unit_price(Decimal("0.10"), Decimal(60), Increments(Decimal(60), Decimal(1)))
WITH_FEE = per_unit_price(
    Decimal("0.10"), Decimal(60), Increments(Decimal(6), Decimal(6)), Decimal("0.05")
)
MESSAGES = FlatPrice(Decimal("0.002"))

KNOWN = {
    "a rate behind an allowance": rule_with(CALLS, MINUTES),
    "one that takes increments": rule_with(
        WITH_FEE, msgspec.structs.replace(MINUTES, takes_increments=True)
    ),
    "parts of a unit, left of what increments make": rule_with(
        WITH_FEE,
        Allowance("p/some", Decimal("20.5"), takes_increments=True),
        msgspec.structs.replace(MINUTES, takes_increments=True),
    ),
    "one of a day, shared, before another": rule_with(
        WITH_FEE,
        Allowance("p/day", Decimal(20), period=CounterPeriod.DAY, shared=True),
        MINUTES,
        free_counts=True,
    ),
    "a flat price": rule_with(MESSAGES, MINUTES, fee_when_free=True),
    "a rate of the month, with a fee": rule_with(WITH_FEE, MINUTES, grows=True, free_counts=True),
    "tiers": rule_with(of_tiers(GraduatedPrice, 10, 20, 50), grows=True),
    "tiers behind an allowance": rule_with(
        of_tiers(GraduatedPrice, 10, 20, 50), MINUTES, grows=True, free_counts=True
    ),
    "the only tier": rule_with(of_tiers(VolumePrice), grows=True),
    "other roundings": rule_with(CALLS, MINUTES, rounding=RoundingRule(Rounding.UP, 2)),
}
USED = [Decimal(each) for each in ("0.5", "1", "10", "10.00", "19.5", "20", "40", "59.99", "60", "60.01", "61", "500")]  # fmt: skip


def counters_of(rule):
    count = 1 + len(rule.allowances) + rule.grows
    return [PeriodCounter(f"n{at}", b"c%d" % at, at) for at in range(count)]


@needs_compiled
@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("before", ["0", "0.01", "10", "39.5", "60", "70"])
def test_common_prices_are_not_left_to_the_twin(name, before):
    """Whatever was used before, and with or without its money, as older builds counted."""
    rule = KNOWN[name]
    for used in USED:
        for money in ("0", "1.0000000000"):
            state = {b"c%d" % at: bucket_to_state(Bucket(1, before, money)) for at in range(1, 4)}
            assert not is_left(priceable(rule, rule.model, used, counters_of(rule)), state)


LEFT = {
    "no usage": (KNOWN["tiers"], "0", {}),
    "usage below zero": (KNOWN["a rate behind an allowance"], "-1", {}),
    "a fee that is due all the same": (rule_with(WITH_FEE, MINUTES, fee_when_free=True), "60", {}),
    "another tier of all units": (rule_with(of_tiers(VolumePrice, 10), grows=True), "20", {b"c1": ("5", "0.01")}),
    "started units": (rule_with(of_tiers(GraduatedPrice, 10, whole=True), grows=True), "20", {}),
    "a step": (rule_with(CALLS, Allowance("p/s", Decimal(60), step=Decimal(2))), "1", {}),
    "an allowance that is for other usage": (rule_with(CALLS, msgspec.structs.replace(MINUTES, gives=False)), "1", {}),
    "discounts that were chosen": (
        rule_with(CALLS, MINUTES, discounts_when=ConditionalDiscounts((), ())),
        "70",
        {},
    ),
    "a discount": (rule_with(CALLS, MINUTES, adjusting=Adjusting((Decimal(10),))), "1", {}),
    "measured units": (rule_with(CALLS, MINUTES, round_units=RoundUnits(Decimal(2), UnitRounding.UP)), "1", {}),
    "a multiple": (rule_with(CALLS, MINUTES, rounding=RoundingRule(to=Decimal("0.05"))), "70", {}),
    "an exchange": (rule_with(CALLS, MINUTES, rounding=RoundingRule(times=Decimal("1.1"))), "70", {}),
    "two roundings": (rule_with(CALLS, MINUTES, rounding=RoundingRule(then=RoundingRule(Rounding.UP, 2))), "70", {}),
    "increments in parts of a unit": (rule_with(per_unit_price(Decimal(1), Decimal(1), Increments(Decimal("0.5"), Decimal(1))), MINUTES), "70", {}),
    "packages": (rule_with(PackagePrice(Decimal(1), RoundUnits(Decimal(2), UnitRounding.UP)), grows=True), "1", {}),
    "usage of 65 bits": (KNOWN["tiers"], str(2**64 + 50), {}),
    "a price of 65 bits": (rule_with(FlatPrice(Decimal(2**64)), MINUTES), "70", {}),
    "a counter of 38 places": (KNOWN["a rate behind an allowance"], "1", {b"c1": (f"0.{1:038}", "0")}),
    "more given back than was used": (KNOWN["tiers"], "1", {b"c1": ("-5", "0")}),
}  # fmt: skip


@needs_compiled
@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_known_is_left_to_the_twin(name):
    rule, used, before = LEFT[name]
    state = {key: bucket_to_state(Bucket(1, *each)) for key, each in before.items()}
    assert is_left(priceable(rule, rule.model, Decimal(used), counters_of(rule)), state)


@needs_compiled
def test_an_offer_whose_allowances_are_fitted_is_left_to_the_twin():
    """Each of its events may have a rule of its own."""
    rule = KNOWN["tiers"]
    verdict = priceable(rule, rule.model, Decimal(1), counters_of(rule))
    assert not is_left(verdict)
    selected = verdict.selected
    offer = msgspec.structs.replace(selected.offer, is_fitted=True)
    selected = msgspec.structs.replace(selected, offer=offer)
    assert is_left(msgspec.structs.replace(verdict, selected=selected))


@needs_compiled
def test_prices_of_another_version_are_forgotten():
    """A rule holds the cards of its catalogue, so it must not stay when the catalogue does not."""
    rule = rule_with(CALLS, MINUTES)
    of_it = batch_of([priceable(rule, CALLS, Decimal(70), counters_of(rule))])
    other = KNOWN["tiers"]
    of_another = batch_of([priceable(other, other.model, Decimal(70), counters_of(other))])
    with asking(charge_after):
        held = sys.getrefcount(rule)
        STEP.decide(of_it, {}, previous=BEFORE)
        assert sys.getrefcount(rule) > held
        STEP.decide(of_another._replace(versions=Versions(8, 2)), {}, previous=BEFORE)
        assert sys.getrefcount(rule) == held


# A catalogue, from day to day and month to month. -----------------------------------------------

CARD = """prefix,destination,price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to
49,Home,0.0123,60,60,1,,peak,,
49,Home,0.0100,60,30,6,0.05,off-peak,,
1,"One ""é"" \\",0.33333,7,1,1,0.1,,,
"""
PLANS = """
products:
  voice: {type: call, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: MB}
  sms: {type: message, usage_kind: message, unit: record}
  ping: {type: data, usage_kind: data, unit: MB}
  home: {type: call, usage_kind: voice, unit: s}
bands:
  hours:
    peak: ["Mon-Fri 08:00-18:00"]
    off-peak: otherwise
cards:
  world: {file: world.csv, currency: EUR, unit: s, bands: hours}
plans:
  basic:
    currency: EUR
    allowances:
      minutes: {units: 5 min}
      today: {units: 100 s, every: day}
      family: {units: 3 record, shared_by: account}
      volume: {units: 5 MB}
    prices:
      calls: {product: voice, price: {model: rate_card, card: world, allowance: [today, minutes]}}
      traffic: {product: data, price: {model: graduated, per: 1 MB, allowance: volume, tiers: [{upto: 10 MB, amount: 1.00}, {upto: 20 MB, amount: 0.5}, {amount: 0.1}]}}
      texts: {product: sms, price: {model: flat, amount: 0.09, allowance: family}}
      signs: {product: ping, price: {model: volume, per: 1 MB, tiers: [{upto: 10 MB, amount: 1.00}, {amount: 0.5}]}}
      near:
        product: home
        price: {model: per_unit, per: 1 min, bands: hours, amounts: {peak: 0.30, off-peak: 0.07}, allowance: minutes}
"""
MONTH_MS = 1_790_812_800_000  # 1 October 2026, UTC
DAY_MS = 86_400_000


def _step():
    checked = check({"plans.yaml": PLANS.encode(), "world.csv": CARD.encode()})
    assert checked.document is not None, checked
    accounts = [account("a-1"), account("a-2", zone="Europe/Berlin")]
    return RateStep(catalogue=compile(checked.document, 7), reference=reference_of(*accounts))


OF_CATALOGUE = _step()


@st.composite
def events(draw):
    product = draw(st.sampled_from(["voice", "data", "sms", "ping", "home"]))
    unit = {"voice": "s", "home": "s", "sms": "record"}.get(product, "MB")
    used = draw(st.sampled_from(["1", "5", "5.0", "10", "15.5", "61", "100", "300", "0", "0.25"]))
    which = draw(st.sampled_from(["a-1", "a-1", "a-2"]))
    return event(
        draw(st.integers(0, 10**6)),
        product,
        account=which,
        zone="UTC" if which == "a-1" else "Europe/Berlin",
        at_ms=MONTH_MS + draw(st.sampled_from([0, 1, 2, 30, 31])) * DAY_MS + draw(st.sampled_from([0, -1, 9 * 3_600_000])),
        destination=draw(st.sampled_from(["4930", "1", "12"])),
        quantities={unit: Decimal(used)},
    )  # fmt: skip


@needs_compiled
@given(st.lists(st.lists(events(), min_size=1, max_size=8), min_size=1, max_size=3))
def test_a_catalogue_charges_as_by_the_twin_from_day_to_day_and_month_to_month(given_batches):
    state = {}
    for each in given_batches:
        records = [
            SourceRecord(PARTITION, at, MONTH_MS, b"key", usage.to_wire(one), ())
            for at, one in enumerate(each)
        ]
        batch = OF_CATALOGUE.prepare(records)
        by_twin = OF_CATALOGUE.decide_in_python(batch, dict(state), previous=BEFORE)
        decided = OF_CATALOGUE.decide(
            batch, dict(state), previous=BEFORE
        )  # it lets go of the items
        assert decided == by_twin
        state.update(decided.changes)
