"""Laws of corrections of months that hang together, by what is given once and what rolls over: after one all
sums and counters of the account are those of a world that had it so from the start."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.correcting.together import HangsTogether
from pipeline.correcting.work_out import Asked
from pipeline.rate_step import RateStep
from rating.catalogue import check, compile
from rating.explain import sentences
from schemas.ledger import CORRECTION, Charge
from schemas.period import month_of, month_start_ms
from schemas.usage import MonthCorrection
from schemas.usage import from_wire as usage_from_wire
from sinks.charge_history import Under
from tests.correction_world import (
    REFERENCE,
    command_of,
    corrected_together,
    history_of,
    together_of,
    worked_out,
)
from tests.ledger_builders import period_close
from tests.property.test_correction_laws import figures, sums, without
from tests.property.test_rate_month_laws import run, verified
from tests.rate_world import MemoryStage, account, event

CATALOGUE = """
products:
  data: {type: data, usage_kind: data, unit: MB}
  film: {type: film, usage_kind: event, unit: record}
  page: {type: page, usage_kind: event, unit: record}
  call: {type: call, usage_kind: voice, unit: min}
plans:
  basic:
    currency: EUR
    allowances:
      data: {units: 10 MB, rolls_over: {months: 1, upto: 6 MB}}
      talk:
        units: 30 min
        consume: steps
        step: 10 min
        shared_by: account
        rolls_over: {months: 2, order: current_first}
      welcome: {amount: 7, every: once}
    prices:
      traffic:
        product: data
        price:
          model: graduated
          per: 1 MB
          allowance: data
          tiers: [{upto: 5 MB, amount: 2}, {amount: 1}]
          least: {month: 3}
      films: {product: film, price: {model: flat, amount: 4, discount: {percent: 50, times: 2}}}
      pages: {product: page, price: {model: flat, amount: 3, allowance: welcome}}
      calls: {product: call, price: {model: per_unit, amount: 1, per: 1 min, allowance: talk}}
