"""The step of normalise: one outcome per item, and a proof that says so."""

import dataclasses
import tracemalloc

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from mediation.decode.item import format_name
from mediation.decode.mapping import load_decoder
from mediation.file_progress import (
    NOTHING,
    BlockSeen,
    after_block,
    count_items,
    progress_from_bytes,
    progress_to_bytes,
)
from mediation.owners import Owners
from schemas import raw, sethash
from schemas.flow import Channel, SourceRecord
from schemas.ids import event_identity, suspense_id
from schemas.proof import (
    Cumulative,
    SourceTally,
    is_sealed,
    proof_from_msgpack,
    proof_to_msgpack,
)
from schemas.raw import ClosePeriodCommand, FileEnd, command_to_json, file_end_to_json
from schemas.suspense import SuspenseClass
from schemas.usage import PeriodClose, Provenance
from tests.mediation_world import (
    DATA,
    DAY_MS,
    MAPPINGS,
    NOON,
    PARTITION,
    TEXTS,
    MemoryStage,
    accounts,
    event_json,
    headers,
)


@pytest.fixture
def stage():
    return MemoryStage()


def test_an_event_says_whose_it_is_and_where_it_came_from(stage):
    decided = stage.batch(stage.record(event_json(7, subject="dev-2", size=1500)))
    (append,) = decided.appends
    (event,) = stage.events()
    assert (append.channel, append.partition, append.key) == (Channel.NORMALISED, 2, b"a-2")
    assert event.identity == event_identity(tenant="acme", source="gate", record_id="gate/7")
    assert (event.account_id, event.subscription_id, event.rating_key) == ("a-2", "s-dev-2", "a-2")
    assert (event.product, event.usage_kind, event.run) == ("iot-data", "data", "retail")
    assert (event.started_at_ms, event.zone) == (NOON, "Europe/Berlin")
    assert {unit: str(value) for unit, value in event.quantities.items()} == {"B": "1500"}
    assert event.provenance == Provenance(PARTITION, 0, 0, "cloudevents-iot@1", NOON)
    assert event.batch == decided.proof.batch == 1


def test_what_a_client_makes_up_is_not_kept_in_memory(stage):
    tracemalloc.start()
    for number in range(20):
        made_up = str(number) * 60_000
        stage.send(b"", key=made_up.encode())
        stage.send(event_json(), source=made_up)
        stage.appends.clear()
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 500_000


def test_tenants_that_a_source_makes_up_are_not_kept_in_memory(stage):
    owners = Owners(stage.reference, lambda key: 0)
    tracemalloc.start()
    assert not any(owners.find(str(number), ("dev-1",), NOON) for number in range(2_000))
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 50_000
    assert owners.find("acme", ("nobody", "dev-1"), NOON).account.account_id == "a-1"


def test_the_proof_tells_of_a_number_that_is_missing_within_the_batch(stage):
    numbers = ("41", "41", "45", "42", "44")
    told = [stage.record(event_json(n), source_sequence=each) for n, each in enumerate(numbers)]
    proof = stage.batch(*told).proof
    assert proof.runs == {"gate": ((41, 42), (44, 45))}
    assert is_sealed(proof)
    assert proof_from_msgpack(proof_to_msgpack(proof)) == proof


def test_the_proof_of_a_batch(stage):
    first = stage.batch(
        stage.record(event_json(1), source_sequence="41"),
        stage.record(event_json(1), source_sequence="42"),
        stage.record(event_json(2, subject="dev-2"), source="other"),
        stage.record(b"nothing"),
    )
    proof = first.proof
    assert is_sealed(proof)
    assert (proof.batch, proof.first, proof.next, proof.records, proof.items) == (1, 0, 4, 4, 4)
    assert proof.outcomes == {"normalised": 2, "duplicate": 1, "suspended": 1}
    assert proof.refusals == {"mediation.not_json": 1}
    assert proof.sources == {
        "gate": SourceTally(3, 1, first_sequence=41, last_sequence=42),
        "other": SourceTally(1, 0),
    }
    assert proof.runs is UNSET
    assert proof.versions.reference == 5
    decoder = MAPPINGS["cloudevents-iot"]
    assert proof.versions.mappings["cloudevents-iot"] == f"1:{decoder.digest}"
    assert format_name(decoder) == "cloudevents-iot@1"
    total = sethash.EMPTY
    for record in stage.suspense():
        total = sethash.add(total, sethash.member(bytes.fromhex(record.suspense_id)))
    assert (proof.suspense_count, proof.suspense_hash) == (2, sethash.to_hex(total))
    one, two = stage.events()
    member = sethash.event_member(one.identity, "retail", "a-1", one.content_hash)
    assert proof.handed_on["1"] == Cumulative(1, sethash.to_hex(member))
    later = stage.batch(stage.record(event_json(3, subject="dev-2"))).proof
    assert (later.previous, later.first, later.batch) == (proof.chain, 4, 2)
    assert later.handed_on["1"] == proof.handed_on["1"]  # carried on, though nothing was added
    assert later.handed_on["2"].count == 2
    assert two.rating_key == "a-2"


