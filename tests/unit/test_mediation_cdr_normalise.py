"""A file of charging records through normalise: each item has one outcome."""

from pathlib import Path

from schemas import raw, suspense, usage
from schemas.flow import Channel
from sources.files import FileReading
from sources.records import Origin
from tests.charging_records import Used, file_of, pgw, record
from tests.mediation_world import KEY, NOON, MemoryStage, accounts
from tests.recycling_world import sent_back, written_off


def through(tmp_path: Path, data: bytes, stage: MemoryStage | None = None, name: str = "a.cdr"):
    """Send a file through a stage; return the stage, and what it handed on of this file."""
    stage = stage or MemoryStage()
    path = tmp_path / name
    path.write_bytes(data)
    origin = Origin(
        tenant="acme", source="pgw-1", stream=KEY.decode(), format="3gpp-pgw", reads_cdr_files=True
    )
    known = len(stage.appends)
    with FileReading(path, origin=origin, file_id=name, now_ms=0, settle_s=0) as reading:
        records = [
            stage.record(
                each.value, at=NOON, **{key: value.decode() for key, value in each.headers}
            )
            for each in reading.records()
        ]
    decided = stage.batch(*records)
    appends = stage.appends[known:]
    events = [usage.from_wire(each.value) for each in appends if each.channel is Channel.NORMALISED]
    waiting = [
        suspense.from_wire(each.value) for each in appends if each.channel is Channel.SUSPENSE
    ]
    return stage, decided.proof, events, waiting


RECORDS = (
    record(pgw(Used(1, 10, 20), Used(2, 1, 2), part=1, cause=16)),
    record(pgw(Used(1, 30, 40), part=2, msisdn="37255502")),
    record(pgw(charging_id=78, cause=4)),
)


def test_a_whole_file_is_usage_and_nothing_waits(tmp_path):
    _, proof, events, waiting = through(tmp_path, file_of(*RECORDS))
    assert [event.quantities["B"] for event in events] == [30, 3, 70, 0]
    assert [event.account_id for event in events] == ["a-1", "a-1", "a-2", "a-1"]
    assert waiting == []
    assert proof.outcomes == {"normalised": 4, "ignored": 1, "command": 1}
    assert proof.sources["pgw-1"].first_sequence == proof.sources["pgw-1"].last_sequence == 8


def test_the_same_records_in_another_file_are_duplicates(tmp_path):
    stage, *_ = through(tmp_path, file_of(*RECORDS))
    _, _, events, copies = through(
        tmp_path, file_of(*RECORDS, sequence_number=9), stage, name="b.cdr"
    )
    assert events == []
    assert len(copies) == 4
    assert {copy.reason for copy in copies} == {""}


def test_another_volume_under_the_same_identity_is_a_conflict(tmp_path):
    stage, *_ = through(tmp_path, file_of(*RECORDS))
    other = record(pgw(Used(1, 10, 21), Used(2, 1, 2), part=1, cause=16))
    _, _, events, waiting = through(tmp_path, file_of(other), stage, name="b.cdr")
    assert events == []
    assert [each.reason for each in waiting] == ["mediation.conflict", ""]


def test_a_file_that_is_cut_off_keeps_what_is_whole(tmp_path):
    data = file_of(*RECORDS)
    _, proof, events, waiting = through(tmp_path, data[:-30])
    assert [event.quantities["B"] for event in events] == [30, 3, 70]
    assert [each.reason for each in waiting] == ["mediation.file_incomplete", "mediation.not_ber"]
    assert "3 records stated, 2 found" in waiting[0].detail
    assert waiting[1].raw == RECORDS[2][:-30]
    assert sum(proof.outcomes.values()) == 3 + 2 + 1


def test_a_damaged_length_keeps_the_records_before_it_and_the_bytes_behind_it(tmp_path):
    broken = (len(RECORDS[1]) + 20).to_bytes(2, "big") + RECORDS[1][2:]
    data = file_of(RECORDS[0], broken, RECORDS[2])
    _, _, events, waiting = through(tmp_path, data)
    assert [event.quantities["B"] for event in events] == [30, 3]
    assert [each.reason for each in waiting] == ["mediation.file_incomplete", "mediation.not_ber"]
    assert waiting[1].raw == broken + RECORDS[2]
    headers = dict(waiting[1].raw_headers)
    assert headers[raw.FIRST_BYTE] == str(data.index(broken)).encode()


def test_a_file_of_another_format_waits_whole(tmp_path):
    data = b"a,b,c\n" * 100_000
    _, _, events, waiting = through(tmp_path, data)
    assert events == []
    assert {each.reason for each in waiting} == {"mediation.not_ber"}
    assert b"".join(each.raw for each in waiting) == data


def test_each_event_of_a_split_record_comes_back_by_itself(tmp_path):
    unknown = record(pgw(Used(1, 10, 20), Used(2, 1, 2), part=1, msisdn="37255599"))
    other = record(pgw(Used(1, 5, 5), Used(2, 7, 7), part=2, msisdn="37255599"))
    stage, _, events, waiting = through(tmp_path, file_of(unknown, other))
    assert events == []
    first = [stage.batch(sent_back(stage, each)).proof.outcomes for each in waiting]
    assert first == [{"suspended": 1}] * 4  # nobody knows the subscriber yet
    stage.reference.apply(accounts({"a-1": ("37255599",)}), version=6)
    written = stage.suspense()[-1]
    assert stage.batch(written_off(stage, written)).proof.outcomes == {"command": 1}
    again = [
        stage.batch(sent_back(stage, each)).proof.outcomes
        for each in reversed(stage.suspense()[-4:-1])
    ]
    assert again == [{"normalised": 1}] * 3
    found = sorted((event.provenance.index, event.quantities["B"]) for event in stage.events())
    assert found == [(0, 30), (1, 3), (2, 10)]
    assert stage.batch(sent_back(stage, written)).proof.outcomes == {"duplicate": 1}
