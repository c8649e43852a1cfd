"""Generated charging files: their headers are true, and each record is read as its truth says."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from mediation.decode.item import DecodedItem, Ignored
from schemas.refusal import Refused
from sources.files import FileReading
from sources.generate.charging import SwitchingCentre
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw
from sources.generate.usage import REASONS
from sources.generate.write import generate
from sources.records import Origin
from tests.mediation_world import MAPPINGS
from tests.unit.test_sources_generate import Run, request

MSC = "msc-hamburg"
DECODER = MAPPINGS["3gpp-msc"]
AUTUMN_MS = 1_792_890_000_000  # 2026-10-25T01:00:00Z: the clocks go back


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "run"
    generate(request("operator", records=6_000), folder)
    return folder


def outcomes_of(path: Path) -> list[tuple[bytes, object]]:
    origin = Origin(tenant="t", source=MSC, stream=MSC, format="3gpp-msc", reads_cdr_files=True)
    found: list[tuple[bytes, object]] = []
    with FileReading(path, origin=origin, file_id="1", now_ms=0) as reading:
        for each in reading.records():
            if each.items:
                items = DECODER.decode(each.value, dict(each.headers))
                found += [(line, outcome) for _, line, outcome in items]
        assert reading.summary is not None
        assert reading.summary.items == len(found)
    return found


def test_all_three_formats_are_written(folder: Path) -> None:
    suffixes = Counter(path.suffix for path in (folder / "usage").rglob("*") if path.is_file())
    assert set(suffixes) == {".csv", ".jsonl", ".cdr"}
    assert suffixes[".cdr"] == 3


def test_each_item_of_a_file_is_what_its_truth_says(folder: Path) -> None:
    run = Run(folder)
    broken: set[str] = set()
    for file in [file for file in run.summary["files"] if file["source"] == MSC]:
        path = folder / file["file"]
        items = outcomes_of(path)
        assert (len(items), path.stat().st_size) == (file["lines"], file["bytes"])
        head, *records = [outcome for _, outcome in items]
        assert isinstance(head, Ignored), head
        truths = [truth for truth in run.truth if truth["file"] == file["file"]]
        assert [truth["line"] for truth in truths] == list(range(2, len(items) + 1))
        for truth, outcome in zip(truths, records, strict=True):
            if truth["kind"] == "broken":
                assert isinstance(outcome, Refused)
                assert outcome.reason == truth["reason"]
                broken.add(truth["broken"])
                continue
            assert isinstance(outcome, DecodedItem), outcome
            assert outcome.record_id == truth["record_id"]
            assert outcome.identifiers[0] == truth["identifier"]
            assert outcome.started_at_ms == truth["started_at_ms"]
            assert outcome.ended_at_ms == truth["ended_at_ms"]
            assert outcome.quantities == {"s": Decimal(truth["quantities"]["s"])}
            assert outcome.destination == truth["destination"]
    assert broken


def centre() -> SwitchingCentre:
    destinations = Destinations(("49", "44"), Draw(1, "destinations"))
    return SwitchingCentre(
        MSC, zone="Europe/Berlin", number="4917600001", destinations=destinations
    )


@pytest.mark.parametrize("how", centre().breaks)
def test_each_way_to_break_a_record_costs_only_itself(how) -> None:
    element, draw = centre(), Draw(1, "usage")
    before, broken, after = (
        element.usage("4930111", AUTUMN_MS + hour * 3_600_000, draw) for hour in (1, 2, 3)
    )
    value = element.line(before) + element.broken_line(broken, how) + element.line(after)
    first, middle, last = [outcome for _, _, outcome in DECODER.decode(value, {})]
    assert isinstance(first, DecodedItem)
    assert isinstance(last, DecodedItem)
    assert isinstance(middle, Refused)
    assert middle.reason is REASONS[how]


def test_calls_around_the_change_of_clocks_keep_their_instants() -> None:
    element, draw = centre(), Draw(2, "usage")
    for minutes in range(0, 6 * 60, 7):
        usage = element.usage("4930111", AUTUMN_MS + minutes * 60_000, draw)
        ((_, _, outcome),) = DECODER.decode(element.line(usage), {})
        assert isinstance(outcome, DecodedItem)
        assert (outcome.started_at_ms, outcome.record_id) == (usage.started_at_ms, usage.record_id)
