"""What looks at a month as a whole changes in months that have begun nowhere."""

import datetime as dt
import json

import pytest
import typer

from pipeline.cli.catalogue import refuse_within_a_month
from pipeline.cli.exits import Exit
from pipeline.clock import ManualClock
from rating.catalogue import changed_within_months
from tests.rating_builders import document_of, files_of

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
TIERS = "per: 1 s, tiers: [{upto: 10 s, amount: 1}, {amount: 0.5}]"
PLAIN = "{model: per_unit, amount: 1, per: 1 s}"
LEAST = "{model: per_unit, amount: 1, per: 1 s, least: {month: 10}}"
VOLUME = f"{{model: volume, {TIERS}}}"
GRADUATED = f"{{model: graduated, {TIERS}}}"


def document(*versions, code="x"):
    """Return a catalogue of one price: one text, or texts by the day they begin on."""
    stated = f"price: {versions[0]}"
    if isinstance(versions[0], tuple):
        each = [f"{{valid_from: {since}, price: {price}}}" for since, price in versions]
        stated = f"versions: [{', '.join(each)}]"
    text = f"plans:\n  p:\n    currency: EUR\n    prices:\n      {code}: {{product: voice, {stated}}}\n"
    return document_of(files_of(text))


def found(old, new, at=NOW):
    return changed_within_months(old, new, at=at)


@pytest.mark.parametrize(
    ("thing", "without", "having"),
    [
        ("least of the month", PLAIN, LEAST),
        (
            "true_up of the commitment",
            "{model: per_unit, amount: 1, per: 1 s, commitment: {amount: 8, overage: 2}}",
            "{model: per_unit, amount: 1, per: 1 s, "
            "commitment: {amount: 8, overage: 2, true_up: yes}}",
        ),
        ("first_fee_without_usage", GRADUATED, f"{GRADUATED[:-1]}, first_fee_without_usage: yes}}"),
        (
            "discount_by_usage",
            PLAIN,
            f"{PLAIN[:-1]}, discount_by_usage: {{product: data, reached: [{{from: 1 B, percent: 5}}]}}}}",
        ),
        ("model volume", GRADUATED, VOLUME),
        (
            "aggregate latest",
            f"{GRADUATED[:-1]}, aggregate: max}}",
            f"{GRADUATED[:-1]}, aggregate: latest}}",
        ),
    ],
)
def test_what_looks_at_the_whole_month_neither_comes_nor_goes_within_one(thing, without, having):
    old, new = document(without), document(having)
    (come,), (gone,) = found(old, new), found(new, old)
    assert (come.at, come.thing) == (gone.at, gone.thing) == ("plans.p.prices.x", thing)
    assert f"{thing} is new: " in come.text
    assert f"{thing} is gone: " in gone.text
    assert "valid_from: 2026-12-01" in come.text
    assert not found(new, new)


def test_it_may_change_from_a_month_on_that_has_begun_nowhere():
    old = document(("2026-01-01", PLAIN))

    def new(since):
        return document(("2026-01-01", PLAIN), (since, LEAST))

    assert not found(old, new("2026-12-01"))
    (refused,) = found(old, new("2026-11-27"))
    assert "is new from 27 November 2026" in refused.text
    assert found(old, new("2026-09-01"))
    assert not found(new("2026-12-01"), old)
    assert found(new("2026-11-01"), old)


@pytest.mark.parametrize(
    ("at", "is_refused"),
    [("2026-11-30T09:59:59+00:00", False), ("2026-11-30T10:00:00+00:00", True)],
)
def test_a_month_begins_where_it_begins_first(at, is_refused):
    """On the Line Islands, at UTC+14."""
    old = document(("2026-01-01", PLAIN))
    new = document(("2026-01-01", PLAIN), ("2026-12-01", LEAST))
    assert bool(found(old, new, dt.datetime.fromisoformat(at))) is is_refused


def test_another_least_another_tier_and_a_price_that_is_gone_change_the_month_too():
    (least,) = found(document(LEAST), document(LEAST.replace("10", "12")))
    assert "least of the month changes: " in least.text
    (volume,) = found(document(VOLUME), document(VOLUME.replace("0.5", "0.4")))
    assert "model volume changes: " in volume.text
    (gone,) = found(document(LEAST), document(LEAST, code="y"))
    assert "keep it until 2026-12-01, the first day of a month" in gone.text


def test_prices_of_events_and_graduated_tiers_change_on_any_day():
    assert not found(document(PLAIN), document(PLAIN.replace("1,", "2,")))
    assert not found(document(GRADUATED), document(GRADUATED.replace("0.5", "0.4")))
    assert not found(document(LEAST), document(LEAST.replace("amount: 1,", "amount: 2,")))


def test_a_price_with_a_new_code_may_begin_on_any_day():
    prices = (
        f"{{x: {{product: voice, price: {PLAIN}}}, y: {{product: data, price: {{model: flat, amount: 1, "
        "least: {month: 5}}}}"
    )
    new = document_of(files_of(f"plans:\n  p:\n    currency: EUR\n    prices: {prices}\n"))
    assert not found(document(PLAIN), new)


def test_the_command_says_so_and_publishes_nothing(capsys):
    old, new = document(PLAIN), document(LEAST)
    for as_json in (False, True):
        with pytest.raises(typer.Exit) as ended:
            refuse_within_a_month(old, new, clock=ManualClock(NOW), as_json=as_json)
        assert ended.value.exit_code == Exit.REFUSED
        said = capsys.readouterr()
        assert "nothing was published" in said.err
        assert "--within-a-month" in said.err
        text = json.loads(said.out)["within_a_month"][0]["text"] if as_json else said.out
        assert "plans.p.prices.x: least of the month is new" in " ".join(text.split())
    refuse_within_a_month(old, old, clock=ManualClock(NOW), as_json=False)
