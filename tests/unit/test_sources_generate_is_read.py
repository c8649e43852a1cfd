"""What is generated is read by the shipped mappings, with the values that its truth states."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from mediation.decode.item import DecodedItem, Decoder
from mediation.decode.mapping import load_decoder
from schemas.refusal import RefusalReason, Refused
from sources.files import FileReading
from sources.generate.population import Offer, Service
from sources.generate.scenario import SCENARIOS
from sources.generate.shares import Kind
from sources.generate.stream import Record, Request, Stream
from sources.generate.write import generate
from sources.records import Origin

ROOT = Path(__file__).resolve().parents[2]

# What a decoder cannot know: it has no clock, no memory and no reference data.
LATER_REASONS = (
    RefusalReason.TOO_FAR_IN_FUTURE,
    RefusalReason.OLDER_THAN_DEDUP_HORIZON,
    RefusalReason.CONFLICT,
    RefusalReason.UNKNOWN_SUBSCRIBER,
    RefusalReason.UNKNOWN_DESTINATION,
)


def request(scenario: str, records: int) -> Request:
    return Request(
        scenario=SCENARIOS[scenario],
        seed=3,
        records=records,
        start=dt.date(2026, 10, 23),  # clocks go back on the 25th
        days=4,
        accounts=200,
        offers={service: (Offer("standard", "EUR"),) for service in Service},
        prefixes=("49", "4930", "44", "1", "60"),
        shares=SCENARIOS[scenario].shares,
    )


@pytest.fixture(scope="module")
def decoders() -> dict[str, Decoder]:
    texts = {
        path.stem: path.read_text() for path in (ROOT / "mediation" / "mappings").glob("*.yaml")
    }
    loaded = [load_decoder(text, name, extends=texts) for name, text in texts.items()]
    return {decoder.name: decoder for decoder in loaded}


def decoded(record: Record, decoder: Decoder) -> DecodedItem | Refused:
    headers = {"record": b"block", "first_line": b"1"}
    if record.writer.zone is not None:
        headers["zone"] = record.writer.zone.encode()
    ((_, _, outcome),) = decoder.decode(record.line, headers)
    assert isinstance(outcome, DecodedItem | Refused)
    return outcome


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_each_record_is_read_as_its_truth_says(scenario: str, decoders: dict[str, Decoder]) -> None:
    for record in Stream(request(scenario, 6_000)).records():
        outcome = decoded(record, decoders[record.writer.format])
        if record.reason is RefusalReason.TOO_LARGE:
            continue  # refused by its size, before anybody reads it
        if record.reason is not None and record.reason not in LATER_REASONS:
            assert isinstance(outcome, Refused), record.broken
            assert outcome.reason is record.reason, record.broken
            continue
        assert isinstance(outcome, DecodedItem), (record.line, outcome)
        usage = record.usage
        assert outcome.record_id == usage.record_id
        assert usage.identifier in outcome.identifiers
        assert outcome.product == usage.product
        assert outcome.destination == usage.destination
        if record.reason is not RefusalReason.TOO_FAR_IN_FUTURE:
            assert outcome.started_at_ms == usage.started_at_ms
            for unit, text in usage.quantities.items():
                assert outcome.quantities[unit] == Decimal(text)


def test_a_conflict_differs_in_what_decides_the_charge(decoders: dict[str, Decoder]) -> None:
    contents: dict[int, bytes] = {}
    for number, record in enumerate(Stream(request("mixed", 20_000)).records(), start=1):
        if record.kind in (Kind.BROKEN, Kind.UNKNOWN_SUBSCRIBER):
            continue
        outcome = decoded(record, decoders[record.writer.format])
        assert isinstance(outcome, DecodedItem)
        contents[number] = outcome.content
        if record.copy_of is not None:
            is_same = contents[record.copy_of] == outcome.content
            assert is_same == (record.kind is Kind.DUPLICATE)


def test_the_files_of_a_run_are_the_records_of_its_truth(
    tmp_path: Path, decoders: dict[str, Decoder]
) -> None:
    summary = generate(request("mixed", 6_000), tmp_path / "run")
    formats = {source.source: source.format for source in summary.sources}
    reasons: Counter[str] = Counter()
    items = 0
    for file in summary.files:
        origin = Origin(
            tenant="t", source=file.source, stream=file.source, format=formats[file.source]
        )
        path = tmp_path / "run" / file.file
        with FileReading(path, origin=origin, file_id="1", now_ms=0) as reading:
            list(reading.records())
        assert reading.summary is not None
        assert (reading.summary.items, reading.summary.bytes) == (file.lines, file.bytes)
        items += reading.summary.items
        reasons["too large"] += reading.summary.oversize
    assert items == 6_000
    assert reasons["too large"] == summary.broken["too_large"] == 1
