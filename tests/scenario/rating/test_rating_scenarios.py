"""Runs every scenario in the text files beside this one, through the real catalogue."""

import pathlib
from decimal import Decimal

import msgspec
import pytest

from rating.catalogue import compile
from rating.rate import Filtered
from rating.units import convert
from schemas.money import round_amount
from schemas.refusal import Refused
from tests.rating_builders import Month, document_of, event
from tests.scenario.rating.reading import TOTAL, USAGE, ScenarioFile, read, read_file

HERE = pathlib.Path(__file__).parent
DEFAULT_TIME = "2026-10-05T12:00"


def run(scenario_file, lines):
    """Rate the usage lines in order; each outcome and the total must be as written."""
    document = document_of(scenario_file.files)
    units = {product.code: product.unit for product in document.products}
    month = Month(compile(document, 1), scenario_file.plan, scenario_file.currency)
    *usage_lines, total_line = lines
    total = Decimal(0)
    for line in usage_lines:
        stated = read(USAGE, line)
        total += check(month.rate(event_of(stated, scenario_file.zone, units)), stated, line)
    expected = read(TOTAL, total_line)
    assert expected[2] == scenario_file.currency
    assert rounded_as(expected[1], total) == Decimal(expected[1]), total_line


def event_of(stated, zone, units):
    local = DEFAULT_TIME
    if stated["date"]:
        local = f"{stated['date']}T{stated['time']}{'+00:00' if stated['utc'] else ''}"
    unit = units[stated["product"]]
    used = convert(Decimal(stated["used"]), stated["unit"], to=unit)
    usage = event(stated["product"], to=stated["to"], local=local, zone=zone, **{unit: used})
    return msgspec.structs.replace(
        usage,
        origin=stated["origin"],
        service_class=stated["service_class"],
        attributes={stated["attribute"]: stated["value"]} if stated["attribute"] else {},
    )


def check(rated, stated, line):
    """Return the amount, which is as stated."""
    if stated["refused"]:
        assert isinstance(rated, Refused), line
        assert rated.reason == stated["refused"], line
        return Decimal(0)
    if stated["filtered"]:
        assert isinstance(rated, Filtered), line
        return Decimal(0)
    assert not isinstance(rated, Refused | Filtered), f"{line}: {rated}"
    for name in ("free", "billed"):
        if stated[name]:
            wanted = convert(Decimal(stated[name]), stated[f"{name}_unit"], to=rated.unit)
            assert getattr(rated, name) == wanted, line
    assert rated.currency == stated["currency"], line
    assert rounded_as(stated["charge"], rated.amount) == Decimal(stated["charge"]), line
    return rated.amount


def rounded_as(text, amount):
    """Return an amount with as many places as a text shows."""
    return round_amount(amount, decimal_places=len(text.partition(".")[2]))


SCENARIOS = [
    pytest.param(scenario_file, lines, id=f"{path.stem}: {title}")
    for path in sorted(HERE.glob("*.txt"))
    for scenario_file in [read_file(path.read_text())]
    for title, lines in scenario_file.scenarios.items()
]


@pytest.mark.parametrize(("scenario_file", "lines"), SCENARIOS)
def test_scenario(scenario_file, lines):
    run(scenario_file, lines)


FLAT = ScenarioFile(
    {
        "plans.yaml": b"products: {data: {type: data, usage_kind: data, unit: B}}\n"
        b"plans: {p: {currency: EUR, prices: {x: {product: data, price: "
        b"{model: per_unit, amount: 1, per: 1 GB}}}}}\n"
    },
    "p",
    "EUR",
    "UTC",
    {},
)


@pytest.mark.parametrize(
    "lines",
    [
        ["2 GB of data, charge 2.01 EUR", "total 2.00 EUR"],
        ["2 GB of data, charge 2.00 EUR", "total 2.01 EUR"],
        ["2 GB of data, charge 2.00 GBP", "total 2.00 EUR"],
        ["2 GB of data, costs 2.00 EUR", "total 2.00 EUR"],
        ["2 GB of data, 1 GB free, charge 2.00 EUR", "total 2.00 EUR"],
        ["2 GB of data, 1 GB billed, charge 2.00 EUR", "total 2.00 EUR"],
        ["2 GB of data, filtered", "total 0.00 EUR"],
        ["2 GB of data, refused: rating.unknown_destination", "total 0.00 EUR"],
        ["2 GB of data, charge 2.00 EUR"],
    ],
    ids=[
        "wrong charge",
        "wrong total",
        "wrong currency",
        "unknown words",
        "wrong allowance",
        "wrong increments",
        "not filtered",
        "not refused",
        "no total",
    ],
)
def test_the_runner_fails_on(lines):
    with pytest.raises(AssertionError):
        run(FLAT, lines)


ACCOUNT = "Account on plan p in EUR, zone UTC\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{ACCOUNT}Scenario: a\n    total 0.00 EUR\nScenarios: b\n    total 0.00 EUR\n",
        f"{ACCOUNT}Scenario: a\n    total 0.00 EUR\nScenario: a\n    total 0.00 EUR\n",
        "Scenario: a\n    total 0.00 EUR\n",
        ACCOUNT,
        f"    1 GB of data, charge 1.00 EUR\n{ACCOUNT}Scenario: a\n    total 0.00 EUR\n",
        "Account on plan p\nScenario: a\n    total 0.00 EUR\n",
    ],
    ids=[
        "an unknown heading",
        "a title twice",
        "no account",
        "no scenario",
        "usage before any heading",
        "an account without its zone",
    ],
)
def test_a_file_is_not_read_when_it_has(text):
    with pytest.raises(AssertionError):
        read_file(text)
