"""What `ratemill suspense show` makes of bytes, whatever is in them."""

import pytest

from mediation.recycling import Waiting
from pipeline.cli.output import instant
from pipeline.cli.places import Place
from pipeline.cli.suspense_bytes import reads_as, remedy_of
from pipeline.cli.suspense_look import _fields, _in_lines, _text_of
from pipeline.settings import Settings
from schemas import usage
from schemas.period import from_ms
from schemas.refusal import RefusalReason
from sinks.suspended import SuspendedRecord
from tests.mediation_world import MemoryStage, event_json
from tests.recycling_world import waiting_of


def record_of(waiting, format_name="cloudevents-iot@1"):
    return SuspendedRecord(waiting, format_name, "", "t", *[None] * 8)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a,b\n", "a,b\n"),
        (b"\x1b[2Jgone", "\\x1b[2Jgone"),
        (b"\xff\x00", "ff00"),
        ("Zürich".encode(), "Zürich"),
    ],
)
def test_bytes_do_nothing_to_a_terminal(value, text):
    assert _text_of(value) == text


def test_every_reason_has_something_to_do_and_a_later_one_nothing():
    assert all(remedy_of(reason) for reason in RefusalReason)
    assert remedy_of("rating.of_a_later_version") == ""


def test_one_of_a_batch_is_read_alone(tmp_path):
    stage = MemoryStage()
    value = b"[" + event_json(1) + b"," + event_json(2, subject="dev-9") + b"]"
    stage.send(value, content_type="application/cloudevents-batch+json")
    waiting = waiting_of(stage.suspense()[0])
    said = reads_as(record_of(waiting), Settings(data=tmp_path))
    assert list(said) == ["item 0"]
    assert "dev-9" in said["item 0"]


def test_what_cannot_be_read_says_so_or_nothing(tmp_path):
    stage = MemoryStage()
    stage.send(b"nothing")
    stage.send(event_json(), format="telepathy")
    broken, unknown = [waiting_of(each) for each in stage.suspense()]
    settings = Settings(data=tmp_path)
    assert "mediation.not_json" in reads_as(record_of(broken), settings)["item 0"]
    assert reads_as(record_of(unknown, "telepathy"), settings) == {}
    assert reads_as(record_of(broken._replace(stage="rate")), settings) == {}


def test_what_breaks_the_program_is_shown(tmp_path, monkeypatch):
    stage = MemoryStage()
    stage.batch(stage.record(event_json()), internal_errors=frozenset({0}))
    waiting = waiting_of(stage.suspense()[0])

    def broken(decoder, value, headers):
        raise ZeroDivisionError

    monkeypatch.setattr("pipeline.cli.suspense_bytes.preview", broken)
    said = reads_as(record_of(waiting), Settings(data=tmp_path))
    assert said == {"item 0": "pipeline.internal_error: ZeroDivisionError"}


def test_an_item_is_told_in_words(tmp_path):
    stage = MemoryStage()
    stage.send(event_json(subject="dev-9"))
    waiting = waiting_of(stage.suspense()[0])
    said = reads_as(record_of(waiting), Settings(data=tmp_path))["item 0"]
    assert said.startswith("usage: record ")
    assert "of dev-9, started 20" in said
    assert not {"=", "(", "'"} & set(said)


def test_an_event_is_told_by_its_fields_with_instants_in_utc(tmp_path):
    stage = MemoryStage()
    stage.send(event_json())
    [event] = stage.events()
    waiting = Waiting(
        suspense_id="a" * 32, stage="rate", tenant="", source="", reason="rating.unknown_plan",
        raw=usage.to_wire(event), raw_headers=(), partition=0, offset=0, item=0, appended_at_ms=0,
        identity=None, attempts=1,
    )  # fmt: skip
    record = record_of(waiting)
    said = reads_as(record, Settings(data=tmp_path))
    assert said["account_id"] == event.account_id
    assert said["started_at"] == instant(from_ms(event.started_at_ms))
    fields = _fields(record, Place("calls.csv", 4), said, "a,b,1", {})
    shown = "\n".join(_in_lines(fields))
    assert "started at: 20" in shown
    assert " UTC" in shown
    assert "line            a,b,1" in shown
    assert waiting.raw.hex() not in shown
    assert "_ms" not in shown
    assert fields["bytes"], "programs find them in the document"