def test_a_copy_is_listed_with_the_first_one_and_charged_once(stage):
    stage.send(event_json())
    assert stage.send(event_json()) == {"duplicate": 1}
    (copy,) = stage.suspense()
    assert copy.suspense_class is SuspenseClass.DUPLICATE
    assert (copy.reason, copy.first_copy, copy.raw) == ("", (0, 0), event_json())
    assert copy.suspense_id == suspense_id(
        stage="normalise", partition=PARTITION, offset=1, index=0, run="retail"
    )
    assert len(stage.events()) == 1


def test_another_type_under_the_same_identity_is_a_conflict(stage):
    assert stage.send(event_json(1)) == {"normalised": 1}
    assert stage.send(event_json(1).replace(b"sensor.data", b"device.message")) == {"suspended": 1}
    assert stage.reasons() == ["mediation.conflict"]


def test_other_content_under_the_same_identity_is_a_conflict(stage):
    stage.send(event_json(size=10))
    assert stage.send(event_json(size=12)) == {"suspended": 1}
    assert stage.send(event_json(size=10)) == {"duplicate": 1}
    assert stage.reasons() == ["mediation.conflict", "duplicate"]


def test_an_unknown_subscriber_is_pinned_and_its_copy_a_duplicate(stage):
    assert stage.send(event_json(subject="dev-9")) == {"suspended": 1}
    stage.reference.apply(accounts({"a-9": ("dev-9",)}), version=6)
    assert stage.send(event_json(subject="dev-9")) == {"duplicate": 1}
    assert stage.send(event_json(2, subject="dev-9")) == {"normalised": 1}
    suspended, _ = stage.suspense()
    assert suspended.reason == "mediation.unknown_subscriber"
    assert "dev-9" not in suspended.detail
    assert (
        suspended.identity == event_identity(tenant="acme", source="gate", record_id="gate/1").hex()
    )


def test_an_identifier_belongs_to_an_account_only_while_it_does(stage):
    (account,) = accounts({"a-1": ("dev-1",)})
    (entry,) = account.subscriptions
    moved = replace(account, subscriptions=(replace(entry, valid_to_ms=NOON),))
    stage.reference.apply([moved], version=6)
    assert stage.send(event_json(1, at="2026-03-01T11:59:59.999Z")) == {"normalised": 1}
    assert stage.send(event_json(2)) == {"suspended": 1}


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2025-12-29T11:59:59Z", "mediation.older_than_dedup_horizon"),
        ("2026-03-02T12:00:01Z", "mediation.too_far_in_future"),
        ("9999-12-31T23:59:59Z", "mediation.too_far_in_future"),
        ("0001-01-01T00:00:00Z", "mediation.older_than_dedup_horizon"),
    ],
)
def test_out_of_the_window_nothing_is_asked_and_nothing_marked(stage, at, reason):
    stage.send(event_json())
    before = dict(stage.state)
    assert stage.send(event_json(at=at)) == {"suspended": 1}
    assert stage.reasons() == [reason]
    assert stage.state == before


