"""The engine and a second, slow rating of its documentation agree to the last digit."""

import pathlib
import re
from fractions import Fraction

import pytest

from tests.reference_rating import __main__ as command
from tests.reference_rating import pairs, words
from tests.reference_rating.__main__ import main
from tests.reference_rating.extending import written_out
from tests.reference_rating.numbers import in_increments, rounded, to_multiple
from tests.reference_rating.pairs import first_difference, pair_of
from tests.reference_rating.run import report, run
from tests.reference_rating.samples import percentile

SHARE = 1000  # of the pairs, in about twenty seconds; the command rates a hundred thousand
MODELS = (
    *("per_unit", "flat", "percentage", "call", "rate_card", "matrix"),
    *("graduated", "volume", "package"),
)
STEPS = (
    *("bands_by: split", "bands_by: end", "choose: longest", "connect_fee", "increments"),
    *("round_units", "free_records", "free_units", "minimum_units", "fee_when_free"),
    *("above_allowance: goes_on", "aggregate: max", "aggregate: latest", "aggregate: unique"),
    *("discount: [{percent", "commitment", "least: {month", "least: {event", "most: {day"),
    *("most: {month", "exchange", "rounding: [", "times", "versions", "when", "destinations"),
    *("every: day", "shared_by: account", "consume: steps", "consume: increments", "amount: 5.00"),
    *("first_fee_without_usage", "whole: yes", "percent: "),
    *("order: current_first", "since: 2026-10", "upto: 30 s", "times: subscription.seats"),
    *("times: account.phones", "times: members", "only_in: {", "subscription_month"),
    *("from_then: yes", "extends: base", "also_rated: {}", "r1: ", "currency: USD"),
    *("aggregate: time_weighted", "aggregate: daily", "missing: zero", "bill: rest"),
    *("within: largest", "directions: larger", "directions: max_per_sample"),
    *("method: linear", "method: floor_rank", "method: round_rank", "interval: 60 min"),
)


def test_the_engine_and_the_reference_agree_on_random_pairs():
    result = run(range(SHARE))
    assert not result.failures, "\n".join(result.failures)
    assert result.pairs == SHARE
    assert not result.never_drawn, str(result)
    assert result.outcomes["charged"] > SHARE * 3, str(result)
    assert result.outcomes["closed"] > SHARE / 10, str(result)
    for reason in (
        *("unknown_destination", "no_matching_row", "no_tariff_in_force"),
        "missing_attribute",
    ):
        assert result.outcomes[f"rating.{reason}"], str(result)


@pytest.mark.parametrize("what", [*(f"model: {model}" for model in MODELS), *STEPS])
def test_random_tariffs_have_every_model_and_step(texts_of_tariffs, what):
    assert what in texts_of_tariffs


@pytest.fixture(scope="module")
def texts_of_tariffs():
    found = []
    for seed in range(0, 150 * pairs.USAGES_OF_A_TARIFF, pairs.USAGES_OF_A_TARIFF):
        tariff, _ = pair_of(seed)
        found.append(tariff.files["plans.yaml"])
    return "\n".join(found)


def test_a_seed_plays_the_same_pair_again():
    first, second = pair_of(77), pair_of(77)
    pairs._tariff.cache_clear()
    third = pair_of(77)
    assert first[1] == second[1] == third[1]
    assert first[0].files == third[0].files


def test_a_difference_is_reported_whole(monkeypatch, capsys):
    """The smallest amount that there is, added to each charge of the engine, is found."""
    real = pairs.by_engine

    def off(trial, event, place):
        outcome, text = real(trial, event, place)
        if outcome.amount:
            outcome = outcome._replace(amount=outcome.amount + Fraction(1, 10**10))
        return outcome, text

    monkeypatch.setattr(pairs, "by_engine", off)
    assert main(["--pairs", "50", "--seed", "0", "--most-failures", "1"]) == 1
    text = capsys.readouterr().out
    for part in ("=== seed ", "--- plans.yaml", "--- events", "By the engine:", "By the reference"):
        assert part in text
    seed = re.search(r"=== seed (\d+)", text)[1]
    monkeypatch.undo()
    assert main(["--pairs", "1", "--seed", seed]) == 0


