"""Files of charging records: cut at the ends of their records, whole or damaged."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from mediation.file_progress import count_items
from schemas import raw
from sources.cdr_files import cut_cdr_file
from sources.errors import FileStillWritten
from sources.files import FileReading
from sources.generate import tlv
from sources.records import Origin, RawRecord
from tests.charging_records import Used, file_of, pgw, record
from tests.mediation_world import MAPPINGS
from tests.unit.test_sources_files import LATER_MS, MODIFIED_MS, end_of, header, write

ORIGIN = Origin(tenant="t", source="pgw-1", stream="s", format="3gpp-pgw", reads_cdr_files=True)


def read(path: Path, *, now_ms: int = LATER_MS, settle_s: int = 60) -> list[RawRecord]:
    with FileReading(path, origin=ORIGIN, file_id="1", now_ms=now_ms, settle_s=settle_s) as reading:
        return list(reading.records())


def records(count: int, *used: Used) -> list[bytes]:
    return [record(pgw(*(used or (Used(1, 1, 1),)), charging_id=each)) for each in range(count)]


def test_the_header_is_a_block_and_tells_what_is_in_the_file(tmp_path: Path) -> None:
    data = file_of(*records(3))
    head, block, end = read(write(tmp_path / "a.cdr", data))
    assert head.value + block.value == data
    assert len(head.value) == tlv.HEADER_BYTES
    assert header(head, raw.CONTENT_TYPE) == raw.CDR_FILE_HEADER
    assert (header(head, raw.CDR_FILE_RECORDS), header(head, raw.CDR_FILE_BYTES)) == (
        "3",
        str(len(data)),
    )
    assert header(block, raw.CONTENT_TYPE) == raw.CDRS
    assert header(block, raw.FIRST_BYTE) == str(tlv.HEADER_BYTES)
    assert header(block, raw.FIRST_LINE) == "2"
    assert [header(each, raw.SOURCE_SEQUENCE) for each in (head, block)] == ["8", "8"]
    assert end_of([head, block, end]).items == 4


def test_a_packed_file_gives_the_same_blocks(tmp_path: Path) -> None:
    data = file_of(*records(3))
    plain, packed = (
        read(write(tmp_path / "a.cdr", data)),
        read(write(tmp_path / "b.cdr.gz", gzip.compress(data))),
    )
    assert [each.value for each in plain] == [each.value for each in packed]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data,
        lambda data: data[:-7],
        lambda data: data + b"\0" * 600_000,
        lambda data: data[:60_000] + b"\xff" * 40 + data[60_040:],
        lambda data: b"not a file of charging records\n" * 30_000,
        lambda data: data[:20],
        lambda data: data[:4] + b"\x7f" + data[5:],
    ],
    ids=["whole", "cut off", "padded", "overwritten", "another format", "no header", "header length"],
)  # fmt: skip
def test_the_blocks_are_the_file_and_their_items_are_counted_alike(damage) -> None:
    data = damage(file_of(*records(2_500, Used(1, 1, 1), Used(2, 2, 2))))
    blocks = list(cut_cdr_file(data))
    assert b"".join(block.value for block in blocks) == data
    places = [dict(block.headers)[raw.FIRST_BYTE] for block in blocks]
    at = 0
    for block, place in zip(blocks, places, strict=True):
        assert int(place) == at
        at += len(block.value)
        assert count_items(block.value, block.content_type) == block.items
        assert block.content_type is not None
        stated = dict(block.headers) | {"content_type": block.content_type.encode()}
        items = MAPPINGS["3gpp-pgw"].decode(block.value, stated)
        assert block.items <= len(items) <= raw.MAX_RECORD_ITEMS


def test_a_block_gives_no_more_events_than_a_record_may_hold() -> None:
    many = [Used(group, 1, 1) for group in range(300)]
    blocks = list(cut_cdr_file(file_of(*records(7, *many))))
    for block, following in pairwise(blocks[1:]):
        items = MAPPINGS["3gpp-pgw"].decode(block.value, dict(block.headers))
        assert len(items) <= raw.MAX_RECORD_ITEMS < len(items) + 300
        assert following.content_type == raw.CDRS


def test_a_file_that_ends_too_early_waits_while_it_is_young(tmp_path: Path) -> None:
    path = write(tmp_path / "a.cdr", file_of(*records(3))[:-1])
    with pytest.raises(FileStillWritten):
        read(path, now_ms=MODIFIED_MS + 1_000)
    head, block, rest, _ = read(path)
    assert (head.items, block.items, rest.items) == (1, 2, 1)
    assert header(rest, raw.CONTENT_TYPE) == raw.CDR_FILE_REST
    whole = write(tmp_path / "b.cdr", file_of(*records(3)))
    assert read(whole, now_ms=MODIFIED_MS + 1_000)


def test_an_empty_file_and_one_without_records(tmp_path: Path) -> None:
    assert end_of(read(write(tmp_path / "a.cdr", b""))).blocks == 0
    assert end_of(read(write(tmp_path / "b.cdr", file_of()))).items == 1