def test_a_mark_behind_the_horizon_counts_no_more_whether_it_is_pruned_or_not(stage):
    stage.send(event_json())
    late = NOON + 64 * DAY_MS
    again = event_json(at="2026-05-04T12:00:00Z", size=2)
    assert stage.send(again, at=late) == {"normalised": 1}


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ({"tenant": None}, "mediation.missing_header"),
        ({"source": ""}, "mediation.missing_header"),
        ({"source": "x" * 257}, "mediation.missing_header"),
        ({"source": "a\0b"}, "mediation.missing_header"),
        ({"format": None}, "mediation.missing_header"),
        ({"record": None}, "mediation.missing_header"),
        ({"record": "thing"}, "mediation.missing_header"),
        ({"format": "cloudevents-iot@2"}, "mediation.unknown_format"),
        ({"format": "telepathy"}, "mediation.unknown_format"),
        ({"record": "block"}, "mediation.missing_header"),
        ({"record": "block", "file_id": "f", "block": "one"}, "mediation.missing_header"),
        ({"record": "end"}, "mediation.missing_header"),
        ({"record": "command"}, "mediation.missing_header"),
        ({"key": b"other"}, "mediation.misrouted"),
        ({"key": None}, "mediation.misrouted"),
        ({"junk": "x" * 70_000}, "mediation.too_large"),
    ],
)
def test_a_record_that_cannot_be_read_as_a_whole_is_one_refusal(stage, named, reason):
    assert stage.send(event_json(), **named) == {"suspended": 1}
    (record,) = stage.suspense()
    assert (record.reason, record.raw, record.index) == (reason, event_json(), 0)
    assert not stage.state


@pytest.mark.parametrize(
    ("stated", "outcome"),
    [
        ((), "suspended"),
        ((*headers(), ("tenant", b"\xff")), "suspended"),
        ((*headers(), ("source", None)), "suspended"),
        ((*headers(), ("zone", None)), "normalised"),
    ],
    ids=["none", "no text", "no value", "no value where none is needed"],
)
def test_headers_that_are_no_text_or_nothing_at_all(stage, stated, outcome):
    record = SourceRecord(PARTITION, 0, NOON, b"fleet", event_json(), stated)
    assert stage.batch(record).proof.outcomes == {outcome: 1}


def test_a_5_mb_record_is_refused_with_the_limit_and_its_head(stage):
    value = b"x" * 5_000_000
    assert stage.send(value) == {"suspended": 1}
    (record,) = stage.suspense()
    assert record.reason == "mediation.too_large"
    assert "5,000,000 bytes, 262,144 fit" in record.detail
    assert raw.digest_block(value).hex() in record.detail
    assert record.raw == value[:16_384]
    assert len(stage.appends[-1].value) < 20_000


def test_an_item_that_its_source_found_too_large(stage):
    named = {"oversize_bytes": "5000000", "oversize_digest": "0" * 32}
    assert stage.send(b"head", **named) == {"suspended": 1}
    (record,) = stage.suspense()
    assert (record.reason, record.raw) == ("mediation.too_large", b"head")
    assert "5,000,000 bytes" in record.detail


def test_more_items_than_a_record_may_have_are_refused_as_one(stage):
    most = b"[" + b",".join(event_json(n) for n in range(1000)) + b"]"
    assert stage.send(most) == {"normalised": 1000}
    assert stage.send(b"[" + b",".join([b"1"] * 1001) + b"]") == {"suspended": 1}
    assert stage.reasons() == ["mediation.too_large"]


def test_an_empty_record_is_ignored(stage):
    assert stage.send(b"", format="asterisk") == {"ignored": 1}


def test_headers_that_are_too_large_are_not_copied_into_suspense(stage):
    stage.send(event_json(), junk="x" * 700_000, stream="y" * 20_000)
    (record,) = stage.suspense()
    assert record.reason == "mediation.too_large"
    assert {name for name, _ in record.raw_headers} == {"tenant", "source", "format", "record"}
    assert len(stage.appends[-1].value) < 2_000


MANY = 1_100
WIDE = f"""
extends: cloudevents-iot
name: wide
version: 1
types:
  sensor.data:
    product: iot-data
    usage_kind: data
    quantities: {{B: data.bytes}}
    attributes: {{{", ".join(f"a{n}: data.long" for n in range(MANY))}}}
"""


def test_an_event_that_grew_too_large_is_refused_and_pinned():
    wide = load_decoder(WIDE, "wide.yaml", extends=TEXTS)
    stage = MemoryStage(mappings={"wide": wide})
    value = event_json(size=f'1,"long":"{"x" * 256}"')
    assert stage.send(value, format="wide") == {"suspended": 1}
    assert stage.send(value, format="wide") == {"duplicate": 1}
    assert stage.reasons() == ["mediation.too_large", "duplicate"]