"""
DEARER = (
    CATALOGUE.replace("units: 10 MB", "units: 4 MB")
    .replace("upto: 6 MB", "upto: 3 MB")
    .replace("times: 2", "times: 3")
    .replace("amount: 7,", "amount: 4,")
    .replace("{amount: 1}]", "{amount: 1.5}]")
)


def compiled(text, version):
    found = check({"plans.yaml": text.encode()})
    assert not found.errors, found.errors
    return compile(found.document, version)


OLD, NEW = compiled(CATALOGUE, 7), compiled(DEARER, 9)
ZONE = "Europe/Berlin"
MONTHS = [month_start_ms(ZONE, 2026, month) for month in (8, 9, 10, 11)]
DAY_MS = 86_400_000
UNITS = {"data": "MB", "film": "record", "page": "record", "call": "min"}
ANEW = Asked(rerate=Under(9, REFERENCE))


def world(catalogue=OLD):
    return MemoryStage(
        accounts=(account("a-1", zone=ZONE), account("a-2", zone=ZONE)), catalogue=catalogue
    )


@st.composite
def usage(draw):
    """Usage of some months in any order of time, and closes."""
    records = []
    for number in range(draw(st.integers(1, 20))):
        who = draw(st.sampled_from(["a-1", "a-1", "a-2"]))
        month_ms = draw(st.sampled_from(MONTHS))
        if draw(st.integers(0, 9)) == 0:
            span = month_of(month_ms, zone=ZONE)
            records.append(period_close(*span, account=who, offset=number))
            continue
        product = draw(st.sampled_from(sorted(UNITS)))
        quantity = Decimal(draw(st.integers(0, 40))) / 2 if UNITS[product] != "record" else 1
        at_ms = month_ms + draw(st.sampled_from([-1, 0, 9 * DAY_MS]))
        quantities = {UNITS[product]: Decimal(quantity)}
        records.append(
            event(number, product, account=who, at_ms=at_ms, quantities=quantities, zone=ZONE)
        )
    return records


def charges_of(stage, who="a-1"):
    return [one for one in stage.ledger() if isinstance(one, Charge) and one.account_id == who]


def months_of(stage, who="a-1"):
    return sorted({one.usage_period_ms for one in charges_of(stage, who)})


def events_of(stage, who="a-1"):
    """Return what may be taken back, in the order of the ledger, with its month."""
    found = []
    for start_ms in months_of(stage, who):
        history = history_of(stage, who, *month_of(start_ms, zone=ZONE))
        found += [(row.sequence, row.charge_id, start_ms) for row in history.events()]
    return [(charge_id, start_ms) for _, charge_id, start_ms in sorted(found)]


def take_back(stage, chosen, *catalogues):
    """Take charges back by their places, whatever months they are of, all in one correction."""
    gone = [each for place, each in enumerate(events_of(stage)) if place in chosen]
    ids = frozenset(charge_id for charge_id, _ in gone)
    if ids:
        asked = Asked(reverse=ids, reason="test")
        found = corrected_together(
            stage, "a-1", {month for _, month in gone}, asked, *catalogues, zone=ZONE
        )
        assert_shown(stage, found)
        stage.batch(command_of(found))
        assert not stage.suspense()
    return ids


def assert_shown(stage, found):
    """What is shown is what comes out: what each price of each month came to, and comes to."""
    was = sums(stage)
    for start_ms, lines in ((found.correction.usage_period_ms, found.lines), *found.also):
        for line in lines:
            before = was.get((line.subscription_id, start_ms, line.price_id), [0, 0, 0])
            assert line.was == before[2]
            more = sum(
                Decimal(one.amount)
                for one in found.correction.charges
                if (one.usage_period_ms or found.correction.usage_period_ms) == start_ms
                and one.price_id == line.price_id
            )
            assert line.now == line.was + more


def assert_same(stage, other):
    assert figures(stage) == figures(other)
    assert sums(stage) == sums(other)
    assert not verified(stage)


MORE = [
    event(1_000 + number, product, at_ms=month_ms, quantities={unit: Decimal(9)}, zone=ZONE)
    for number, (month_ms, (product, unit)) in enumerate(
        (month_ms, each) for month_ms in MONTHS for each in sorted(UNITS.items())
    )
]
LAST = period_close(*month_of(MONTHS[-1], zone=ZONE), account="a-1", offset=99)


@settings(max_examples=60)
@given(usage(), st.sets(st.integers(0, 19), min_size=1))
def test_usage_that_was_taken_back_might_as_well_never_have_been(records, chosen):
    stage = run(world(), records, ())
    ids = take_back(stage, chosen)
    never = run(world(), without(records, stage, ids), ())
    assert_same(stage, never)
    # What comes after it, and the close, are charged as if there had been none.
    for more in (MORE, [LAST]):
        stage.batch(*more)
        never.batch(*more)
        assert_same(stage, never)


@settings(max_examples=60)
@given(
    usage(), st.sets(st.integers(0, 9), min_size=1), usage(), st.sets(st.integers(0, 9), min_size=1)
)
def test_usage_is_taken_back_again_after_more_of_it(records, first, more, second):
    """The second correction stands on the first, and on what came in between."""
    more = [msgspec.structs.replace(each, identity=bytes([7]) + each.identity[1:]) for each in more]
    stage = run(world(), records, ())
    gone = take_back(stage, first)
    stage.batch(*more)
    gone |= take_back(stage, second)
    assert_same(stage, run(world(), left(stage, gone), ()))


def left(stage, gone):
    """Return the usage and the closes that were not taken back."""
    offsets = {one.source_offset for one in charges_of(stage) if one.charge_id in gone}
    return [
        value
        for offset, value in sorted(stage.values.items())
        if offset not in offsets and not isinstance(usage_from_wire(value), MonthCorrection)
    ]


def assert_anew(records, stage, months):
    """Rate months anew; the account is as if their usage had been rated so in its place."""
    for start_ms in months:
        found = corrected_together(stage, "a-1", {start_ms}, ANEW, NEW, zone=ZONE)
        if found is None:
            continue
        assert_shown(stage, found)
        stage.batch(command_of(found))
        assert not stage.suspense()
        assert corrected_together(stage, "a-1", {start_ms}, ANEW, NEW, zone=ZONE) is None


@settings(max_examples=60)
@given(usage(), st.sets(st.sampled_from(MONTHS)))
def test_a_month_rated_anew_is_as_if_its_usage_had_been_rated_so_in_its_place(records, months):
    """And the other months as if they had found what that leaves."""
    stage, mixed = run(world(), records, ()), world()
    old, new = mixed.step, RateStep(catalogue=NEW, reference=mixed.step.reference)
    wanted = [start_ms for start_ms in months_of(stage) if start_ms in months]
    for record in records:
        at_ms = getattr(record, "started_at_ms", None) or record.period_start_ms
        is_new = record.account_id == "a-1" and month_of(at_ms, zone=ZONE)[0] in wanted
        mixed.step = new if is_new else old
        mixed.batch(record)
    if any(not hasattr(record, "started_at_ms") for record in records):
        return  # a close asks for other months than its own too, under one version for all
    assert_anew(records, stage, wanted)
    assert_same(stage, mixed)


@settings(max_examples=60)
@given(usage())
def test_all_months_rated_anew_are_what_the_other_prices_give(records):
    stage = run(world(), records, ())
    assert_anew(records, stage, months_of(stage))
    anew = run(world(NEW), records, ())

    def of_a_1(found):
        return {key: value for key, value in sums(found).items() if key[0] == "a-1/s"}

    assert of_a_1(stage) == of_a_1(anew)
    assert not verified(stage)
    assert all(
        corrected_together(stage, "a-1", {start_ms}, ANEW, NEW, zone=ZONE) is None
        for start_ms in months_of(stage)
    )


@settings(max_examples=60)
@given(usage(), st.sets(st.integers(0, 19), min_size=1))
def test_charges_rated_anew_leave_all_others_to_their_own_prices(records, chosen):
    """Of whatever months they are; and what they leave, or take, moves the others."""
    stage, mixed = run(world(), records, ()), world()
    wanted = [each for place, each in enumerate(events_of(stage)) if place in chosen]
    if not wanted:
        return
    ids = frozenset(charge_id for charge_id, _ in wanted)
    offsets = {one.source_offset for one in charges_of(stage) if one.charge_id in ids}
    old, new = mixed.step, RateStep(catalogue=NEW, reference=mixed.step.reference)
    for offset, record in enumerate(records):
        mixed.step = new if offset in offsets else old
        mixed.batch(record)
    asked = msgspec.structs.replace(ANEW, only=ids)
    starts_ms = {month for _, month in wanted}
    found = corrected_together(stage, "a-1", starts_ms, asked, NEW, zone=ZONE)
    assert_shown(stage, found)
    stage.batch(command_of(found))
    assert not stage.suspense()
    assert_same(stage, mixed)
    assert corrected_together(stage, "a-1", starts_ms, asked, NEW, zone=ZONE) is None


@settings(max_examples=60)
@given(usage(), st.sets(st.integers(0, 19), min_size=1), st.sampled_from(MONTHS))
def test_usage_that_comes_in_between_makes_it_stale_whatever_month_it_is_of(records, chosen, late):
    """Also where it finds nothing left, and no counter of the others tells of it."""
    stage = run(world(), records, ())
    gone = [each for place, each in enumerate(events_of(stage)) if place in chosen]
    if not gone:
        return
    asked = Asked(reverse=frozenset(charge_id for charge_id, _ in gone))
    found = corrected_together(stage, "a-1", {month for _, month in gone}, asked, zone=ZONE)
    stage.batch(event(500, "page", at_ms=late, quantities={"record": Decimal(1)}, zone=ZONE))
    before = dict(stage.state), len(stage.ledger())
    stage.batch(command_of(found))
    (suspended,) = stage.suspense()
    assert suspended.reason == "rating.stale_correction"
    assert (dict(stage.state), len(stage.ledger())) == before


def film(number, place):
    return event(number, "film", at_ms=MONTHS[place], quantities={"record": Decimal(1)}, zone=ZONE)


def test_what_is_given_once_goes_to_the_next_event_of_another_month():
    stage = run(world(), [film(0, 0), film(1, 1), film(2, 2), film(3, 3)], ())
    first = events_of(stage)[0][0]
    with pytest.raises(HangsTogether, match=r"discounted:a-1/s:basic/films/once:record"):
        worked_out(
            stage,
            history_of(stage, "a-1", *month_of(MONTHS[0], zone=ZONE)),
            Asked(reverse=frozenset({first})),
        )
    take_back(stage, {0})
    assert [Decimal(one.amount) for one in charges_of(stage)] == [2, 2, 4, 4, -2, -2]
    *_, reversal, correction = charges_of(stage)
    assert reversal.usage_period_ms == MONTHS[0]
    assert (correction.usage_kind, correction.usage_period_ms) == (CORRECTION, MONTHS[2])
    assert correction.corrects == charges_of(stage)[2].charge_id
    said = sentences(correction)
    assert "Corrected with 2026-08, which takes of the same discount of price basic/films." in said


def test_what_was_rated_before_stays_and_is_not_read_again():
    """A month from before the first charge that is corrected is none of those that hang together."""
    stage = run(world(), [film(0, 0), film(1, 1), film(2, 2)], ())
    together = together_of(stage, "a-1", {MONTHS[1]}, zone=ZONE)
    assert [each.month_start_ms for each in together.months] == MONTHS[1:3]
    take_back(stage, {1})
    assert sum(Decimal(one.amount) for one in charges_of(stage)) == 4
    # What was corrected since is replayed from its own beginning.
    together = together_of(stage, "a-1", {MONTHS[2]}, zone=ZONE)
    assert [each.month_start_ms for each in together.months] == MONTHS[1:3]


def test_a_month_that_comes_to_the_same_is_rated_anew_all_the_same():
    """Else it would have by its old prices what another month leaves by the new ones."""

    def page(number, place):
        return event(
            number, "page", at_ms=MONTHS[place], quantities={"record": Decimal(1)}, zone=ZONE
        )

    # Of 7 EUR that are given once the first month has 3, the third 3, the second one 1.
    records = [page(0, 0), page(1, 2), page(2, 1), page(3, 1)]
    stage = run(world(), records, ())
    dearer = compiled(CATALOGUE.replace("amount: 7,", "amount: 4,"), 9)
    asked = ANEW
    for place in (1, 0, 2):
        found = corrected_together(stage, "a-1", {MONTHS[place]}, asked, dearer, zone=ZONE)
        stage.batch(command_of(found))
    assert not stage.suspense()
    # By now 4 EUR are given: 3 in the first month, 1 in the third.
    assert {key[1]: value[2] for key, value in sums(stage).items() if "pages" in key[2]} == {
        MONTHS[0]: 0,
        MONTHS[1]: 6,
        MONTHS[2]: 2,
    }
    for place in range(3):
        assert corrected_together(stage, "a-1", {MONTHS[place]}, asked, dearer, zone=ZONE) is None


@pytest.mark.parametrize(
    ("product", "used", "named"),
    [
        ("data", (16, 16), ("allowance", "basic/data")),
        ("call", (29, 120), ("allowance", "basic/talk")),
        ("page", (1, 1, 1), ("allowance", "basic/welcome")),
        ("film", (1, 1, 1), ("discounted", "basic/films")),
    ],
)
def test_a_correction_of_another_month_says_what_both_take_of(product, used, named):
    usage = [
        event(place, product, at_ms=at_ms, quantities={UNITS[product]: Decimal(units)}, zone=ZONE)
        for place, (at_ms, units) in enumerate(zip(MONTHS, used, strict=False))
    ]
    stage = run(world(), usage, ())
    take_back(stage, {0})
    said = [
        one.explanation[0][2:]
        for one in charges_of(stage)
        if one.usage_kind == CORRECTION and one.usage_period_ms != MONTHS[0]
    ]
    assert said == [named] * len(said)
    assert said