def test_a_difference_at_the_close_is_found(monkeypatch):
    monkeypatch.setattr(pairs, "closed_by_engine", lambda *_: ({("s-1", "p/x"): Fraction(1)}, ""))
    tariff, events = pair_of(0)
    difference, _, _ = first_difference(tariff, events)
    assert "close of" in report(0, tariff, events, difference)


@pytest.mark.parametrize(
    ("value", "step", "rule", "expected"),
    [
        ("2.5", "1", "half_up", "3"),
        ("-2.5", "1", "half_up", "-3"),
        ("2.5", "1", "half_even", "2"),
        ("3.5", "1", "half_even", "4"),
        ("2.01", "1", "up", "3"),
        ("-2.01", "1", "up", "-3"),
        ("2.99", "1", "down", "2"),
        ("0.07", "0.05", "half_up", "0.05"),
        ("0.08", "0.05", "half_up", "0.10"),
    ],
)
def test_a_multiple_by_hand(value, step, rule, expected):
    assert to_multiple(Fraction(value), Fraction(step), rule) == Fraction(expected)


@pytest.mark.parametrize(
    ("units", "increments", "expected"),
    [
        ("61", "60/60", 120),
        ("61", "60/1", 61),
        ("61", "30/6", 66),
        ("5", "30/6", 30),
        ("0", "60/1", 0),
    ],
)
def test_increments_by_hand(units, increments, expected):
    assert in_increments(Fraction(units), increments) == expected


@pytest.mark.parametrize(
    ("method", "percent", "bill", "expected"),
    [
        ("discard_floor", "50", "highest", "3"),  # two of five are dropped
        ("ceil_rank", "50", "highest", "3"),
        ("round_rank", "50", "highest", "3"),  # 2.5 is rounded up
        ("floor_rank", "50", "highest", "2"),
        ("linear", "60", "highest", "3.4"),
        ("discard_floor", "50", "rest", "6"),
        ("floor_rank", "1", "highest", "1"),
        ("discard_floor", "100", "highest", "9"),
    ],
)
def test_a_percentile_by_hand(method, percent, bill, expected):
    rule = {"percentile": percent, "method": method, "bill": bill}
    samples = {place: Fraction(units) for place, units in enumerate((9, 2, 1, 4, 3))}
    assert percentile(rule, samples) == Fraction(expected)


def test_an_inherited_price_keeps_its_place_when_it_is_stated_again():
    plans = {
        "base": {"currency": "EUR", "prices": {"a": {"of": "base"}, "b": {"of": "base"}}},
        "p": {"extends": "base", "prices": {"b": {"of": "p"}, "c": {"of": "p"}}},
    }
    prices = written_out(plans, "p")["prices"]
    assert list(prices) == ["c", "a", "b"]
    assert prices["b"] == {"of": "p"}


def test_what_is_never_drawn_fails_a_long_run(monkeypatch, capsys):
    monkeypatch.setattr(words, "MODELS", (*words.MODELS, "barter"))
    monkeypatch.setattr(command, "MUST_HAVE_ALL", 16)
    assert main(["--pairs", "16", "--seed", "0"]) == 1
    assert "barter" in capsys.readouterr().err


def test_roundings_follow_each_other():
    rules = [{"rule": "half_up", "places": "2"}, {"rule": "up", "places": "1"}]
    assert rounded(Fraction("0.0449"), rules) == Fraction("0.1")
    assert rounded(Fraction("0.0049"), rules) == 0


def test_the_reference_shares_nothing_with_rating():
    """Only what compares the two knows the engine."""
    folder = pathlib.Path(__file__).parent
    for path in folder.glob("*.py"):
        knows = re.search(r"^(from|import) (rating|schemas)\b", path.read_text(), re.MULTILINE)
        assert bool(knows) == (path.name == "pairs.py"), path.name
