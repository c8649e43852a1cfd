"""Laws of time-weighted prices, and of daily ones through the step of rate: what a month comes to is the price of its average level, whoever adds it
up, however its changes are split, and in whatever order they arrive."""

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.correcting.work_out import Asked
from rating.catalogue import check, compile
from schemas.ledger import WITHOUT_USAGE, Charge, PeriodClosed
from schemas.money import round_quotient
from sinks.charge_history import Under
from tests.correction_world import REFERENCE, command_of, history_of, worked_out
from tests.ledger_builders import NOVEMBER, OCTOBER, SEPTEMBER, period_close
from tests.property.test_correction_laws import figures, sums, usage_of, without
from tests.property.test_rate_month_laws import ENDS, run, verified
from tests.rate_world import MemoryStage, account
from tests.rate_world import event as stage_event
from tests.rating_builders import Month, at, event

ZONE = "Europe/Berlin"
PRICES = {
    "rate": "{model: per_unit, per: 3 kW, amount: 1.07, aggregate: time_weighted}",
    "tiers": "{model: graduated, per: 1 kW, aggregate: time_weighted, tiers: [{upto: 2 kW, amount: 3, "
    "fee: 0.5}, {upto: 5 kW, amount: 1, whole: yes}, {amount: 0.7, per: 3 kW, fee: 2}]}",
    "reached": "{model: volume, per: 1 kW, aggregate: time_weighted, tiers: [{upto: 2 kW, amount: 3, "
    "fee: 0.5}, {upto: 5 kW, amount: 1}, {amount: 0.7, per: 3 kW}]}",
    "packages": "{model: package, size: 2 kW, amount: 5, aggregate: time_weighted}",
}
CATALOGUE = (
    "products:\n"
    + "".join(
        f"  {code}: {{type: power, usage_kind: level, unit: kW, below_zero: mirror}}\n"
        for code in PRICES
    )
    + "plans:\n  p:\n    currency: EUR\n    prices:\n"
    + "".join(
        f"      {code}: {{product: {code}, price: {price}}}\n" for code, price in PRICES.items()
    )
)
COMPILED = compile(check({"plans.yaml": CATALOGUE.encode()}).document, 7)


