"""What a benchmark says: targets, reasons, changes, merged runs, documents."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec
import pytest

from deploy.write_measured_blocks import LAST, write_into
from pipeline.bench.compare import changes, differences, regressions
from pipeline.bench.compared import COMPARISONS
from pipeline.bench.documents import BEGIN, DOCUMENTS, END, NoPlace, with_block
from pipeline.bench.judged import judged, missed, number, reasons_by_name
from pipeline.bench.latency import percentile
from pipeline.bench.merged import Into, merged
from pipeline.bench.parts import Part
from pipeline.bench.refusals import BenchRefused
from pipeline.bench.result import BenchResult, NotAResult, read_result, rounded, targets_of
from pipeline.bench.run import ACCOUNTS, PREFIXES, Wanted
from pipeline.bench.scaling_text import network_bytes
from pipeline.bench.targets import ABOUT, TARGETS

ROOT = Path(__file__).resolve().parents[2]


def result(**fields):
    figures = fields.pop("figures", {"end_to_end_events_per_s": 12_000.0})
    known = {
        "figures": figures,
        "targets": targets_of(figures),
        "hardware": {"processor": "P", "cores": "2", "memory": "1 GiB", "system": "Linux"},
        "versions": {"python": "3.11"},
        "command": "ratemill bench",
        "workload": {"events": 1},
        "parts": ("end-to-end",),
        "measured_at": "2026-11-25 12:00 UTC",
    }
    return BenchResult(**(known | fields))


def row_of(found, name):
    return next(row for row in found if row.about == ABOUT[name])


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (9_999, "MISSED"),
        (10_000, "must reached"),
        (19_999, "must reached"),
        (20_000, "aim reached"),
    ],
)
def test_a_figure_is_judged_at_its_bounds(figure, verdict):
    found = judged(result(figures={"end_to_end_events_per_s": figure}), {}, {})
    assert row_of(found, "end_to_end_events_per_s").verdict == verdict


@pytest.mark.parametrize(
    ("figure", "verdict"), [(1_001, "MISSED"), (1_000, "must reached"), (300, "aim reached")]
)
def test_where_less_is_better_the_bounds_are_above(figure, verdict):
    found = judged(result(figures={"latency_offered_p99_ms": figure}), {}, {})
    assert row_of(found, "latency_offered_p99_ms").verdict == verdict


def test_every_target_has_a_row_whether_it_was_measured_or_not():
    found = judged(result(), {}, {})
    assert [row.about for row in found] == [
        *ABOUT.values(),
        *(one.about for one in COMPARISONS),
    ]
    assert list(ABOUT) == list(TARGETS)
    assert row_of(found, "memory_rate_process_mb").verdict == "not measured"
    assert all(row.reason for row in found if row.verdict == "not measured")


def test_a_missed_must_without_a_reason_says_so():
    row = row_of(
        judged(result(figures={"end_to_end_events_per_s": 1}), {}, {}), "end_to_end_events_per_s"
    )
    assert row.reason == "no reason is written down yet"


def test_every_missed_must_of_the_kept_result_has_a_reason():
    reasons = reasons_by_name()
    assert [name for name in missed(read_result(LAST)) if not reasons.get(name)] == []


def test_a_reason_is_of_a_figure_that_has_a_target():
    compared = {one.reason_name for one in COMPARISONS if one.target is not None}
    assert set(reasons_by_name()) <= set(TARGETS) | compared


def test_the_documents_are_what_the_kept_result_says(tmp_path):
    for name in DOCUMENTS:
        (tmp_path / name).write_text((ROOT / "docs" / name).read_text())
    write_into(tmp_path)
    for name in DOCUMENTS:
        assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), (
            "run `make generated` and commit what it writes; a measured block is not written by hand"
        )


def test_a_document_without_its_marks_is_refused():
    for text in ("", BEGIN, END, f"{END}{BEGIN}"):
        with pytest.raises(NoPlace, match="Operator action"):
            with_block(text, "x", name="performance.md")
    assert with_block(f"a\n{BEGIN}old\n{END}b\n", "new", name="x") == f"a\n{BEGIN}\nnew\n\n{END}b\n"


def test_the_change_of_each_figure_is_told_and_a_dearer_event_is_named():
    before = result(
        figures={"cpu_rate_us_per_event": 50.0, "cpu_load_us_per_event": 10.0, "old": 1}
    )
    now = result(figures={"cpu_rate_us_per_event": 55.1, "cpu_load_us_per_event": 11.0, "new": 1})
    found = changes(before, now)
    assert [(one.name, round(one.percent, 1)) for one in found] == [
        ("cpu_rate_us_per_event", 10.2),
        ("cpu_load_us_per_event", 10.0),
    ]
    assert [one.name for one in regressions(found)] == ["cpu_rate_us_per_event"]


def test_what_ours_is_compared_with_is_no_regression_of_ours():
    before = result(figures={"faust_agent_us_per_event": 1.0})
    now = result(figures={"faust_agent_us_per_event": 9.0})
    assert regressions(changes(before, now)) == []


def test_a_figure_of_zero_has_no_change_in_percent():
    (one,) = changes(result(figures={"x": 0}), result(figures={"x": 3}))
    assert one.percent is None


def test_another_workload_or_machine_is_told():
    other = result(workload={"events": 2}, hardware={"processor": "Q", "cores": "2"})
    assert differences(result(), other) == [
        "processor: P before, Q now",
        "events: 1 before, 2 now",
    ]


def test_parts_of_several_runs_become_one_result(tmp_path):
    path = tmp_path / "result.json"
    Into(path).put(result(exact=True))
    second = Into(path)
    second.put(result(figures={"scaling_1_events_per_s": 4.0}, command="unfinished"))
    whole = second.put(
        result(figures={"scaling_1_events_per_s": 5.0}, parts=("scaling",), command="second")
    )
    assert read_result(path) == whole
    assert whole.figures == {"end_to_end_events_per_s": 12_000.0, "scaling_1_events_per_s": 5.0}
    assert whole.parts == ("end-to-end", "scaling")
    assert whole.command == "ratemill bench; second"
    assert whole.exact is True
    assert set(whole.targets) == {"end_to_end_events_per_s"}


def test_one_run_that_does_not_reconcile_spoils_the_whole():
    assert merged(result(exact=False), result(exact=True)).exact is False


def test_the_command_says_how_to_measure_it_again_and_nothing_of_this_machine():
    wanted = Wanted(parts=list(Part), events=7_000, seed=2, accounts=ACCOUNTS, prefixes=PREFIXES)
    assert wanted.command == "ratemill bench --events 7000 --seed 2"
    some = dataclasses.replace(wanted, parts=[Part.LATENCY, Part.FAUST], prefixes=100, partitions=4)
    assert some.command == (
        "ratemill bench --events 7000 --seed 2 --accounts 20000 --prefixes 100 "
        "--partitions 4 --only latency --only faust"
    )


def test_parts_of_another_workload_are_refused():
    with pytest.raises(BenchRefused, match="Operator action"):
        merged(result(), result(workload={"events": 2}))


def test_the_line_is_one_flat_object_of_numbers():
    line = json.loads(msgspec.json.encode(result()))
    assert line["figures"] == {"end_to_end_events_per_s": 12_000.0}
    assert line["targets"] == {
        "end_to_end_events_per_s": {"must": 10_000.0, "aim": 20_000.0, "better": "higher"}
    }


@pytest.mark.parametrize("content", ["", "{}", '{"figures": 1}'])
def test_a_file_that_is_no_result_is_refused(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(NotAResult, match="Operator action"):
        read_result(path)


@pytest.mark.parametrize(
    ("value", "kept"), [(1234.56, 1235), (0.123456, 0.1235), (12.0, 12), (7, 7), (987654, 987654)]
)
def test_figures_keep_the_digits_that_mean_something(value, kept):
    assert rounded(value) == kept


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.0, "1,234,567"), (1234.6, "1,235"), (1.5, "1.5")]
)
def test_figures_are_shown_with_grouped_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(("share", "found"), [(50, 5), (95, 10), (99, 10), (10, 1), (11, 2)])
def test_a_percentile_is_a_value_that_was_measured(share, found):
    assert percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], share) == found


def test_what_goes_into_the_broker_is_the_sum_of_the_topics():
    figures = {
        "disk_topic_usage_raw_bytes_per_event": 200,
        "disk_topic_usage_rated_bytes_per_event": 9,
    }
    assert network_bytes(figures) == (209, 209)
