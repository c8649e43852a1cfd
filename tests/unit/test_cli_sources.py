"""Sources as `ratemill status` shows them, from the watch worker's page."""

from __future__ import annotations

import io

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from pipeline.cli.sources import SourceLine, source_lines, source_text, sources_table
from pipeline.cli.status import Status, _lines
from pipeline.watching.metrics import SourceMetrics
from pipeline.watching.sources import SourceView

NOW_S = 1_790_000_000


def page(*views: SourceView) -> str:
    registry = CollectorRegistry()
    SourceMetrics(registry).tell(views)
    return generate_latest(registry).decode()


def view(source: str, **fields: int) -> SourceView:
    usual = {"records_per_minute": 0, "records": 0, "refusals": 0, "missed": 0}
    return SourceView(source=source, **(usual | {"last_at_ms": NOW_S * 1000} | fields))


def test_a_page_is_read_back():
    busy = view(
        "gate", records_per_minute=1200, records=4, refusals=1, missed=3, last_at_ms=NOW_S * 1000
    )
    silent = view('a "b"', last_at_ms=(NOW_S - 90) * 1000)
    assert source_lines(page(busy, silent), now_s=NOW_S + 2) == [
        SourceLine(
            source='a "b"', records_per_minute=0, refused_ratio=None, silent_s=92, sequence_gaps=0
        ),
        SourceLine(
            source="gate", records_per_minute=1200, refused_ratio=0.25, silent_s=2, sequence_gaps=3
        ),
    ]


def test_a_broker_whose_clock_is_ahead_gives_no_negative_silence():
    (line,) = source_lines(page(view("gate")), now_s=NOW_S - 60)
    assert line.silent_s == 0


def test_a_page_without_sources_and_one_that_nobody_answered_have_none():
    assert source_lines(page(), now_s=NOW_S) == []
    assert source_lines("", now_s=NOW_S) == []
    other = 'ratemill_source_records_total{stage="normalise",partition="0"} 7\n'
    assert source_lines(other, now_s=NOW_S) == []


def test_a_source_as_a_line_and_as_a_table():
    (line,) = source_lines(
        page(view("gate", records_per_minute=1200, records=4, refusals=1, missed=3)), now_s=NOW_S
    )
    assert source_text(line) == (
        "gate 1,200 in the last minute, 25.0% refused, heard 0 s ago, 3 numbers missing"
    )
    console = Console(file=io.StringIO(), width=120)
    console.print(sources_table([line]))
    shown = console.file.getvalue()
    assert all(word in shown for word in ("gate", "1,200", "25.0%", "0 s ago", "3"))


@pytest.mark.parametrize(
    ("silent_s", "shown"),
    [(119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 days")],
)
def test_silence_is_cut_to_its_largest_unit(silent_s, shown):
    (line,) = source_lines(page(view("gate")), now_s=NOW_S + silent_s)
    assert f"heard {shown} ago" in source_text(line)


def test_without_a_terminal_each_look_is_lines():
    sources = tuple(source_lines(page(view("gate")), now_s=NOW_S))
    status = Status(
        installation="one",
        kept_by=None,
        kafka_bootstrap="",
        embedded=False,
        through=True,
        stages=(),
        sources=sources,
    )
    assert _lines(status)[1:] == [source_text(sources[0])]
