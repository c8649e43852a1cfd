"""What comes back from suspense: once, as what it was, and never twice in the ledger."""

import msgspec
import pytest

from mediation.dedup import MarkState, mark_from_bytes
from mediation.recycling import Stays, back
from schemas import raw, usage
from schemas.raw import FileEnd, file_end_to_json
from schemas.suspense import Suspended, SuspenseClass
from tests.mediation_world import DAY_MS, NOON, PARTITION, MemoryStage, accounts, event_json
from tests.recycling_world import raw_partition_of, sent_back, waiting_of, written_off

KNOWN_NOW = {"a-1": ("dev-1",), "a-2": ("dev-2", "dev-9")}


@pytest.fixture
def stage():
    return MemoryStage()


def refused(stage, value=None, **named):
    """A record that waits, of a subscriber who is not known."""
    stage.send(event_json(subject="dev-9") if value is None else value, **named)
    return stage.suspense()[-1]


def now_known(stage):
    stage.reference.apply(accounts(KNOWN_NOW), version=6)


def test_it_comes_back_once_with_its_first_provenance(stage):
    record = refused(stage)
    now_known(stage)
    again = sent_back(stage, record, at=NOON + 90 * DAY_MS)  # its mark was pinned all the time
    proof = stage.batch(again).proof
    assert (proof.outcomes, proof.recycled) == ({"normalised": 1}, {"normalised": 1})
    assert proof.settled == {"recycled": 1}
    (event,) = stage.events()
    assert event.recycles == record.suspense_id
    assert event.provenance == usage.Provenance(PARTITION, 0, 0, "cloudevents-iot@1", NOON)
    assert event.account_id == "a-2"
    twice = stage.batch(again._replace(offset=stage.offset)).proof
    assert twice.outcomes == {"duplicate": 1}
    assert twice.settled is msgspec.UNSET
    assert len(stage.events()) == 1
    assert stage.suspense()[-1].first_copy == (1, 0)


def test_twice_in_one_batch_changes_nothing(stage):
    record = refused(stage)
    now_known(stage)
    proof = stage.batch(sent_back(stage, record), sent_back(stage, record)).proof
    assert proof.outcomes == {"normalised": 1, "duplicate": 1}
    assert proof.settled == {"recycled": 1}


def test_a_copy_is_a_duplicate_before_and_after(stage):
    record = refused(stage)
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}
    now_known(stage)
    stage.batch(sent_back(stage, record))
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}
    assert len(stage.events()) == 1


def test_a_second_refusal_waits_again_and_comes_back_from_there(stage):
    first = refused(stage)
    stage.batch(sent_back(stage, first))
    second = stage.suspense()[-1]
    assert (second.attempts, second.reason) == (2, "mediation.unknown_subscriber")
    assert second.suspense_id != first.suspense_id
    assert second.appended_at_ms == first.appended_at_ms
    now_known(stage)
    assert stage.batch(sent_back(stage, second)).proof.outcomes == {"normalised": 1}
    (event,) = stage.events()
    assert (event.recycles, event.provenance.offset) == (second.suspense_id, 0)
    assert stage.batch(sent_back(stage, first)).proof.outcomes == {"duplicate": 1}


def test_what_cannot_be_read_any_more_keeps_its_mark(stage):
    """A mapping that was changed for the worse, then for the better: in between nothing is let in."""
    first = refused(stage)
    broken = sent_back(stage, first)
    stage.batch(broken._replace(value=b"nothing"))
    second = stage.suspense()[-1]
    assert (second.reason, second.identity) == ("mediation.not_json", first.identity)
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}
    now_known(stage)
    repaired = sent_back(stage, second)._replace(value=event_json(subject="dev-9"))
    assert stage.batch(repaired).proof.outcomes == {"normalised": 1}


def test_what_rate_refused_comes_back_as_its_event(stage):
    stage.send(event_json())
    (event,) = stage.events()
    record = suspended_by_rate(event)
    late = NOON + 90 * DAY_MS
    assert stage.batch(sent_back(stage, record, at=late)).proof.outcomes == {"normalised": 1}
    _, again = stage.events()
    same = msgspec.structs.replace(again, recycles=None, batch=event.batch)
    assert (same, again.recycles) == (event, record.suspense_id)
    assert stage.batch(sent_back(stage, record, at=late)).proof.outcomes == {"duplicate": 1}
    (tries,) = [v for n, v in stage.appends[-2].headers if n == raw.RECYCLED_ATTEMPTS]
    assert tries == b"1"


def suspended_by_rate(event, **changed):
    return Suspended(
        **{
            "suspense_id": "ab" * 16,
            "suspense_class": SuspenseClass.SUSPENDED,
            "stage": "rate",
            "tenant": event.tenant,
            "source": event.source,
            "format": event.provenance.format,
            "reason": "rating.unknown_product",
            "detail": "",
            "raw": usage.to_wire(event),
            "raw_headers": (),
            "topic": "t",
            "partition": 0,
            "offset": 17,
            "index": 0,
            "appended_at_ms": NOON,
            "identity": event.identity.hex(),
        }
        | changed
    )


