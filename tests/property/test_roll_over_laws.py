"""Laws of allowances that roll over, in the rate step: against months that are kept by hand, in
fractions, by somebody who knows no counters; and whatever the order in which usage arrives."""

import math
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.correcting.work_out import Asked
from rating.catalogue import check, compile
from rating.trial import Member, Trial
from schemas.flow import Channel
from schemas.ledger import Charge
from schemas.period import month_start_ms
from schemas.reference import Account, Subscription
from tests.correction_world import command_of, corrected_together, history_of
from tests.property.test_correction_laws import figures, sums, without
from tests.property.test_rate_month_laws import run, verified
from tests.property.test_trial_laws import OF_A_LEDGER
from tests.rate_world import MemoryStage, event

CATALOGUE = """
products:
  data: {type: data, usage_kind: data, unit: MB}
  roaming: {type: data, usage_kind: data, unit: MB}
  voice: {type: call, usage_kind: voice, unit: s}
  sms: {type: message, usage_kind: message, unit: record}
plans:
  basic:
    currency: EUR
    allowances:
      data: {units: 10 MB, rolls_over: {months: 2, upto: 6 MB}}
      talk:
        units: 330 s
        consume: steps
        step: 1 min
        shared_by: account
        rolls_over: {months: 1, order: current_first, since: 2026-08}
      budget: {amount: 0.50, rolls_over: {months: 3}}
    prices:
      traffic:
        product: data
        price:
          model: graduated
          per: 1 MB
          allowance: data
          tiers: [{upto: 5 MB, amount: 1}, {amount: 2}]
      abroad: {product: roaming, price: {model: volume, per: 1 MB, allowance: data, tiers: [{amount: 3}]}}
      calls: {product: voice, price: {model: per_unit, amount: 0.10, per: 1 min, allowance: talk}}
      message: {product: sms, price: {model: flat, amount: 0.20, allowance: budget}}
"""
DOCUMENT = check({"plans.yaml": CATALOGUE.encode()}).document
MONTHS = [month_start_ms("UTC", 2026, month) for month in range(6, 13)]  # from June on
NAMES = [f"2026-{month:02}" for month in range(6, 13)]
DAY_MS = 86_400_000
UNITS = {"data": "MB", "roaming": "MB", "voice": "s", "sms": "record"}


class Rolling(NamedTuple):
    """An allowance as the catalogue states it, in words of its own."""

    size: Fraction
    months: int
    upto: Fraction
    step: Fraction | None = None
    is_shared: bool = False
    is_current_first: bool = False
    since: int = -99  # index among the months


ALLOWANCES = {
    "data": Rolling(Fraction(10), 2, Fraction(6)),
    "talk": Rolling(
        Fraction(330), 1, Fraction(330), Fraction(60), True, True, NAMES.index("2026-08")
    ),
    "budget": Rolling(Fraction(1, 2), 3, Fraction(1, 2)),
}
OF = {"data": "data", "roaming": "data", "voice": "talk", "sms": "budget"}

# When each is there: one from the middle of July on, one in July and August only, and again from October.
STAYS = {
    "a-1/s": [(MONTHS[1] + 14 * DAY_MS, None)],
    "a-1/t": [(MONTHS[1], MONTHS[3]), (MONTHS[4] + DAY_MS, None)],
    "a-2/s": [(0, None)],
}


def account(account_id):
    return Account(
        tenant="acme",
        account_id=account_id,
        name=account_id,
        zone="UTC",
        currency="EUR",
        subscriptions=tuple(
            Subscription(
                subscription_id=name,
                identifier=name,
                plan="basic",
                valid_from_ms=from_ms,
                valid_to_ms=to_ms,
            )
            for name, stays in STAYS.items()
            if name.startswith(account_id)
            for from_ms, to_ms in stays
        ),
    )


def world(document=DOCUMENT):
    return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=compile(document, 7))


def is_there(name, at_ms):
    return any(f <= at_ms and (t is None or at_ms < t) for f, t in STAYS[name])


