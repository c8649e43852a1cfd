"""Laws of corrections where plans are also rated under others: what a month costs is corrected too."""

from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.correcting.work_out import Asked
from pipeline.errors import CannotCorrect
from rating.catalogue import check, compile
from rating.margins import margins
from schemas.ledger import CORRECTION, REVERSAL, Charge
from sinks.charge_history import Under
from tests.correction_world import REFERENCE, command_of, history_of, worked_out
from tests.ledger_builders import OCTOBER, SEPTEMBER
from tests.property.test_correction_laws import usage_of, without
from tests.property.test_rate_month_laws import CATALOGUE, UNITS, months, run, verified
from tests.rate_world import MemoryStage, account, event

ALSO = "    also_rated: {reseller: partner, wholesale: {data: carrier, sms: carrier, voice: carrier}}\n"
OTHERS = """
  carrier:
    currency: EUR
    prices:
      data: {product: data, price: {model: per_unit, amount: 0.3, per: 1 MB, increments: 2/1}}
      sms: {product: sms, price: {model: flat, amount: 0.02}}
      voice: {product: voice, price: {model: per_unit, amount: 0.05, per: 1 min}}
  partner:
    currency: EUR
    prices:
"""
for product, unit in UNITS.items():
    OTHERS += (
        f"      {product}: {{product: {product}, price: "
        f"{{model: per_unit, amount: 0.07, per: 1 {unit}}}}}\n"
    )
PLAIN = CATALOGUE + OTHERS
TEXT = PLAIN.replace("  basic:\n    currency: EUR\n", f"  basic:\n    currency: EUR\n{ALSO}")


def compiled(text, version):
    return compile(check({"plans.yaml": text.encode()}).document, version)


AS_CHARGED = compiled(TEXT, 7)
DEARER = compiled(TEXT.replace("0.07", "0.09").replace("amount: 0.3,", "amount: 0.4,"), 9)
NEVER_RATED = compiled(PLAIN, 7)


def world(catalogue=AS_CHARGED):
    return MemoryStage(accounts=(account("a-1"), account("a-2")), catalogue=catalogue)


def costs(stage):
    """Return what each rating comes to in each month of a product, and the margins over it."""
    found = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for one in stage.ledger():
        if isinstance(one, Charge):
            for rating, margin in zip(
                one.other_ratings or (),
                margins(Decimal(one.amount), one.other_ratings or ()),
                strict=True,
            ):
                sum_ = found[one.account_id, one.usage_period_ms, one.product, rating.name]
                sum_[0] += Decimal(rating.amount)
                sum_[1] += Decimal(rating.billed)
                assert margin.rating == rating.name
    return {key: value for key, value in found.items() if any(value)}


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_that_was_taken_back_costs_nothing(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=ids))))
    assert not stage.suspense()
    assert costs(stage) == costs(run(world(), without(records, stage, ids), ()))
    assert not verified(stage)


@pytest.mark.parametrize("before", [AS_CHARGED, NEVER_RATED], ids=["other prices", "no ratings"])
@given(months())
def test_a_month_that_was_rated_anew_costs_what_the_new_prices_say(before, records):
    """Also where nothing of what was charged changes, and where it had no other rating."""
    stage, anew = run(world(before), records, ()), run(world(DEARER), records, ())
    asked = Asked(rerate=Under(9, REFERENCE))
    for who in ("a-1", "a-2"):
        for start_ms, end_ms in ((SEPTEMBER, OCTOBER), (OCTOBER, 1_793_491_200_000)):
            found = worked_out(stage, history_of(stage, who, start_ms, end_ms), asked, DEARER)
            if found is not None:
                stage.batch(command_of(found))
    assert not stage.suspense()
    assert costs(stage) == costs(anew)
    for who in ("a-1", "a-2"):
        history = history_of(stage, who, SEPTEMBER, OCTOBER)
        assert worked_out(stage, history, asked, DEARER) is None