def test_a_record_that_broke_the_step_is_refused_unread(stage):
    decided = stage.batch(
        stage.record(event_json(1)), stage.record(event_json(2)), internal_errors=frozenset({0})
    )
    assert decided.proof.refusals == {"pipeline.internal_error": 1}
    assert decided.proof.outcomes == {"suspended": 1, "normalised": 1}
    (record,) = stage.suspense()
    assert (record.offset, record.raw, record.source) == (0, event_json(1), "gate")


def test_suspense_names_its_error_as_dead_letter_tools_do(stage):
    stage.send(b"nothing")
    named = dict(stage.appends[0].headers)
    assert named["__connect.errors.topic"] == b"test.usage.raw.v1"
    assert named["__connect.errors.partition"] == b"2"
    assert named["__connect.errors.exception.class.name"] == b"mediation.not_json"
    assert stage.appends[0].partition == PARTITION


def test_the_files_of_the_samples_shape(stage):
    def read(name, mapping, **named):
        value = (DATA / name).read_bytes()
        return stage.send(value, format=mapping, source=mapping, at=NOON + 120 * DAY_MS, **named)

    stage.step.window = dataclasses.replace(stage.step.window, horizon_ms=365 * DAY_MS)
    assert read("asterisk-custom.csv", "asterisk-custom") == {"normalised": 3}
    assert read("asterisk.csv", "asterisk") == {"normalised": 2, "duplicate": 1, "suspended": 1}
    assert read("freeswitch-csv.csv", "freeswitch-csv", zone="Asia/Shanghai") == {
        "normalised": 3,
        "duplicate": 1,
        "suspended": 1,
    }
    assert read("cloudevents.json", "cloudevents-iot") == {
        "normalised": 2,
        "suspended": 1,
        "duplicate": 1,
    }


CLOSE = ClosePeriodCommand(tenant="acme", account_id="a-1", period_start_ms=0, period_end_ms=DAY_MS)


def command(stage, close=CLOSE, command_id="c-1", **named):
    value = close if isinstance(close, bytes) else command_to_json(close)
    return stage.send(
        value, record="command", command_id=command_id, tenant=None, source=None, format=None
    )


def test_a_command_travels_in_order_and_once(stage):
    assert command(stage) == {"command": 1}
    assert command(stage) == {"duplicate": 1}
    assert command(stage, command_id="c-2") == {"command": 1}
    first, second = stage.events()
    assert isinstance(first, PeriodClose)
    assert (first.rating_key, first.period_start_ms, first.period_end_ms) == ("a-1", 0, DAY_MS)
    assert first.identity != second.identity
    assert stage.proof.handed_on["1"].count == 2


def test_a_period_may_end_as_late_as_usage_may_begin(stage):
    close = ClosePeriodCommand(
        tenant="acme", account_id="a-1", period_start_ms=0, period_end_ms=NOON + DAY_MS
    )
    assert command(stage, close) == {"command": 1}


def test_one_command_id_for_two_commands_is_a_conflict(stage):
    command(stage)
    other = ClosePeriodCommand(
        tenant="acme", account_id="a-2", period_start_ms=0, period_end_ms=DAY_MS
    )
    assert command(stage, other) == {"suspended": 1}
    assert stage.reasons() == ["mediation.conflict"]


@pytest.mark.parametrize(
    "close",
    [
        b"{}",
        b"no json",
        b"\xff",
        b'{"command":"dance"}',
        ClosePeriodCommand(tenant="acme", account_id="a-9", period_start_ms=0, period_end_ms=1),
        ClosePeriodCommand(tenant="other", account_id="a-1", period_start_ms=0, period_end_ms=1),
        ClosePeriodCommand(tenant="acme", account_id="a-1", period_start_ms=1, period_end_ms=1),
        ClosePeriodCommand(tenant="acme", account_id="a-1", period_start_ms=-1, period_end_ms=1),
        *(
            ClosePeriodCommand(
                tenant="acme", account_id="a-1", period_start_ms=0, period_end_ms=end_ms
            )
            for end_ms in (NOON + DAY_MS + 1, 2**63, 2**64)
        ),
    ],
    ids=str,
)
def test_a_command_that_cannot_be_obeyed(stage, close):
    assert command(stage, close) == {"suspended": 1}
    assert stage.reasons() == ["mediation.invalid_command"]
    assert not stage.state


LINES = b"".join(event_json(n) + b"\n" for n in range(6))
BLOCKS = [b"".join(LINES.splitlines(keepends=True)[n : n + 2]) for n in (0, 2, 4)]


