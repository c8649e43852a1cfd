"""`ratemill catalogue test`: the scenarios of a folder, what failed and why, the exit code."""

from __future__ import annotations

import json

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.output import messages, results
from pipeline.cli.program import run

PLAN = """
products: {voice: {type: telephony, usage_kind: voice, unit: s}}
plans:
  p:
    currency: EUR
    prices: {calls: {product: voice, price: {model: per_unit, amount: 0.10, per: 1 min, increments: 60/60}}}
"""
GOOD = """A call costs 0.10 for each started minute.

Account on plan p in EUR, zone UTC

Scenario: a call
    61 s of voice, charge 0.20 EUR
    total 0.20 EUR
"""


@pytest.fixture
def tested(tmp_path, capsys):
    """Return what becomes of scenario texts beside a plan: exit code, results, messages."""

    def tested(*options, plan=PLAN, **texts):
        (tmp_path / "plan.yaml").write_text(plan)
        for name, text in texts.items():
            (tmp_path / f"{name}.scenario").write_bytes(
                text if isinstance(text, bytes) else text.encode()
            )
        results.cache_clear()
        messages.cache_clear()
        code = run(["catalogue", "test", str(tmp_path), *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return tested


def test_what_is_as_written_is_counted(tested):
    more = GOOD + "\nScenario: another\n    1 s of voice, charge 0.10 EUR\n    total 0.10 EUR\n"
    assert tested(one=GOOD, two=more) == (
        Exit.OK,
        "",
        "3 scenarios with 6 lines in 2 files: all is as written.\n",
    )


def test_what_failed_is_shown_with_its_place_and_its_reason(tested):
    code, out, err = tested(one=GOOD.replace("charge 0.20", "charge 0.15"))
    assert code == Exit.FAILED
    assert out.splitlines() == [
        "one.scenario:6: expected charge 0.15 EUR, found charge 0.20 EUR",
        "  scenario: a call",
        "  61 s of voice, charge 0.15 EUR",
        "  1. Used: 61 s of voice.",
        "  2. Price p/calls of the catalogue at hand.",
        "  3. Billed in increments of 60/60, the first 1 min whole, then every started 1 min: 61 s "
        "is billed as 2 min.",
        "  4. 2 min at 0.10 EUR per min.",
        "  5. Rounded half up to 10 decimal places.",
        "  6. Charge: 0.20 EUR.",
        "",
    ]
    assert err == "1 scenario with 2 lines in 1 file: 1 scenario failed, at 1 line.\n"


def test_a_line_that_cannot_be_read_runs_nothing(tested):
    code, out, err = tested(one=GOOD.replace("61 s of", "61 s off"), two=GOOD)
    assert code == Exit.FAILED
    assert out.startswith("one.scenario:6: line: expected '[on <date> [at <time>]")
    assert "1 error, no scenario was run." in err


def test_a_catalogue_that_is_not_in_order_runs_nothing(tested):
    code, out, err = tested(plan=PLAN.replace("EUR", "EUX"), one=GOOD)
    assert code == Exit.FAILED
    assert out.startswith("plan.yaml:5: plans.p.currency: expected a currency of ISO 4217")
    assert "1 error, no scenario was run." in err


def test_a_text_that_is_no_utf_8_is_an_error_at_its_line(tested):
    code, out, _ = tested(one=GOOD.encode().replace(b"a call", b"a c\xe4ll"))
    assert code == Exit.FAILED
    assert "one.scenario:5: (file): expected UTF-8" in out


def test_no_scenario_is_no_success(tested):
    code, out, err = tested()
    assert (code, out) == (Exit.FAILED, "")
    assert "there is no scenario. To do: write what usage must cost" in err


def test_the_document_says_the_same(tested):
    code, out, err = tested("--json", one=GOOD.replace("total 0.20", "total 0.21"))
    document = json.loads(out)
    (failure,) = document.pop("failures")
    assert (code, err) == (Exit.FAILED, "")
    assert document == {
        "passed": False,
        "texts": 1,
        "scenarios": 1,
        "failed": 1,
        "lines": 2,
        "errors": [],
    }
    assert (failure["file"], failure["line"], failure["scenario"]) == ("one.scenario", 7, "a call")
    assert failure["mismatches"] == [{"expected": "total 0.21 EUR", "found": "total 0.20 EUR"}]
    code, out, _ = tested("--json", one=GOOD)
    assert (code, json.loads(out)["passed"]) == (Exit.OK, True)


def test_check_takes_a_scenario_for_none_of_the_catalogue(tested, tmp_path, capsys):
    tested(one="this is no scenario at all")
    assert run(["catalogue", "check", str(tmp_path)]) == Exit.OK