@given(months(), st.sets(st.integers(0, 8), min_size=1))
def test_usage_may_be_taken_back_when_its_cost_was_corrected(records, chosen):
    stage = run(world(), records, ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), DEARER)
    if found is None:
        return
    stage.batch(command_of(found))
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    ids = usage_of(history, chosen)
    if not ids:
        return
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=ids), DEARER)))
    assert not stage.suspense()
    never = run(world(DEARER), without(records, stage, ids), ())
    of_month = [
        {key: value for key, value in costs(one).items() if key[:2] == ("a-1", SEPTEMBER)}
        for one in (stage, never)
    ]
    assert of_month[0] == of_month[1]


def sms(number):
    return event(number, "sms", at_ms=SEPTEMBER + number)


def test_a_charge_that_is_taken_back_says_what_of_its_cost_is():
    stage = run(world(), [sms(1), sms(2)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    stage.batch(command_of(worked_out(stage, history, Asked(reverse=usage_of(history, {0})))))
    (reversal,) = [one for one in stage.ledger() if one.usage_kind == REVERSAL]
    assert [(one.name, Decimal(one.amount), one.billed) for one in reversal.other_ratings] == [
        ("reseller", Decimal("-0.07"), "-1"),
        ("wholesale", Decimal("-0.02"), "-1"),
    ]


def test_a_correction_of_costs_alone_names_them_and_charges_nothing():
    stage = run(world(), [event(1, "data", at_ms=SEPTEMBER, quantities={"MB": Decimal(10)})], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), DEARER)
    assert [(one.price_id, one.rating, one.was, one.now) for one in found.lines] == [
        ("basic/traffic", "reseller", Decimal("0.7"), Decimal("0.9")),
        ("basic/traffic", "wholesale", Decimal(3), Decimal(4)),
    ]
    stage.batch(command_of(found))
    (correction,) = [one for one in stage.ledger() if one.usage_kind == CORRECTION]
    assert Decimal(correction.amount) == 0
    assert [one.explanation for one in correction.other_ratings] == [
        (("corrected", "0.7000000000", "0.9000000000"),),
        (("corrected", "3.0000000000", "4.0000000000"),),
    ]


def test_ratings_in_another_order_are_not_corrected_into_each_other():
    turned = "    also_rated: {wholesale: {sms: carrier}, reseller: partner}\n"
    other = compiled(TEXT.replace(ALSO, turned), 9)
    stage = run(world(), [sms(1)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    with pytest.raises(CannotCorrect, match=r"reseller, wholesale.*Operator action"):
        worked_out(stage, history, Asked(rerate=Under(9, REFERENCE)), other)


def test_a_command_with_a_figure_that_is_none_takes_no_effect():
    stage = run(world(), [sms(1), sms(2)], ())
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, Asked(reverse=usage_of(history, {0})))
    (charge, *others) = found.correction.charges
    ratings = (msgspec.structs.replace(charge.other_ratings[0], amount="NaN"),)
    wrong = msgspec.structs.replace(charge, other_ratings=ratings)
    correction = msgspec.structs.replace(found.correction, charges=(wrong, *others))
    stage.batch(command_of(msgspec.structs.replace(found, correction=correction)))
    (suspended,) = stage.suspense()
    assert suspended.reason == "mediation.invalid_command"


@pytest.mark.parametrize("is_summed", [False, True], ids=["by charges", "by sums"])
def test_what_is_charged_more_is_margin_whether_it_is_said_by_charges_or_by_sums(is_summed):
    films = [event(number, "film", at_ms=SEPTEMBER) for number in range(3)]
    stage = run(world(), films, ())
    dearer = compiled(TEXT.replace("amount: 3}", "amount: 5}"), 9)
    asked = Asked(rerate=Under(9, REFERENCE), is_summed=is_summed)
    history = history_of(stage, "a-1", SEPTEMBER, OCTOBER)
    found = worked_out(stage, history, asked, dearer)
    stage.batch(command_of(found))
    charges = [one for one in stage.ledger() if isinstance(one, Charge)]
    charged = sum(Decimal(one.amount) for one in charges)
    over = [margins(Decimal(one.amount), one.other_ratings)[0].left for one in charges]
    anew = run(world(dearer), films, ())
    assert charged == sum(Decimal(one.amount) for one in anew.ledger())
    assert sum(over) == charged - 3 * Decimal("0.07")
