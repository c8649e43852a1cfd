"""The stated values: what tariffs of each kind come to, by the catalogue and by the counters."""

import datetime as dt
import pathlib
import re
from decimal import Decimal
from itertools import islice
from uuid import UUID

import pytest

from billing.cycle import Cycle, periods
from billing.invoice import Billable, build_invoice
from pipeline.cli.catalogue import catalogue_files
from rating.catalogue import check
from rating.scenario import run_folder
from tests.scenario.test_limits import read_file, run

HERE = pathlib.Path(__file__).parent
FILES = catalogue_files(HERE / "stated")
LIMITS = read_file((HERE / "stated_limits.txt").read_text())
PERIODS = read_file((HERE / "stated_periods.txt").read_text())
TEXTS = FILES["values.scenario"].decode() + "\n".join(
    f"Scenario: {title}" for title in (*LIMITS, *PERIODS)
)
PERIOD = re.compile(
    r"subscribed (\S+), billing day (\d+)(?:, threshold (\d+) days)?\nperiods end (.+)"
)


def test_the_stated_values_come_out():
    assert check(FILES).errors == ()
    result = run_folder(FILES)
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)]


@pytest.mark.parametrize("title", LIMITS)
def test_the_stated_values_of_limits_come_out(title):
    assert list(run(LIMITS[title]))


@pytest.mark.parametrize("title", PERIODS)
def test_the_stated_values_of_periods_come_out(title):
    stated = PERIOD.fullmatch("\n".join(PERIODS[title]))
    assert stated is not None
    subscribed, day, threshold, ends = stated.groups()
    found = periods(
        dt.date.fromisoformat(subscribed), Cycle(int(day)), threshold_days=int(threshold or 0)
    )
    expected = ends.split(", ")
    assert [each.end.isoformat() for each in islice(found, len(expected))] == expected


def test_each_value_has_a_scenario_by_its_name():
    stated = {int(number) for number in re.findall(r"^Scenario: TV-(\d+)", TEXTS, re.MULTILINE)}
    assert stated == set(range(1, 17))


def test_a_value_that_is_stated_otherwise_fails():
    wrong = FILES["values.scenario"].replace(b"charge 77.50 EUR", b"charge 77.49 EUR")
    assert not run_folder({**FILES, "values.scenario": wrong}).passed


def test_tv_5_is_rounded_on_the_invoice_line_and_nowhere_before():
    charge = Billable(
        product="energy",
        product_type="energy",
        unit="kWh",
        tax_code=None,
        currency="EUR",
        records=1,
        quantity=Decimal(742),
        amount=Decimal("97.944"),
        usage_from_ms=0,
        usage_to_ms=0,
        charges=((1, UUID(int=1)),),
    )
    (line,) = build_invoice([charge]).lines
    assert (line.charges, line.amount) == (Decimal("97.944"), Decimal("97.94"))