@st.composite
def months(draw, *products, subscriptions=tuple(STAYS), most=30):
    """Usage of some months in any order of time, of those who are there."""
    records = []
    for number in range(draw(st.integers(1, most))):
        who = draw(st.sampled_from(subscriptions))
        at_ms = draw(st.sampled_from(MONTHS)) + draw(st.sampled_from([0, 1, 15, 27])) * DAY_MS
        product = draw(st.sampled_from(products or tuple(UNITS)))
        quantity = Decimal(draw(st.integers(0, 24))) / (1 if product == "sms" else Decimal(2))
        if product == "voice":
            quantity *= 40
        if is_there(who, at_ms):
            records.append(used(number, product, quantity, who=who, at_ms=at_ms))
    return records or [used(0, "sms", 1, who="a-2/s", at_ms=MONTHS[0])]


def used(number, product, quantity, *, who, at_ms):
    return event(
        number,
        product,
        account=who.partition("/")[0],
        subscription_id=who,
        at_ms=at_ms,
        quantities={UNITS[product]: Decimal(quantity)},
    )


class ByHand:
    """What each month has left, kept as somebody would keep it on paper."""

    def __init__(self):
        self.given = defaultdict(Fraction)  # by whose, allowance, month
        self.later = defaultdict(Fraction)  # of that, by later months

    def free(self, record, wanted):
        """Return what of some usage is free, and take it."""
        code = OF[record.product]
        allowance = ALLOWANCES[code]
        month = max(i for i, start in enumerate(MONTHS) if start <= record.started_at_ms)
        whose = record.account_id if allowance.is_shared else record.subscription_id
        earlier = [
            back
            for back in range(month - allowance.months, month)
            if back >= allowance.since and self._had(record, allowance, back)
        ]
        places = [month, *earlier] if allowance.is_current_first else [*earlier, month]
        free = Fraction(0)
        for place in places:
            key = (whose, code, place)
            left = allowance.size - self.given[key]
            if place != month:
                left = min(left, allowance.upto - self.later[key])
            part = min(wanted - free, left)
            cost = part
            if allowance.step:
                steps = min(-(-(wanted - free) // allowance.step), left // allowance.step)
                cost = steps * allowance.step
                part = min(wanted - free, cost)
            self.given[key] += cost
            if place != month:
                self.later[key] += cost
            free += part
        return free

    def _had(self, record, allowance, place):
        start = MONTHS[place] if place >= 0 else month_start_ms("UTC", 2026, 6 + place)
        end = MONTHS[place + 1] if place >= 0 else month_start_ms("UTC", 2026, 7 + place)
        names = STAYS if allowance.is_shared else [record.subscription_id]
        return any(
            from_ms < end and (to_ms is None or to_ms > start)
            for name in names
            if name.startswith(record.account_id)
            for from_ms, to_ms in STAYS[name]
        )


def charges_of(stage):
    return [one for one in stage.ledger() if isinstance(one, Charge) and one.usage_kind == "event"]


def counted(stage):
    """Return what each counter of an allowance has counted in each period, the newest word."""
    found = {}
    for charge in stage.ledger():
        for name, start_ms, _, quantity, _ in map(msgspec.structs.astuple, charge.counters_after):
            kind = name.partition(":")[0]
            if kind in ("allowance", "rolled"):
                code = name.split(":")[2].partition("/")[2]
                whose = name.split(":")[1] or charge.account_id
                found[kind, whose, code, start_ms] = Fraction(quantity)
    return found


@given(months())
def test_what_is_free_is_what_months_kept_by_hand_give(records):
    stage, by_hand = run(world(), records, ()), ByHand()
    charges = charges_of(stage)
    assert len(charges) == len(records)
    for record, charge in zip(records, charges, strict=True):
        if record.product == "sms":
            price = Fraction(1, 5)
            assert Fraction(charge.amount) == price - by_hand.free(record, price)
        else:
            quantity = Fraction(record.quantities[UNITS[record.product]])
            assert Fraction(charge.free) == by_hand.free(record, quantity)
            assert Fraction(charge.billed) == quantity - Fraction(charge.free)
    found = counted(stage)
    for (whose, code, place), given_ in by_hand.given.items():
        start_ms = MONTHS[place] if place >= 0 else month_start_ms("UTC", 2026, 6 + place)
        assert found.get(("allowance", whose, code, start_ms), 0) == given_
        assert found.get(("rolled", whose, code, start_ms), 0) == by_hand.later[whose, code, place]


@given(months())
def test_nothing_is_ever_free_twice_whatever_the_order_of_arrival(records):
    assert_never_free_twice(run(world(), records, ()))


def assert_never_free_twice(stage):
    """Own and later months together have no more of a month than it has, later ones no more than the
    most that it leaves; and what was free is what the months have given."""
    found = counted(stage)
    for (kind, whose, code, start_ms), quantity in found.items():
        allowance = ALLOWANCES[code]
        assert 0 <= quantity <= (allowance.size if kind == "allowance" else allowance.upto)
        if kind == "rolled":
            assert quantity <= found["allowance", whose, code, start_ms]
    free = sum(Fraction(c.free) for c in stage.ledger() if OF[c.product] == "data")
    assert free == sum(
        quantity
        for (kind, _, code, _), quantity in found.items()
        if (kind, code) == ("allowance", "data")
    )


@given(months("data", "roaming"), st.randoms(use_true_random=False))
def test_the_order_within_a_month_changes_no_total(records, random):
    """Where the months come one after the other: what is free in each, and what each has left."""

    def by_month(record):
        return max(start for start in MONTHS if start <= record.started_at_ms)

    in_order = sorted(records, key=by_month)
    turned = sorted(random.sample(records, len(records)), key=by_month)
    one, other = run(world(), in_order, ()), run(world(), turned, ())
    assert counted(one) == counted(other)

    def free(stage):
        sums = defaultdict(Fraction)
        for charge in charges_of(stage):
            sums[charge.subscription_id, charge.usage_period_ms] += Fraction(charge.free)
        return sums

    assert free(one) == free(other)


@given(months("voice", subscriptions=("a-2/s",)), st.randoms(use_true_random=False))
def test_with_the_current_month_first_late_usage_never_finds_its_month_empty(records, random):
    """As long as no month uses more than it has: then all is free, in whatever order it arrives."""
    kept, left = [], defaultdict(lambda: 5)
    for record in records:
        month = max(start for start in MONTHS if start <= record.started_at_ms)
        steps = math.ceil(Fraction(record.quantities["s"]) / 60)
        if steps <= left[month]:
            left[month] -= steps
            kept.append(record)
    random.shuffle(kept)
    for charge in charges_of(run(world(), kept, ())) if kept else ():
        assert (charge.billed, Fraction(charge.amount)) == ("0", 0)


@given(months("data", subscriptions=("a-2/s",)), st.integers(1, 9))
def test_splitting_usage_changes_no_total(records, parts):
    """Of units that are taken as they are used."""
    split = [
        used(
            number * 10 + part,
            r.product,
            r.quantities["MB"] / parts,
            who="a-2/s",
            at_ms=r.started_at_ms,
        )
        for number, r in enumerate(records)
        if (r.quantities["MB"] * 1000) % parts == 0
        for part in range(parts)
    ]
    whole = [r for r in records if (r.quantities["MB"] * 1000) % parts == 0]
    if whole:
        one, other = run(world(), whole, ()), run(world(), split, ())
        assert counted(one) == counted(other)
        assert sum(Fraction(c.amount) for c in charges_of(one)) == sum(
            Fraction(c.amount) for c in charges_of(other)
        )


@given(months(), st.sets(st.integers(0, 30)))
def test_the_ledger_is_the_same_however_it_is_cut_comes_back_and_reconciles(records, cuts):
    whole, parts = run(world(), records, ()), run(world(), records, cuts)
    assert whole.appends == parts.appends
    rebuilt = {}
    for append in parts.appends:
        if append.channel is Channel.LEDGER:
            rebuilt.update(parts.step.fold(append.value))
    assert rebuilt == parts.state == whole.state
    assert not verified(parts)


@given(months(subscriptions=("a-1/s", "a-2/s")))
def test_a_trial_makes_the_charges_of_the_rate_step(records):
    charges = [one for one in run(world(), records, ()).ledger() if isinstance(one, Charge)]
    trial, made = Trial(compile(DOCUMENT, 7)), []
    for record in records:
        members = [
            Member(name, "basic", *stay)
            for name, stays in STAYS.items()
            for stay in stays[:1]
            if name.startswith(record.account_id)
        ]
        came = trial.rate(record, plan="basic", currency="EUR", members=members)
        made += came
    assert [msgspec.structs.replace(one, **OF_A_LEDGER) for one in made] == [
        msgspec.structs.replace(one, **OF_A_LEDGER) for one in charges
    ]


@given(months("data", subscriptions=("a-2/s",)))
def test_nothing_more_is_free_where_the_roll_over_is_taken_back(records):
    """What later months have of a month is gone for it, by whatever catalogue it is rated then."""
    stage = run(world(), records, ())
    plain = check(
        {"plans.yaml": CATALOGUE.replace(", rolls_over: {months: 2, upto: 6 MB}", "").encode()}
    ).document
    stage.step.catalogue = compile(plain, 8)
    late = [
        used(1_000 + number, "data", 10, who="a-2/s", at_ms=start)
        for number, start in enumerate(MONTHS)
    ]
    before = counted(stage)
    stage.batch(*late)
    for charge in charges_of(stage)[-len(late) :]:
        key = ("allowance", "a-2/s", "data", charge.usage_period_ms)
        assert Fraction(charge.free) == 10 - before.get(key, 0)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_months_are_those_of_the_account(zone):
    """The last instant of September and the first of October by its clock."""
    stage = MemoryStage(
        accounts=(msgspec.structs.replace(account("a-2"), zone=zone),),
        catalogue=compile(DOCUMENT, 7),
    )
    october = month_start_ms(zone, 2026, 10)
    records = [
        used(number, "data", 4, who="a-2/s", at_ms=at_ms)
        for number, at_ms in enumerate([october - 1, october])
    ]
    stage.batch(*[msgspec.structs.replace(record, zone=zone) for record in records])
    first, second = [
        {
            (after.counter.partition(":")[0], after.period_start_ms)
            for after in charge.counters_after
        }
        for charge in charges_of(stage)
    ]
    july, august = (month_start_ms(zone, 2026, month) for month in (7, 8))
    assert {key for key in first if key[0] == "rolled"} == {("rolled", july)}
    assert {key for key in second if key[0] == "rolled"} == {("rolled", august)}


@given(
    months(subscriptions=("a-2/s",)),
    st.sampled_from(range(len(MONTHS) - 1)),
    st.sets(st.integers(0, 8), min_size=1),
)
def test_corrections_make_nothing_free_twice(records, place, chosen):
    """What is taken back is left to other months, as if it had never been used."""
    stage = run(world(), records, ())
    history = history_of(stage, "a-2", MONTHS[place], MONTHS[place + 1])
    ids = frozenset(row.charge_id for at, row in enumerate(history.events()) if at in chosen)
    if ids:
        found = corrected_together(stage, "a-2", {MONTHS[place]}, Asked(reverse=ids))
        stage.batch(command_of(found))
        assert not stage.suspense()
        never = run(world(), without(records, stage, ids), ())
        assert figures(stage) == figures(never)
        assert sums(stage) == sums(never)
    late = [
        used(1_000 + number, "data", 4, who="a-2/s", at_ms=start_ms)
        for number, start_ms in enumerate(MONTHS)
    ]
    stage.batch(*late)
    assert_never_free_twice(stage)
    assert not verified(stage)
