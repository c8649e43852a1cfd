"""Ours beside other programs: the same charges or no figure, and the row of what must be reached."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from benchmarks.compare.__main__ import main, parser
from benchmarks.compare.environment import environment_folder
from benchmarks.compare.event import event_from_json, event_of, event_to_json, usage_of
from benchmarks.compare.java import jdk
from benchmarks.compare.pricing import Pricing
from benchmarks.compare.programs import PROGRAMS
from benchmarks.compare.run import Wanted
from benchmarks.compare.topics import Sum, check_same
from pipeline.bench.compared import COMPARISONS, Compared, keep, read_compared
from pipeline.bench.judged import judged, reasons_by_name
from pipeline.bench.result import BenchResult
from pipeline.bench.tariff import PLANS
from pipeline.errors import RatemillError
from schemas.usage import RETAIL, Provenance, UsageEvent

CARD = """\
prefix,destination,price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to
49,Germany,0.0600,60,60,1,,off-peak,,
49,Germany,0.1200,60,60,1,,peak,,
"""


def compared(times, program="quix"):
    return Compared(
        program=program,
        figures={
            "events": 5_000,
            "charges": 5_000,
            "theirs_us_per_event": 100.0,
            "ours_us_per_event": 50.0,
            "times_our_cpu": times,
        },
        hardware={"processor": "P", "cores": "2"},
        command="python -m benchmarks.compare quix",
        measured_at="2026-11-26 12:00 UTC",
    )


def row(about, kept):
    result = BenchResult(
        figures={}, targets={}, hardware={}, versions={}, command="", workload={}, parts=()
    )
    return next(one for one in judged(result, {}, kept) if one.about.startswith(about))


def usage(**fields):
    known = {
        "tenant": "bench",
        "identity": bytes(range(16)),
        "content_hash": b"12345678",
        "run": RETAIL,
        "rating_key": "bench/a",
        "source": "fs-01",
        "record_id": "1",
        "account_id": "a",
        "subscription_id": "s",
        "product": "voice",
        "usage_kind": "voice",
        "started_at_ms": 1_793_620_800_000,  # a Monday, 13:00 in Berlin
        "ended_at_ms": None,
        "zone": "Europe/Berlin",
        "quantities": {"s": Decimal(90)},
        "origin": None,
        "destination": "4930123",
        "service_class": None,
        "attributes": {},
        "provenance": Provenance(0, 0, 0, "x@1", 0),
        "batch": 1,
    }
    return UsageEvent(**(known | fields))


@pytest.mark.parametrize(
    ("times", "verdict"), [(2.9, "MISSED"), (3.0, "must reached"), (4.0, "aim reached")]
)
def test_a_comparison_is_judged_at_its_bounds_and_says_where_it_was_made(times, verdict):
    found = row("the same work in Quix", {"quix": compared(times)})
    assert (found.measured, found.verdict) == (f"{times:g}", verdict)
    assert (found.must, found.aim) == ("3", "4")
    for word in ("100 us", "ours 50", "5,000 events", "2026-11-26", "P, 2 cores"):
        assert word in found.reason


def test_a_figure_of_a_machine_that_was_not_quiet_says_so():
    def reason(load):
        found = compared(3)
        found.figures["load_before"] = load
        return row("the same work in Quix", {"quix": found}).reason

    assert "not quiet" not in reason(0.5)
    assert "not quiet (load 4.2 before)" in reason(4.2)


def test_every_missed_must_that_is_on_file_has_a_reason():
    reasons, kept = reasons_by_name(), read_compared()
    for one in COMPARISONS:
        if one.program in kept and one.target is not None:
            figure = kept[one.program].figures["times_our_cpu"]
            reached = one.target.reaches(figure, one.target.must)
            assert reached or reasons.get(one.reason_name), one.program


def test_without_a_figure_on_file_the_row_says_how_to_come_to_one():
    found = row("the same work in Quix", {"bytewax": compared(5, "bytewax")})
    assert (found.measured, found.verdict) == ("", "not measured")
    assert "python -m benchmarks.compare quix --keep" in found.reason


def test_every_program_that_can_be_compared_has_a_target():
    targets = {one.program: one.target for one in COMPARISONS}
    assert all(targets[name] is not None for name in PROGRAMS)


@pytest.mark.parametrize(
    "found", [Sum(2, Decimal("1.50")), Sum(1, Decimal("3.00")), Sum(2, Decimal("3.0001"))]
)
def test_other_charges_are_other_work(found):
    with pytest.raises(RatemillError, match=r"not the same work.*Operator action"):
        check_same("Quix Streams", found, Sum(2, Decimal("3.00")))
    check_same("Quix Streams", Sum(2, Decimal("3.000")), Sum(2, Decimal("3.00")))


def test_an_event_keeps_on_its_way_all_that_a_price_looks_at():
    before = usage(quantities={"s": Decimal("0.10")}, attributes={"k": "v"}, origin="49301")
    event = event_from_json(event_to_json(event_of(before, plan="voice-basic", currency="EUR")))
    after = usage_of(event)
    lost = {"content_hash", "source", "record_id", "provenance", "batch"}
    for name in set(UsageEvent.__struct_fields__) - lost:
        assert getattr(after, name) == getattr(before, name), name


def test_the_work_is_a_charge_and_three_counters(tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "plans.yaml").write_text(PLANS)
    (tmp_path / "cards" / "world.csv").write_text(CARD)
    pricing = Pricing(tmp_path)
    counters = {}

    def rate(event, plan):
        value = event_to_json(event_of(event, plan=plan, currency="EUR"))
        return pricing.rate(value, counters.get, counters.__setitem__)

    first = msgspec.json.decode(rate(usage(), "voice-basic"))
    assert Decimal(first["amount"]) == Decimal("0.18")  # 90 s at 0.12 a minute
    assert rate(usage(), "no such plan") is None
    second = msgspec.json.decode(rate(usage(), "voice-bundle"))
    assert (second["free"], Decimal(second["amount"])) == ("90", 0)
    assert [text.split()[0] for text in counters.values()] == ["2", "2", "1"]
    assert Decimal(counters["unbilled"].split()[2]) == Decimal("0.18")


def test_a_comparison_replaces_that_of_its_program_alone(tmp_path):
    path = tmp_path / "compared.json"
    assert read_compared(path) == {}
    for one in (compared(1), compared(7, "bytewax"), compared(2)):
        keep(one, path)
    kept = read_compared(path)
    assert {name: one.figures["times_our_cpu"] for name, one in kept.items()} == {
        "quix": 2,
        "bytewax": 7,
    }


@pytest.mark.parametrize(
    "words", [[], ["flink"], ["quix", "--events", "4999"], ["quix", "--events", "many"]]
)
def test_what_cannot_be_compared_is_refused_before_anything_is_done(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "usage: python -m benchmarks.compare" in capsys.readouterr().err


def test_the_command_says_how_to_measure_it_again():
    asked = parser().parse_args(["quix"])
    wanted = Wanted(PROGRAMS["quix"], asked.events, asked.seed, asked.accounts, asked.prefixes)
    assert wanted.command == "python -m benchmarks.compare quix --events 100000 --seed 1"


IN_PYTHON = [program for program in PROGRAMS.values() if program.module is not None]


@pytest.mark.parametrize("program", IN_PYTHON, ids=[program.name for program in IN_PYTHON])
def test_other_pins_have_another_environment_and_each_pin_has_a_hash(program, tmp_path):
    lines = program.requirements.read_text().splitlines()
    assert all(line.endswith("\\") for line in lines if "==" in line)
    folder = environment_folder(program, tmp_path)
    assert folder == environment_folder(program, tmp_path)
    assert folder.parent == Path(tmp_path) / "compare"
    others = {environment_folder(one, tmp_path) for one in IN_PYTHON}
    assert len(others) == len(IN_PYTHON)


def test_without_a_compiler_the_program_in_java_is_refused_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RatemillError, match=r"no javac on the PATH.*Operator action: install"):
        jdk()


def test_the_tariff_in_java_is_that_of_the_workload():
    """It is written out by hand there: whoever changes the one must change the other."""
    digest = hashlib.sha256(PLANS.encode()).hexdigest()
    assert digest.startswith("0e17871a9991"), "change Tariff.java too, compare, then this"