def file_end(blocks):
    digest = raw.NO_BLOCKS
    for block in blocks:
        digest = raw.chain_block(digest, raw.digest_block(block))
    return FileEnd(
        blocks=len(blocks),
        items=sum(block.count(b"\n") for block in blocks),
        bytes=sum(map(len, blocks)),
        digest=digest.hex(),
    )


def send_file(stage, numbered, end, file_id="f-1"):
    for number, block in numbered:
        stage.send(block, record="block", file_id=file_id, block=str(number))
    return stage.send(file_end_to_json(end), record="end", file_id=file_id)


def test_a_file_that_arrived_whole_leaves_nothing_behind(stage):
    assert send_file(stage, enumerate(BLOCKS), file_end(BLOCKS)) == {"command": 1}
    assert not [key for key in stage.state if key.startswith(b"f")]
    assert len(stage.events()) == 6


def test_an_empty_file_has_an_end_and_nothing_else(stage):
    assert send_file(stage, [], file_end([])) == {"command": 1}


def test_the_same_file_twice_is_all_duplicates(stage):
    send_file(stage, enumerate(BLOCKS), file_end(BLOCKS))
    assert send_file(stage, enumerate(BLOCKS), file_end(BLOCKS), "f-2") == {"command": 1}
    assert stage.reasons() == ["duplicate"] * 6


@pytest.mark.parametrize(
    ("numbered", "detail"),
    [
        ([(0, BLOCKS[0]), (2, BLOCKS[2])], "block 1 is the first that is missing"),
        ([(0, BLOCKS[0]), (1, BLOCKS[1])], "all from block 2 on are missing"),
        ([], "all from block 0 on are missing"),
        (
            [(0, BLOCKS[0]), (1, BLOCKS[1]), (2, BLOCKS[2].replace(b"gate", b"date"))],
            "their bytes are not those of the file",
        ),
        ([*enumerate(BLOCKS), (3, b"x")], "more arrived than there is"),
    ],
)
def test_a_file_that_did_not_is_named(stage, numbered, detail):
    assert send_file(stage, numbered, file_end(BLOCKS)) == {"suspended": 1}
    record = stage.suspense()[-1]
    assert record.reason == "mediation.file_incomplete"
    assert record.detail.endswith(detail)
    assert "the file has 3 blocks, 6 items" in record.detail


def test_a_block_or_an_end_that_comes_again_changes_nothing(stage):
    numbered = [(0, BLOCKS[0]), (0, BLOCKS[0]), (1, BLOCKS[1]), (2, BLOCKS[2])]
    assert send_file(stage, numbered, file_end(BLOCKS)) == {"command": 1}
    assert send_file(stage, [], file_end(BLOCKS)) == {"duplicate": 1}


def test_a_block_after_the_end_in_the_same_batch_begins_anew(stage):
    named = {"record": "block", "file_id": "f", "block": "0"}
    stage.send(BLOCKS[0], **named)
    stage.batch(
        stage.record(file_end_to_json(file_end(BLOCKS[:1])), record="end", file_id="f"),
        stage.record(BLOCKS[0], **named),
    )
    (progress,) = [value for key, value in stage.state.items() if key.startswith(b"f")]
    assert progress_from_bytes(progress).blocks == 1


def test_sizes_that_no_file_has_stop_nothing():
    most = 2**64 - 1
    progress = NOTHING._replace(size_bytes=most, items=most)
    after = after_block(progress, BlockSeen(0, items=9, size_bytes=9, digest=bytes(16)))
    assert progress_from_bytes(progress_to_bytes(after)) == after


def test_blocks_that_nobody_can_read_did_arrive(stage):
    for number, block in enumerate(BLOCKS):
        stage.send(block, record="block", file_id="f", block=str(number), format="telepathy")
    end = file_end_to_json(file_end(BLOCKS))
    assert stage.send(end, record="end", file_id="f", format="telepathy") == {"command": 1}


def test_of_a_source_whose_blocks_are_all_refused_all_was_refused(stage):
    """Every line of a block that nobody can read came and was refused; the end of a file is no usage."""
    blocks = [
        stage.record(block, record="block", file_id="f", block=str(number), format="telepathy")
        for number, block in enumerate(BLOCKS)
    ]
    end = stage.record(file_end_to_json(file_end(BLOCKS)), record="end", file_id="f")
    proof = stage.batch(*blocks, end).proof
    lines = sum(count_items(block, None) for block in BLOCKS)
    assert lines > len(BLOCKS)
    assert proof.sources == {"gate": SourceTally(lines, lines)}
    assert proof.refusals == {"mediation.unknown_format": len(BLOCKS)}
    assert proof.outcomes == {"suspended": len(BLOCKS), "command": 1}