def test_an_event_whose_identity_is_of_another_copy_is_not_let_in(stage):
    stage.send(event_json())
    (event,) = stage.events()
    elsewhere = msgspec.structs.replace(event.provenance, offset=99)
    forged = suspended_by_rate(msgspec.structs.replace(event, provenance=elsewhere))
    assert stage.batch(sent_back(stage, forged)).proof.outcomes == {"duplicate": 1}


def test_what_was_not_remembered_is_known_as_far_back_as_any_other(stage):
    """A corrected copy may have been charged, and its mark pruned, by the time the first comes back."""
    record = refused(stage, b'{"specversion":"1.0"}')
    again = sent_back(stage, record, at=NOON + 90 * DAY_MS)._replace(value=event_json())
    assert stage.batch(again).proof.refusals == {"mediation.older_than_dedup_horizon": 1}
    early = sent_back(stage, stage.suspense()[-1], at=NOON + DAY_MS)._replace(value=event_json())
    assert stage.batch(early).proof.outcomes == {"normalised": 1}


def test_a_corrected_copy_that_came_meanwhile_is_the_one_that_is_charged(stage):
    record = refused(stage, b"nothing")
    stage.send(event_json())
    again = sent_back(stage, record)._replace(value=event_json())
    assert stage.batch(again).proof.recycled == {"duplicate": 1}
    assert len(stage.events()) == 1


def test_a_record_that_was_refused_whole_comes_back_whole_and_counts_towards_no_file(stage):
    block = {"record": "block", "file_id": "f", "block": "0", "first_line": "1"}
    value = event_json(1) + b"\n" + event_json(2) + b"\n"
    stage.send(value, format="telepathy", **block)
    (record,) = stage.suspense()
    back_ = sent_back(stage, record)
    repaired = back_._replace(
        headers=tuple((n, b"cloudevents-iot" if n == "format" else v) for n, v in back_.headers)
    )
    files = {k: v for k, v in stage.state.items() if k[:1] == b"f"}
    assert stage.batch(repaired).proof.recycled == {"normalised": 2}
    assert [event.provenance.index for event in stage.events()] == [0, 1]
    assert [event.provenance.offset for event in stage.events()] == [0, 0]
    assert {k: v for k, v in stage.state.items() if k[:1] == b"f"} == files


def test_an_item_of_such_a_record_that_is_refused_again_is_found_by_its_place(stage):
    block = {"record": "block", "file_id": "f", "block": "0", "first_line": "101"}
    stage.send(event_json(1) + b"\n" + event_json(2, subject="dev-9"), format="telepathy", **block)
    back_ = sent_back(stage, stage.suspense()[0])
    stage.batch(
        back_._replace(
            headers=tuple((n, b"cloudevents-iot" if n == "format" else v) for n, v in back_.headers)
        )
    )
    item = stage.suspense()[-1]
    assert (item.index, item.attempts) == (1, 2)
    now_known(stage)
    stage.batch(sent_back(stage, item))
    event = stage.events()[-1]
    assert (event.provenance.offset, event.provenance.index) == (0, 1)
    (third,) = [v for n, v in sent_back(stage, item).headers if n == raw.FIRST_LINE]
    assert third == b"102"


def test_one_of_a_batch_comes_back_alone(stage):
    value = b"[" + event_json(1) + b"," + event_json(2, subject="dev-9") + b"]"
    stage.send(value, content_type=raw.CLOUDEVENTS_BATCH)
    (record,) = stage.suspense()
    now_known(stage)
    assert stage.batch(sent_back(stage, record)).proof.recycled == {"normalised": 1}
    assert stage.events()[-1].provenance.index == 1


def test_a_line_of_a_file_with_names_of_columns_is_not_taken_for_them(stage):
    """The line alone, in a raw record: its number says that it is not the first one."""
    record = waiting_of(
        refused(stage, record="block", file_id="f", block="0", first_line="1", columns_line="a,b"),
        item=3,
    )
    headers = dict(back(record, raw_partition_of=raw_partition_of).headers)
    assert headers[raw.FIRST_LINE] == b"4"
    assert headers[raw.COLUMNS_LINE] == b"a,b"


def test_a_record_that_breaks_the_step_again_waits_in_its_place(stage):
    record = refused(stage)
    again = sent_back(stage, record)
    proof = stage.batch(again, internal_errors={again.offset}).proof
    assert (proof.settled, proof.recycled) == ({"recycled": 1}, {"suspended": 1})
    third = stage.suspense()[-1]
    assert (third.reason, third.attempts) == ("pipeline.internal_error", 2)
    now_known(stage)
    assert stage.batch(sent_back(stage, third)).proof.outcomes == {"normalised": 1}


