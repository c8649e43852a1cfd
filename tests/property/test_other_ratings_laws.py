"""Laws of other ratings: each is what the usage comes to under that plan alone, and changes nothing."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile
from rating.margins import CHARGED, MarginSum, margins, totals
from rating.rate import Filtered, Holder
from rating.trial import Trial, usage_event
from schemas import ledger
from schemas.ledger import WITHOUT_USAGE
from schemas.refusal import Refused
from sinks.ledger_batch import _decoder as load_decoder

OCTOBER_MS = 1_790_812_800_000
CATALOGUE = """
products:
  voice: {type: call, usage_kind: voice, unit: s, below_zero: mirror}
  quiet: {type: call, usage_kind: voice, unit: s, zero_usage: filter}
  visit: {type: call, usage_kind: voice, unit: s, zero_usage: price}
bands:
  hours: {peak: [Mon-Fri 08:00-18:00], low: otherwise}
cards:
  world: {file: world.csv, currency: EUR, unit: s, bands: hours}
exchange_rates:
  usd: {from: USD, to: EUR, rates: [{valid_from: 2026-10-01, rate: 0.9215}, {valid_from: 2026-10-03, rate: 0.7}]}
plans:
  carrier:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: world}}
      quiet: {product: quiet, price: {model: call, rates: [{amount: 0.2, per: 1 min, increment: 1 min}, {from: 1 min, amount: 0.1, per: 1 min, increment: 7 s}]}}
      visit: {product: visit, price: {model: per_unit, amount: 0.07, per: 1 min, minimum_units: 10, free_units: 5, increments: 30/6}}
  partner:
    currency: EUR
    prices:
      gold: {product: voice, when: account.vip == "gold", price: {model: flat, amount: 0.5}}
      calls:
        product: voice
        versions:
          - {valid_from: 2026-10-02, price: {model: per_unit, amount: 0.11, per: 1 min, increments: 60/1, exchange: usd}}
      quiet: {product: quiet, when: quantity > 30, price: {model: flat, amount: 0.03}}
      quiet-49: {product: quiet, destinations: ["49"], price: {model: flat, amount: 0.02}}
      visit: {product: visit, price: {model: flat, amount: 0.4, discount: [{percent: 10, when: event.x == "1"}]}}
  basic:
    currency: EUR
    also_rated: {reseller: partner, wholesale: carrier}
    allowances: {minutes: {units: 90 s}}
    prices:
      calls: {product: voice, price: {model: per_unit, amount: 0.15, per: 1 min, increments: 60/60}}
      quiet: {product: quiet, price: {model: volume, per: 1 min, tiers: [{upto: 2 min, amount: 0.3}, {amount: 0.2}]}}
      visit: {product: visit, price: {model: per_unit, amount: 0.2, per: 1 min, allowance: minutes}}
"""
CARD = """prefix,destination,price,per_units,first_units,following_units,connect_fee,band
49,Germany,0.02,60,60,1,0.01,peak
49,Germany,0.01,60,30,1,0,low
44,United Kingdom,0.04,60,1,1,0,
"""
FILES = {"plans.yaml": CATALOGUE.encode(), "world.csv": CARD.encode()}
DOCUMENT = check(FILES).document
WITH = compile(DOCUMENT, 7)
ALONE = compile(
    msgspec.structs.replace(
        DOCUMENT,
        plans=tuple(msgspec.structs.replace(p, also_rated=msgspec.UNSET) for p in DOCUMENT.plans),
    ),
    7,
)


@st.composite
def uses(draw):
    """Usage in any order of time: its event, and whose it is."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        product = draw(st.sampled_from(["voice", "quiet", "visit"]))
        least = -90 if product == "voice" else 0
        made = usage_event(
            product=product,
            usage_kind="voice",
            started_at_ms=OCTOBER_MS + draw(st.integers(0, 200)) * 1_800_000,
            ended_at_ms=None,
            zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
            quantities={"s": Decimal(draw(st.integers(least, 200)))},
            account_id="a",
            subscription_id="s",
            source="test",
            record_id=str(number),
            destination=draw(st.sampled_from(["4930", "4420", "33", None])),
            attributes=draw(st.sampled_from([{}, {"x": "1"}])),
        )
        holder = Holder("a", "s", draw(st.sampled_from([{}, {"vip": "gold"}])))
        found.append((made, holder))
    return found


def rates(catalogue, plan, usage):
    """Return what becomes of each event, one after the other, on a plan."""
    trial = Trial(catalogue)
    return [trial.rate(one, plan=plan, currency="EUR", holder=holder) for one, holder in usage]


def of_usage(came):
    (charge,) = [one for one in came if one.usage_kind not in WITHOUT_USAGE]
    return charge


@given(uses())
def test_each_other_rating_is_that_of_the_plan_alone(usage):
    """Whatever came before it: nothing of it is counted. And where one of the plans has no price, the
    event is refused with the reason that it gives there."""
    came = rates(WITH, "basic", usage)
    for place, one in enumerate(came):
        alone = [rates(ALONE, plan, usage[place : place + 1])[0] for plan in ("partner", "carrier")]
        if isinstance(one, Filtered):
            continue
        refused = next((each for each in alone if isinstance(each, Refused)), None)
        if refused is not None:
            assert isinstance(one, Refused)
            assert one.reason == refused.reason
            assert one.detail.endswith(f": {refused.detail}")
            continue
        assert not isinstance(one, Refused)
        expected = [
            (charge.price_id, charge.billed, charge.amount, charge.currency, charge.explanation)
            for charge in map(of_usage, alone)
        ]
        assert [
            (each.price_id, each.billed, each.amount, each.currency, each.explanation)
            for each in of_usage(one).other_ratings
        ] == expected


@given(uses())
def test_what_is_charged_is_what_it_is_without_other_ratings(usage):
    came = rates(WITH, "basic", usage)
    rated = [one for one, what in zip(usage, came, strict=True) if not isinstance(what, Refused)]
    assert [
        [msgspec.structs.replace(charge, other_ratings=msgspec.UNSET, sequence=0) for charge in one]
        for one in came
        if isinstance(one, tuple)
    ] == [
        [msgspec.structs.replace(charge, sequence=0) for charge in one]
        for one in rates(ALONE, "basic", rated)
        if isinstance(one, tuple)
    ]


@given(uses())
def test_the_ledger_gives_back_what_was_written(usage):
    for one in rates(WITH, "basic", usage):
        for charge in one if isinstance(one, tuple) else ():
            value = ledger.to_wire(charge)
            assert ledger.from_wire(value) == charge
            kept = load_decoder.decode(value).other_ratings
            if kept is not msgspec.UNSET:
                kept = msgspec.json.decode(kept, type=tuple[ledger.OtherRating, ...])
            assert kept == charge.other_ratings


@given(uses())
def test_margins_add_up_to_what_is_charged_less_the_last_rating(usage):
    sums = []
    for one in rates(WITH, "basic", usage):
        if not isinstance(one, tuple):
            continue
        charge = of_usage(one)
        found = margins(Decimal(charge.amount), charge.other_ratings)
        assert [each.paid_from for each in found] == [CHARGED, "reseller"]
        last = Decimal(charge.other_ratings[-1].amount)
        assert sum(each.left for each in found) == Decimal(charge.amount) - last
        sums += [
            MarginSum(
                charge.product, each.paid_from, each.rating, "EUR", 1, each.before, each.amount
            )
            for each in found
        ]
    assert sum(each.margin for each in totals(sums)) == sum(each.margin for each in sums)
    assert sum(each.records for each in totals(sums)) == len(sums)
