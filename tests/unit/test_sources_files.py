"""Reading files: listing, cutting, the end record, and files that are not ready."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from schemas import raw
from sources.errors import FileDamaged, FileStillWritten, SourceFileError
from sources.files import FileReading, content_sha256
from sources.listing import list_files
from sources.records import Origin, RawRecord

MODIFIED_MS = 1_790_000_000_000
LATER_MS = MODIFIED_MS + 3_600_000
ORIGIN = Origin(tenant="acme", source="fs-1", stream="fs-1", format="freeswitch-csv")


def write(path: Path, data: bytes, *, modified_ms: int = MODIFIED_MS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, ns=(modified_ms * 1_000_000, modified_ms * 1_000_000))
    return path


def read(path: Path, *, now_ms: int = LATER_MS, settle_s: int = 60) -> list[RawRecord]:
    with FileReading(
        path, origin=ORIGIN, file_id="attempt-1", now_ms=now_ms, settle_s=settle_s
    ) as reading:
        return list(reading.records())


def header(record: RawRecord, name: str) -> str | None:
    return next((value.decode() for key, value in record.headers if key == name), None)


def end_of(records: list[RawRecord]) -> raw.FileEnd:
    assert header(records[-1], raw.RECORD) == "end"
    return raw.file_end_from_json(records[-1].value)


def test_a_small_file_is_one_block_and_an_end(tmp_path: Path) -> None:
    block, end = read(write(tmp_path / "Master.csv", b"a,1\nb,2\n"))

    assert block.key == b"fs-1"
    assert block.value == b"a,1\nb,2\n"
    assert dict(block.headers) == {
        "tenant": b"acme",
        "source": b"fs-1",
        "stream": b"fs-1",
        "format": b"freeswitch-csv",
        "source_file": b"Master.csv",
        "file_id": b"attempt-1",
        "record": b"block",
        "block": b"0",
        "first_line": b"1",
    }
    assert header(end, raw.RECORD) == "end"
    chain = raw.chain_block(raw.NO_BLOCKS, raw.digest_block(b"a,1\nb,2\n"))
    assert raw.file_end_from_json(end.value) == raw.FileEnd(
        blocks=1, items=2, bytes=8, digest=chain.hex()
    )


def test_the_zone_is_said_only_where_there_is_one(tmp_path: Path) -> None:
    origin = Origin(tenant="t", source="s", stream="s", format="f", zone="Europe/Berlin")
    path = write(tmp_path / "a.csv", b"x\n")
    with FileReading(path, origin=origin, file_id="1", now_ms=LATER_MS) as reading:
        assert all(header(record, raw.ZONE) == "Europe/Berlin" for record in reading.records())
    assert all(header(record, raw.ZONE) is None for record in read(path))


def test_the_line_of_column_names_goes_with_every_block(tmp_path: Path) -> None:
    origin = Origin(tenant="t", source="s", stream="s", format="f", names_columns=True)
    path = write(tmp_path / "a.csv", b"a,b\r\n" + b"1,2\r\n" * 2500)
    with FileReading(path, origin=origin, file_id="1", now_ms=LATER_MS) as reading:
        blocks = list(reading.records())[:-1]
    named = [value for block in blocks for name, value in block.headers if name == raw.COLUMNS_LINE]
    assert named == [b"a,b\r"] * 3
    assert blocks[0].value.startswith(b"a,b\r\n1,2")


def test_the_summary_says_what_was_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"x\ny\n")
    with FileReading(path, origin=ORIGIN, file_id="1", now_ms=LATER_MS) as reading:
        assert (reading.size, reading.position()) == (4, 0)
        list(reading.records())
        assert reading.position() == 4
        assert reading.summary is not None
        assert reading.summary._asdict() == {
            "records": 2,
            "items": 2,
            "oversize": 0,
            "bytes": 4,
            "sha256": content_sha256(path),
        }


def test_an_empty_file_is_an_end_record_of_nothing(tmp_path: Path) -> None:
    records = read(write(tmp_path / "empty.csv", b""), now_ms=MODIFIED_MS)
    assert len(records) == 1
    assert end_of(records) == raw.FileEnd(blocks=0, items=0, bytes=0, digest="0" * 32)


def test_a_packed_file_is_the_same_file(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", b"a\nb\n" * 5000)
    packed = write(tmp_path / "b.csv.gz", gzip.compress(b"a\nb\n" * 5000))
    assert [record.value for record in read(plain)] == [record.value for record in read(packed)]
    assert content_sha256(plain) == content_sha256(packed)


def test_first_line_goes_on_from_block_to_block(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.csv", b"row\n" * 2500))
    assert [header(record, raw.FIRST_LINE) for record in records[:-1]] == ["1", "1001", "2001"]
    assert [header(record, raw.BLOCK) for record in records[:-1]] == ["0", "1", "2"]
    assert end_of(records).items == 2500


def test_a_record_of_5_mb_goes_alone_and_its_neighbours_whole(tmp_path: Path) -> None:
    huge = b"x" * 5_000_000 + b"\n"
    records = read(write(tmp_path / "a.csv", b"before\n" + huge + b"after\n"))

    before, told, after, _ = records
    assert (before.value, after.value) == (b"before\n", b"after\n")
    assert told.value == huge[: raw.OVERSIZE_HEAD_BYTES]
    assert header(told, raw.OVERSIZE_BYTES) == "5000001"
    assert header(told, raw.OVERSIZE_DIGEST) == raw.digest_block(huge).hex()
    assert header(told, raw.FIRST_LINE) == "2"
    assert header(after, raw.FIRST_LINE) == "3"
    assert header(after, raw.OVERSIZE_BYTES) is None
    end = end_of(records)
    assert (end.blocks, end.items, end.bytes) == (3, 3, len(huge) + 13)


@pytest.mark.parametrize("end", [b"\nnext\n", b"\n", b""], ids=["first", "last", "without an end"])
@pytest.mark.parametrize("excess", [0, 1], ids=["fits exactly", "one byte too long"])
def test_the_longest_line(tmp_path: Path, excess: int, end: bytes) -> None:
    line = b"x" * (raw.MAX_RECORD_BYTES - len(end[:1]) + excess) + end
    record = read(write(tmp_path / "a.csv", line))[0]
    assert (header(record, raw.OVERSIZE_BYTES) is not None) == bool(excess)


def test_a_long_last_line_without_an_end(tmp_path: Path) -> None:
    records = read(write(tmp_path / "a.csv", b"a\n" + b"x" * (raw.MAX_RECORD_BYTES + 7)))
    assert header(records[1], raw.OVERSIZE_BYTES) == str(raw.MAX_RECORD_BYTES + 7)
    assert end_of(records).items == 2


# Files that are not ready.


def test_an_unfinished_last_line_of_a_young_file_is_refused_before_anything(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.csv", b"a\nb\nhalf a li")
    with (
        FileReading(path, origin=ORIGIN, file_id="1", now_ms=MODIFIED_MS + 59_000) as reading,
        pytest.raises(FileStillWritten, match=r"Operator action: .*--settle 0"),
    ):
        next(reading.records())


@pytest.mark.parametrize(
    ("now_ms", "settle_s"),
    [(MODIFIED_MS + 60_000, 60), (MODIFIED_MS, 0), (MODIFIED_MS - 5_000, 0)],
    ids=["old enough", "told to read it", "told to read it, dated in the future"],
)
def test_an_unfinished_last_line_is_read_where_it_is_settled(
    tmp_path: Path, now_ms: int, settle_s: int
) -> None:
    path = write(tmp_path / "a.csv", b"a\nlast")
    records = read(path, now_ms=now_ms, settle_s=settle_s)
    assert records[0].value == b"a\nlast"
    assert end_of(records).items == 2


def test_a_young_packed_file_with_an_unfinished_line_gets_no_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv.gz", gzip.compress(b"a\nlast"))
    with pytest.raises(FileStillWritten):
        read(path, now_ms=MODIFIED_MS)


def test_a_file_that_grows_while_it_is_read_gets_no_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"row\n" * 2500)
    with FileReading(path, origin=ORIGIN, file_id="1", now_ms=LATER_MS) as reading:
        records = reading.records()
        kinds = [header(next(records), raw.RECORD)]
        with path.open("ab") as writer:
            writer.write(b"one more\n")
        with pytest.raises(FileStillWritten, match="changed while it was read"):
            kinds.extend(header(record, raw.RECORD) for record in records)
        assert set(kinds) == {"block"}
        assert reading.summary is None


def test_a_file_that_is_renamed_while_it_is_read_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"row\n" * 2500)
    with FileReading(path, origin=ORIGIN, file_id="1", now_ms=LATER_MS) as reading:
        records = reading.records()
        first = next(records)
        path.rename(tmp_path / "done.csv")
        assert end_of([first, *records]).items == 2500


@pytest.mark.parametrize(
    ("now_ms", "error"),
    [(MODIFIED_MS, FileStillWritten), (LATER_MS, FileDamaged)],
    ids=["young", "old"],
)
def test_half_a_packed_file(tmp_path: Path, now_ms: int, error: type[Exception]) -> None:
    packed = gzip.compress(os.urandom(200_000))
    path = write(tmp_path / "a.csv.gz", packed[: len(packed) // 2])
    with pytest.raises(error, match="Operator action: "):
        read(path, now_ms=now_ms)


def test_a_plain_file_called_gz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged, match="is not packed by gzip"):
        read(write(tmp_path / "a.csv.gz", b"plain\n"))


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceFileError, match="is not a file"):
        read(tmp_path / "pipe")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"is gone\. Operator action: "):
        read(tmp_path / "gone.csv")


# JSON documents.


def test_one_event_is_one_item(tmp_path: Path) -> None:
    event = b'{\n  "id": "1"\n}\n'
    record, end = read(write(tmp_path / "a.json", event))
    assert record.value == event
    assert header(record, raw.CONTENT_TYPE) == "application/cloudevents+json"
    assert end_of([end]).items == 1


def test_the_events_of_an_array_keep_their_exact_bytes(tmp_path: Path) -> None:
    data = b' [ {"id": "1",\n "data": 1.50},\n{"id":"2", "n": 123456789012345678901234567890} ]\n'
    record, end = read(write(tmp_path / "a.json", data))
    assert record.value == (
        b'[{"id": "1",\n "data": 1.50},{"id":"2", "n": 123456789012345678901234567890}]'
    )
    assert header(record, raw.CONTENT_TYPE) == "application/cloudevents-batch+json"
    assert end_of([end]).items == 2


def test_a_long_array_is_cut_and_an_event_too_large_goes_alone(tmp_path: Path) -> None:
    events = [{"id": str(number)} for number in range(1500)]
    events.insert(10, {"id": "huge", "text": "x" * 300_000})
    records = read(write(tmp_path / "a.json", json.dumps(events).encode()))

    assert [record.items for record in records] == [10, 1, 1000, 490, 0]
    assert header(records[1], raw.OVERSIZE_BYTES) is not None
    read_back = [json.loads(record.value) for record in records[:-1] if record.items > 1]
    assert [event for batch in read_back for event in batch] == [
        event for event in events if event["id"] != "huge"
    ]
    assert header(records[2], raw.FIRST_LINE) == "12"


@pytest.mark.parametrize(("excess", "items"), [(0, [2, 0]), (1, [1, 1, 0])])
def test_an_array_as_long_as_a_block(tmp_path: Path, excess: int, items: list[int]) -> None:
    half = (raw.MAX_RECORD_BYTES - len('["","",]')) // 2
    data = json.dumps(["x" * half, "y" * (half + 1 + excess)]).encode()
    records = read(write(tmp_path / "a.json", data))
    assert [record.items for record in records] == items
    assert max(len(record.value) for record in records) <= raw.MAX_RECORD_BYTES


def test_lines_of_events_called_json_are_lines(tmp_path: Path) -> None:
    record, _ = read(write(tmp_path / "a.json", b'{"id": "1"}\nbroken\n{"id": "3"}\n'))
    assert record.items == 3
    assert header(record, raw.CONTENT_TYPE) is None


def test_what_is_no_json_is_one_item(tmp_path: Path) -> None:
    record, _ = read(write(tmp_path / "a.json", b'{\n"id": \n"half'))
    assert (record.items, record.value) == (1, b'{\n"id": \n"half')


def test_half_a_young_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileStillWritten):
        read(write(tmp_path / "a.json", b'[{"id": "1"}, {"id"'), now_ms=MODIFIED_MS)


@pytest.mark.parametrize("data", [b"", b"  \n", b"[]"], ids=["empty", "blank", "empty array"])
def test_a_document_of_nothing(tmp_path: Path, data: bytes) -> None:
    assert end_of(read(write(tmp_path / "a.json", data))).items == 0


def test_a_document_too_large_to_be_understood_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json.gz", gzip.compress(b" " * (33 * 1024 * 1024)))
    with pytest.raises(SourceFileError, match=r"one event per line"):
        read(path)


# Listing.


def test_a_folder_is_read_to_the_bottom_by_name(tmp_path: Path) -> None:
    for name in ("b/2.csv", "b/1.csv", "a.csv", "c/d/e.csv.gz"):
        write(tmp_path / name, b"x\n")
    for name in (".hidden", "half.tmp", "b/half.CSV.PART", "b/half.filepart", ".git/x.csv"):
        write(tmp_path / name, b"x\n")
    listing = list_files([tmp_path])
    names = [str(file.relative_to(tmp_path)) for file in listing.files]
    assert names == ["a.csv", "b/1.csv", "b/2.csv", "c/d/e.csv.gz"]
    ignored = {str(file.relative_to(tmp_path)) for file in listing.ignored}
    assert ignored == {".hidden", "half.tmp", "b/half.CSV.PART", "b/half.filepart"}


def test_a_file_that_is_named_is_read_once_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "named.tmp", b"x\n")
    other = write(tmp_path / "other.csv", b"x\n")
    assert list_files([path, tmp_path, other]).files == (path, other)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"does not exist\. Operator action: "):
        list_files([tmp_path / "nothing"])