def test_written_off_is_not_recycled_and_the_other_way_round(stage):
    one = refused(stage)
    two = refused(stage, event_json(2, subject="dev-9"))
    now_known(stage)
    off = stage.batch(written_off(stage, one)).proof
    assert (off.outcomes, off.settled) == ({"command": 1}, {"written_off": 1})
    assert stage.batch(sent_back(stage, one)).proof.outcomes == {"duplicate": 1}
    stage.batch(sent_back(stage, two))
    assert stage.batch(written_off(stage, two)).proof.outcomes == {"duplicate": 1}
    assert [event.record_id for event in stage.events()] == ["gate/2"]
    states = sorted(
        mark_from_bytes(value).state for key, value in stage.state.items() if key[:1] == b"i"
    )
    assert states == [MarkState.PASSED, MarkState.WRITTEN_OFF]
    # Unpinned: it is a duplicate as long as it is remembered, and pruned like any other.
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}


def test_a_write_off_of_one_copy_leaves_the_mark_of_another(stage):
    first = refused(stage)
    stage.batch(sent_back(stage, first))
    second = stage.suspense()[-1]
    stage.batch(written_off(stage, first))
    now_known(stage)
    assert stage.batch(sent_back(stage, second)).proof.outcomes == {"normalised": 1}


def test_what_says_nothing_of_suspense_settles_nothing(stage):
    for named in (
        {"record": "recycled", "recycled_as": "item"},
        {"record": "recycled", "recycled_as": "item", "recycles": "xx"},
        {"record": "recycled", "recycles": "ab" * 16},
        {"record": "recycled", "recycles": "cd" * 16, "recycled_as": "event"},
    ):
        decided = stage.batch(stage.record(event_json(), **named))
        assert decided.proof.outcomes == {"suspended": 1}
    ordinary = stage.batch(stage.record(event_json(), recycles="ab" * 16))
    assert ordinary.proof.settled is msgspec.UNSET


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (file_end_to_json(FileEnd(blocks=1, items=1, bytes=1, digest="0")), {"record": "end"}),
        (b"{}", {"record": "command", "command_id": "1"}),
        (b"x" * (raw.MAX_RECORD_BYTES + 1), {}),
    ],
)
def test_what_cannot_come_back_says_why(stage, value, named):
    record = refused(stage, value, **({"file_id": "f"} | named))
    assert isinstance(back(waiting_of(record), raw_partition_of=raw_partition_of), Stays)


def test_a_conflict_stays(stage):
    stage.send(event_json())
    record = refused(stage, event_json(size=2))
    assert record.reason == "mediation.conflict"
    assert isinstance(back(waiting_of(record), raw_partition_of=raw_partition_of), Stays)


def test_what_is_read_as_another_record_lets_go_of_the_first_identity(stage):
    """A mapping that takes another field for the id: nothing of the old one is pinned for ever."""
    record = refused(stage)
    now_known(stage)
    again = sent_back(stage, record)._replace(value=event_json(7, subject="dev-9"))
    assert stage.batch(again).proof.outcomes == {"normalised": 1}
    (old,) = [v for k, v in stage.state.items() if k == b"i" + bytes.fromhex(record.identity)]
    assert mark_from_bytes(old).state == MarkState.PASSED
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}


@pytest.mark.parametrize("pruned", [False, True])
def test_a_mark_behind_the_horizon_decides_nothing_whether_it_is_pruned_or_not(pruned):
    """Behind that of the moment at which the record comes back: by then it may be gone."""
    stage = MemoryStage()
    stage.send(event_json(at="2025-12-30T13:00:00Z"))
    record = refused(stage, b"nothing")
    if pruned:
        stage.state = {k: v for k, v in stage.state.items() if k[:1] != b"i"}
    again = sent_back(stage, record, at=NOON + 5 * DAY_MS)._replace(value=event_json(size=9))
    assert stage.batch(again).proof.outcomes == {"normalised": 1}


def test_a_conflict_that_is_written_off_leaves_the_record_that_waits(stage):
    first = refused(stage)
    conflict = refused(stage, event_json(subject="dev-9", size=2))
    assert conflict.identity == first.identity
    stage.batch(written_off(stage, conflict))
    now_known(stage)
    assert stage.batch(sent_back(stage, first)).proof.outcomes == {"normalised": 1}


def test_a_first_position_that_nobody_can_mean_is_left_out(stage):
    """Whoever wrote it: it must not end a command that looks at all that waits."""
    record = refused(stage, b"nothing")
    made = sent_back(stage, record)
    headers = tuple(
        (n, b"1:" + b"9" * 5000 if n == raw.RECYCLED_FIRST else v) for n, v in made.headers
    )
    stage.batch(made._replace(headers=headers))
    second = stage.suspense()[-1]
    found = back(waiting_of(second), raw_partition_of=raw_partition_of)
    assert dict(found.headers)[raw.RECYCLED_FIRST] == b"%d:0" % second.offset