def test_the_end_of_a_file_is_usage_of_no_source_unless_it_is_refused(stage):
    end = file_end_to_json(file_end([]))
    assert stage.batch(stage.record(end, record="end", file_id="f")).proof.sources == {
        "gate": SourceTally(0, 0)
    }
    assert stage.batch(stage.record(end, record="end", file_id="f")).proof.sources == {
        "gate": SourceTally(0, 0)
    }
    lacking = file_end_to_json(file_end(BLOCKS))
    assert stage.batch(stage.record(lacking, record="end", file_id="g")).proof.sources == {
        "gate": SourceTally(1, 1)
    }


def test_an_item_too_large_for_a_block_counts_as_its_source_says(stage):
    whole = b"y" * 300_000
    digest = raw.digest_block(whole)
    stage.send(
        whole[:10],
        record="block",
        file_id="f",
        block="0",
        oversize_bytes=str(len(whole)),
        oversize_digest=digest.hex(),
    )
    chained = raw.chain_block(raw.NO_BLOCKS, digest).hex()
    end = FileEnd(blocks=1, items=1, bytes=len(whole), digest=chained)
    assert stage.send(file_end_to_json(end), record="end", file_id="f") == {"command": 1}
    assert stage.reasons() == ["mediation.too_large"]


def test_an_end_record_that_is_no_json(stage):
    assert stage.send(b"{", record="end", file_id="f") == {"suspended": 1}
    assert stage.reasons() == ["mediation.file_incomplete"]


def test_a_record_whose_identities_come_again_is_read_once_more_not_once_for_each(
    stage, monkeypatch
):
    first, later = ("2026-03-01T12:00:00Z", NOON), ("2026-05-10T12:00:00Z", NOON + 70 * DAY_MS)

    def block(at, appended_at_ms):
        events = [event_json(number, at=at) for number in range(20)]
        return stage.record(b"[" + b",".join(events) + b"]", at=appended_at_ms)

    stage.batch(block(*first))
    decoder, read = MAPPINGS["cloudevents-iot"], []
    each = type(decoder).each
    monkeypatch.setattr(
        type(decoder), "each", lambda self, *given: read.append(self) or each(self, *given)
    )
    assert stage.batch(block(*later)).proof.outcomes == {"normalised": 20}
    assert len(read) == 2


def test_an_identity_behind_the_horizon_passes_again_though_its_mark_is_still_there(stage):
    """The mark may be pruned or not: both give the same outcome."""
    stage.send(event_json())
    late = stage.record(event_json(at="2026-06-01T12:00:00Z"), at=NOON + 92 * DAY_MS)
    assert stage.batch(late).proof.outcomes == {"normalised": 1}
    pruned = MemoryStage()
    pruned.offset, pruned.proof = 1, replace(stage.proof, batch=1)
    again = pruned.record(late.value, at=late.appended_at_ms)
    decided = pruned.batch(again)
    assert decided.appends[0].value == stage.appends[1].value
    assert pruned.state.items() <= stage.state.items()


def test_headers_that_are_remembered_excuse_nothing_else_of_a_record(stage):
    assert stage.send(event_json(1)) == {"normalised": 1}
    assert stage.send(event_json(2), key=b"astray") == {"suspended": 1}
    assert stage.send(event_json(2), key=None) == {"suspended": 1}
    assert stage.send(b"x" * (raw.MAX_RECORD_BYTES + 1)) == {"suspended": 1}
    assert stage.send(b"") == {"suspended": 1}
    assert stage.send(event_json(3)) == {"normalised": 1}
    assert [reason.partition(".")[2] for reason in stage.reasons()] == [
        "misrouted",
        "misrouted",
        "too_large",
        "not_json",
    ]


def test_an_event_fits_or_not_by_all_of_its_bytes(stage):
    """The number of the batch is added last; it never makes an event too large unnoticed."""
    stage.proof = replace(stage.proof, batch=2**40)
    (decided,) = [stage.batch(stage.record(event_json(1)))]
    (event,) = stage.events()
    assert event.batch == decided.proof.batch == 2**40 + 1