def cost(code, average):
    """Return what the price lists above make of an average level, by their words."""
    if average <= 0:
        return Fraction(0)
    match code:
        case "rate":
            return average / 3 * Fraction("1.07")
        case "tiers":
            total = min(average, 2) * 3 + Fraction("0.5")
            if average > 2:
                total += -(-(min(average, 5) - 2) // 1)
            if average > 5:
                total += (average - 5) / 3 * Fraction("0.7") + 2
            return total
        case "reached":
            if average <= 2:
                return average * 3 + Fraction("0.5")
            return average if average <= 5 else average / 3 * Fraction("0.7")
        case "packages":
            return Fraction(-(-average // 2) * 5)


def average_of(changes, start_ms, end_ms):
    """Return the average of a level in [start, end), from instant to instant."""
    level, since, held = Fraction(0), start_ms, Fraction(0)
    for at_ms, change in sorted(changes):
        held += level * (at_ms - since)
        level, since = level + Fraction(change), at_ms
    return (held + level * (end_ms - since)) / (end_ms - start_ms)


def rounded(value):
    return round_quotient(Decimal(value.numerator), Decimal(value.denominator), 10, "ROUND_HALF_UP")


# Hours and whole days, so that changes meet at one instant and at the bounds of the month.
MONTHS = ["2026-10", "2026-03", "2026-02", "2026-11"]
instants = st.one_of(
    st.integers(0, 27).map(lambda day: day * 86_400_000), st.integers(0, 27 * 86_400_000)
)
changes_of_a_month = st.lists(
    st.tuples(instants, st.decimals(min_value=-9, max_value=9, places=2)), max_size=8
)


def instant(month, offset_ms):
    return at(f"{month}-01T00:00", ZONE) + offset_ms


def rate(month, code, changes):
    rated = []
    for at_ms, change in changes:
        local = dt.datetime.fromtimestamp(at_ms / 1000, ZoneInfo("UTC")).isoformat()
        rated.append(month.rate(event(code, local=local, kW=change)))
    return rated


def end_of(month):
    year, number = map(int, month.split("-"))
    return at(f"{year + number // 12}-{number % 12 + 1:02}-01T00:00", ZONE)


@given(st.sampled_from(sorted(PRICES)), st.sampled_from(MONTHS), changes_of_a_month, st.randoms())
def test_a_month_comes_to_the_price_of_its_average_in_whatever_order(code, month, offsets, random):
    changes = [(instant(month, offset), change) for offset, change in offsets]
    average = average_of(changes, instant(month, 0), end_of(month))
    random.shuffle(changes)
    world = Month(COMPILED)
    rated = rate(world, code, changes)
    assert sum(each.amount + each.restated for each in rated) == rounded(cost(code, average))
    assert sum(each.billed for each in rated) == rounded(max(average, Fraction(0)))
    assert all(each.amount >= 0 for each in rated)


@given(
    st.sampled_from(sorted(PRICES)),
    changes_of_a_month,
    st.decimals(min_value=-9, max_value=9, places=2),
    instants,
)
def test_splitting_a_change_changes_no_total(code, offsets, part, when):
    whole = [(instant("2026-10", offset), change) for offset, change in offsets]
    parts = [(at_ms, change - part) for at_ms, change in whole]
    parts += [(at_ms, part) for at_ms, _ in whole]
    # What comes and goes at one instant was never there.
    parts += [(instant("2026-10", when), part), (instant("2026-10", when), -part)]
    one, other = Month(COMPILED), Month(COMPILED)
    totals = [
        sum(each.amount + each.restated for each in rate(world, code, changes))
        for world, changes in ((one, whole), (other, parts))
    ]
    assert totals[0] == totals[1]
    held = [
        sum(bucket.quantity for (name, _), bucket in world.counted.items() if name[:5] == "held:")
        for world in (one, other)
    ]
    assert held[0] == held[1]


# Through the step of rate, with closes, corrections and the reconciliation.

CLOSING = """
products:
  seats: {type: software, usage_kind: level, unit: seat, below_zero: mirror}
  power: {type: power, usage_kind: level, unit: kW, below_zero: mirror}
  desks: {type: office, usage_kind: level, unit: desk, below_zero: mirror}
  gauge: {type: power, usage_kind: level, unit: kVA, below_zero: mirror}
  film: {type: film, usage_kind: event, unit: record}
plans:
  basic:
    currency: EUR
    prices:
      seats:
        product: seats
        price:
          model: graduated
          per: 1 seat
          aggregate: time_weighted
          first_fee_without_usage: yes
          tiers: [{upto: 4 seat, amount: 2, fee: 3}, {amount: 1}]
      power:
        product: power
        price:
          model: volume
          per: 1 kW
          aggregate: time_weighted
          tiers: [{upto: 3 kW, amount: 2}, {amount: 1}]
          least: {month: 5}
          discount_by_usage: {product: film, reached: [{from: 2, percent: 50}]}
      desks:
        product: desks
        price:
          model: graduated
          per: 1 desk
          aggregate: daily
          tiers: [{upto: 4 desk, amount: 2, fee: 3}, {amount: 1}]
          least: {month: 2}
      gauge:
        product: gauge
        price: {model: per_unit, per: 1 kVA, amount: 2, aggregate: latest, least: {month: 1}}
      film: {product: film, price: {model: flat, amount: 1}}
"""
DEARER = CLOSING.replace("amount: 2, fee: 3", "amount: 3").replace("{upto: 3 kW", "{upto: 2 kW")
UNITS = {"seats": "seat", "power": "kW", "desks": "desk", "gauge": "kVA", "film": "record"}
NOW, ANEW = (compile(check({"p.yaml": text.encode()}).document, 7 + 2 * number)
             for number, text in enumerate((CLOSING, DEARER)))  # fmt: skip


def stage_of(catalogue):
    return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=catalogue)


@st.composite
def months(draw, *, closes=True):
    records = []
    for number in range(draw(st.integers(1, 20))):
        who = draw(st.sampled_from(["a-1", "a-1", "a-2"]))
        month_ms = draw(st.sampled_from([SEPTEMBER, OCTOBER]))
        if closes and draw(st.integers(0, 5)) == 0:
            records.append(period_close(month_ms, ENDS[month_ms], account=who, offset=number))
            continue
        product = draw(st.sampled_from(sorted(UNITS)))
        change = Decimal(draw(st.integers(-40, 60))) / 8
        quantity = Decimal(1) if product == "film" else change
        at_ms = month_ms + draw(st.integers(0, 29)) * 86_400_000
        quantities = {UNITS[product]: quantity}
        records.append(
            stage_event(number, product, account=who, at_ms=at_ms, quantities=quantities)
        )
    return records


@given(months(), st.sets(st.integers(0, 20)))
def test_the_ledger_is_the_same_however_it_is_cut_and_reconciles(records, cuts):
    whole, parts = run(stage_of(NOW), records, ()), run(stage_of(NOW), records, cuts)
    assert whole.appends == parts.appends
    assert whole.state == parts.state
    assert not verified(parts)


def seats_cost(average):
    return min(average, 4) * 2 + 3 + max(average - 4, 0) if average > 0 else Fraction(0)


@given(months())
def test_a_month_is_what_it_was_closed_at_or_the_price_of_its_average(records):
    changes, charged, films = defaultdict(list), defaultdict(Decimal), defaultdict(int)
    least = defaultdict(Decimal)
    for record in run(stage_of(NOW), records, ()).ledger():
        if isinstance(record, PeriodClosed):
            month = record.account_id, record.period_start_ms
            average = average_of(changes[*month, "seats"], month[1], ENDS[month[1]])
            assert charged[*month, "seats"] == (rounded(seats_cost(average)) or 3)
            least[month] = max(least[month], charged[*month, "power"], 5)
        elif isinstance(record, Charge):
            month = record.account_id, record.usage_period_ms
            charged[*month, record.product] += Decimal(record.amount)
            films[month] += record.product == "film"
            if record.usage_kind in WITHOUT_USAGE or not Decimal(record.used):
                continue
            changes[*month, record.product].append((record.started_at_ms, record.used))
            average = average_of(changes[*month, record.product], month[1], ENDS[month[1]])
            if record.product == "power":
                price = max(average, 0) * (2 if average <= 3 else 1)
                part = Fraction(1, 2) if films[month] >= 2 else 1
                expected = max(rounded(rounded_fraction(price) * part), least[month])
                assert charged[*month, "power"] == expected


@given(months())
def test_a_month_of_days_is_what_it_was_closed_at_or_the_sum_of_its_days(records):
    changes, charged, least = defaultdict(list), defaultdict(Decimal), defaultdict(Decimal)
    for record in run(stage_of(NOW), records, ()).ledger():
        if isinstance(record, PeriodClosed):
            month = record.account_id, record.period_start_ms
            least[month] = max(least[month], charged[month], 2)
        elif isinstance(record, Charge) and record.product == "desks":
            month = record.account_id, record.usage_period_ms
            charged[month] += Decimal(record.amount)
            if record.usage_kind in WITHOUT_USAGE or not Decimal(record.used):
                continue
            since = record.usage_period_ms
            day = (record.started_at_ms - since) // 86_400_000
            of_day = [each for each in record.counters_after if each.counter.startswith("level:")]
            assert [each.period_start_ms for each in of_day] == [since + day * 86_400_000]
            changes[month].append((day, Fraction(record.used)))
            days = (ENDS[since] - since) // 86_400_000
            levels = [
                max(sum(change for of, change in changes[month] if of <= each), 0)
                for each in range(days)
            ]
            price = sum(min(level, 4) * 2 + max(level - 4, 0) for level in levels) / Fraction(days)
            price += 3 if any(levels) else 0
            assert charged[month] == max(rounded(price), least[month])


def rounded_fraction(value):
    return Fraction(rounded(Fraction(value)))


@given(months(closes=False), st.sets(st.integers(0, 8), min_size=1))
def test_a_change_that_was_taken_back_might_as_well_never_have_been(records, chosen):
    stage = run(stage_of(NOW), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=ids, reason="test"))))
    assert not stage.suspense()
    never = run(stage_of(NOW), without(records, stage, ids), ())
    assert figures(stage) == figures(never)
    assert sums(stage) == sums(never)
    assert not verified(stage)


@given(months())
def test_a_month_that_was_rated_anew_is_what_the_other_prices_give(records):
    stage, anew = run(stage_of(NOW), records, ()), run(stage_of(ANEW), records, ())
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ((SEPTEMBER, OCTOBER), (OCTOBER, NOVEMBER)):
            history = history_of(stage, who, start_ms, end_ms)
            found = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), ANEW)
            if found is not None:
                stage.batch(command_of(found))
    assert not stage.suspense()
    assert sums(stage) == sums(anew)
    assert figures(stage) == figures(anew)
    assert not verified(stage)


@pytest.mark.parametrize("code", sorted(PRICES))
def test_the_laws_look_at_more_than_nothing(code):
    """Each price of these laws costs something, and something else for another average."""
    month = Month(COMPILED)
    first = rate(month, code, [(instant("2026-10", 0), Decimal(3))])
    fallen = rate(month, code, [(instant("2026-10", 3 * 86_400_000), Decimal("-2.5"))])
    assert first[0].amount > 0 > fallen[0].restated
    assert fallen[0].amount == 0
