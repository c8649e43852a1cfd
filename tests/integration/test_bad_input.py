"""Whatever comes in, no partition stops and nothing disappears: one run, every kind of bad input.

Everything is sent to one installation of two raw partitions, bad records between good ones. The
tests look at what became of it.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from pipeline.app import run_folder
from pipeline.cli.exits import Exit
from pipeline.cli.workers import announced_workers, numbers_of
from pipeline.topics import MAX_BATCH_BYTES, partition_of, topics_of
from schemas import raw
from schemas.ledger import Charge
from schemas.raw import MAX_RECORD_BYTES, OVERSIZE_HEAD_BYTES
from schemas.refusal import RefusalReason as Why
from schemas.usage import from_wire as event_from_wire
from tests.integration.live_installation import (
    CATALOGUE,
    LiveInstallation,
    Place,
    Said,
    event_json,
)

LONG_AGO_S = 1_790_000_000
LIMIT = f"{MAX_RECORD_BYTES:,}"


def call(record_id: str, **changed: str) -> bytes:
    """Return a line of FreeSWITCH's: one minute to Germany."""
    cells = {
        "name": "Out",
        "caller": "2001",
        "to": "4930111",
        "context": "default",
        "start": "2026-01-10 12:00:00",
        "answer": "2026-01-10 12:00:01",
        "end": "2026-01-10 12:01:01",
        "duration": "61",
        "billsec": "60",
        "cause": "NORMAL_CLEARING",
        "uuid": record_id,
        "bleg": "",
        "account": "2001",
        "read": "PCMU",
        "write": "PCMU",
    } | changed
    return ",".join(cells.values()).encode()


class Bad(NamedTuple):
    """A record that must be refused: its bytes, where it ends, what the detail must say."""

    value: bytes
    why: Why
    says: str = ""
    stage: str = "normalise"

    @property
    def kept(self) -> bytes:
        """Return what of the bytes suspense holds: all, or the head of too many."""
        return (
            self.value if len(self.value) <= MAX_RECORD_BYTES else self.value[:OVERSIZE_HEAD_BYTES]
        )


NINES = "9999-12-31 23:59:59"
CALLS = {
    "wrong column count": Bad(b"a,b,c", Why.WRONG_COLUMN_COUNT, "3 columns where 15"),
    "invalid UTF-8": Bad(
        call("bytes").replace(b"Out", b"\xff\xfe"), Why.INVALID_ENCODING, "byte 1 "
    ),
    "a missing field": Bad(call("empty", billsec=""), Why.MISSING_FIELD, "billsec"),
    "a missing id": Bad(call(""), Why.MISSING_FIELD, "uuid"),
    "a negative duration": Bad(call("minus", billsec="-60"), Why.NEGATIVE_QUANTITY, "billsec"),
    "a date that is none": Bad(call("feb", answer="2026-02-30 12:00:00"), Why.INVALID_TIME),
    "the year 9999": Bad(call("nines", start=NINES, answer=NINES), Why.TOO_FAR_IN_FUTURE),
    "an unknown subscriber": Bad(call("who", caller="555", account="555"), Why.UNKNOWN_SUBSCRIBER),
    "an unknown destination": Bad(
        call("where", to="8835100"), Why.UNKNOWN_DESTINATION, stage="rate"
    ),
    "a NUL byte": Bad(call("nul", context="de\0fault"), Why.INVALID_FIELD, "NUL"),
}
ZONELESS = {"a time without zone": Bad(call("zoneless"), Why.TIME_WITHOUT_ZONE, "zone")}
EVENTS = {
    "not JSON": Bad(b"{this is not json", Why.NOT_JSON),
    "JSON of another kind": Bad(b"[1, 2]", Why.INVALID_FIELD),
    "an event without its quantity": Bad(
        event_json("none").replace(b'"bytes"', b'"octets"'), Why.MISSING_FIELD, "data.bytes"
    ),
    "an event without a subject": Bad(
        event_json("nobody").replace(b'"subject"', b'"object"'), Why.MISSING_FIELD, "subject"
    ),
    "a negative quantity": Bad(event_json("minus", size=-1), Why.NEGATIVE_QUANTITY, "data.bytes"),
    "an event in the year 9999": Bad(
        event_json("nines", at="9999-12-31T23:59:59Z"), Why.TOO_FAR_IN_FUTURE
    ),
    "an event without zone": Bad(
        event_json("zone", at="2026-01-10T12:00:00"), Why.TIME_WITHOUT_ZONE, "offset"
    ),
    "a 5 MB line": Bad(event_json("x" * 5_000_000), Why.TOO_LARGE, LIMIT),
    "an event of nobody": Bad(event_json("who", subject="dev-9"), Why.UNKNOWN_SUBSCRIBER),
}
FILES = {**CALLS, **ZONELESS, **EVENTS}

STREAM = b"gateway"
HEADERS = {
    raw.TENANT: b"default",
    raw.SOURCE: b"gateway",
    raw.STREAM: STREAM,
    raw.FORMAT: b"cloudevents-iot",
    raw.RECORD: raw.RECORD_MESSAGE,
}


class Sent(NamedTuple):
    """A bad raw record of a producer that is not ours."""

    bad: Bad
    headers: dict[str, bytes] = HEADERS
    key: bytes | None = STREAM
    partition: int = partition_of(STREAM, 2)


def without(name: str) -> dict[str, bytes]:
    return {key: value for key, value in HEADERS.items() if key != name}


MESSAGES = {
    "misrouted": Sent(
        Bad(event_json("lost"), Why.MISROUTED, "murmur2_random"),
        partition=1 - partition_of(STREAM, 2),
    ),
    "no key": Sent(Bad(event_json("keyless"), Why.MISROUTED), key=None),
    "no headers at all": Sent(Bad(event_json("bare"), Why.MISSING_HEADER, "record"), headers={}),
    "no tenant": Sent(
        Bad(event_json("whose"), Why.MISSING_HEADER, "tenant"), headers=without(raw.TENANT)
    ),
    "no source": Sent(
        Bad(event_json("whence"), Why.MISSING_HEADER, "source"), headers=without(raw.SOURCE)
    ),
    "no format": Sent(
        Bad(event_json("how"), Why.MISSING_HEADER, "format"), headers=without(raw.FORMAT)
    ),
    "an unknown format": Sent(
        Bad(event_json("tap"), Why.UNKNOWN_FORMAT, "cloudevents-iot@1"),
        headers=HEADERS | {raw.FORMAT: b"tap3"},
    ),
    "garbage": Sent(Bad(b"\x00\xff\x1f\x8b\xde\xad" * 100, Why.NOT_JSON)),
    "garbage in headers": Sent(
        Bad(event_json("header"), Why.MISSING_HEADER, "tenant"),
        headers=HEADERS | {raw.TENANT: b"\xff\xfe\x00"},
    ),
    "garbage as a command": Sent(
        Bad(b"\xff\x00drop table", Why.INVALID_COMMAND),
        headers=HEADERS | {raw.RECORD: raw.RECORD_COMMAND, raw.COMMAND_ID: b"c"},
    ),
    "a command for nobody": Sent(
        Bad(
            raw.command_to_json(
                raw.ClosePeriodCommand(
                    tenant="default", account_id="nobody", period_start_ms=0, period_end_ms=1
                )
            ),
            Why.INVALID_COMMAND,
            "account",
        ),
        headers=HEADERS | {raw.RECORD: raw.RECORD_COMMAND, raw.COMMAND_ID: b"d"},
    ),
    "a block of no file": Sent(
        Bad(event_json("block"), Why.MISSING_HEADER, "file_id"),
        headers=HEADERS | {raw.RECORD: raw.RECORD_BLOCK},
    ),
    "a message of 1 MB": Sent(Bad(event_json("y" * 1_000_000), Why.TOO_LARGE, LIMIT)),
}


@dataclass
class Run:
    """What was sent, what was told, and what became of it."""

    good: set[str] = field(default_factory=set)  # record ids
    told: dict[str, Said] = field(default_factory=dict)
    sent: dict[str, Place] = field(default_factory=dict)
    rated: list[asyncpg.Record] = field(default_factory=list)
    charged: list[str] = field(default_factory=list)  # record ids, in the ledger
    rated_before: int = 0  # before the same files were read again
    suspense: list[asyncpg.Record] = field(default_factory=list)  # before that
    duplicates: list[asyncpg.Record] = field(default_factory=list)
    raw: dict[Place, bytes] = field(default_factory=dict)
    normalised: dict[Place, bytes] = field(default_factory=dict)
    catalogues: list[int] = field(default_factory=list)  # records published, before and after
    too_large: MessageSizeTooLargeError | None = None  # what the sender of 5 MB was told
    stops: int = 0
    logs: str = ""

    def call(self, record_id: str, **changed: str) -> bytes:
        """Return a line that must be rated."""
        self.good.add(record_id)
        return call(record_id, **changed)

    def event(self, record_id: str) -> bytes:
        """Return an event that must be rated."""
        self.good.add(f"fleet/{record_id}")
        return event_json(record_id)

    def refused(self, bad: Bad) -> asyncpg.Record:
        """Return the one row of a bad record, after a look at the bytes that it points to."""
        rows = [row for row in self.suspense if self._origin_of(row) == bad.kept]
        assert len(rows) == 1, rows
        return rows[0]

    def _origin_of(self, row: asyncpg.Record) -> bytes:
        """Return the bytes of the raw item that a row stands for."""
        place, index = Place(row["source_partition"], row["source_offset"]), row["source_index"]
        if row["source_topic"].endswith("usage.normalised.v1"):
            value = self.normalised[place]
            assert row["raw"] == value
            event = event_from_wire(value)
            origin = event.provenance
            return self.raw[Place(origin.partition, origin.offset)].split(b"\n")[origin.index]
        item = self.raw[place].split(b"\n")[index]
        kept = item if len(item) <= MAX_RECORD_BYTES else item[:OVERSIZE_HEAD_BYTES]
        assert row["raw"] == kept
        return kept


@pytest.fixture(scope="module")
def ran(services, tmp_path_factory) -> Run:
    return asyncio.run(_run(services, tmp_path_factory.mktemp("bad")))


async def _run(services, folder: Path) -> Run:
    ran = Run()
    async with LiveInstallation.created(services, folder) as here:
        topics = topics_of(here.settings)
        async with here.working():
            await _ingest(here, ran)
            await _publish(here, ran)
            await _publish_catalogue(here, ran)
            await here.through()
            ran.suspense = await here.rows("SELECT * FROM suspense")
            ran.rated_before = await here.count("rated_usage")
            await _ingest_again(here, ran)
            await here.through()
            numbers = await numbers_of(announced_workers(run_folder(here.settings)))
            ran.stops = sum(stage.partition_stops for stage in numbers.values())
        ran.rated = await here.rows("SELECT * FROM rated_usage")
        ran.charged = [one.record_id for one in await here.ledger() if isinstance(one, Charge)]
        ran.duplicates = await here.rows("SELECT * FROM duplicates")
        ran.told["duplicates"] = await here.command("duplicates", "list", "--limit", 250, "--json")
        ran.told["no duplicates"] = await here.command("duplicates", "list", "--source", "meters")
        ran.raw = {at: r.value for at, r in (await here.read(topics.raw)).items()}
        ran.normalised = {at: r.value for at, r in (await here.read(topics.normalised)).items()}
        ran.logs = "".join(here.log(stage) for stage in ("normalise", "rate", "load"))
    return ran


async def _ingest(here: LiveInstallation, ran: Run) -> None:
    """Read files: calls, an empty one, one that is being written, calls without zone, events."""
    calls = [ran.call(f"call-{number}") for number in range(len(CALLS) + 1)]
    here.file("cdr/1.csv", _between(calls, CALLS))
    here.file("cdr/2-empty.csv", b"")
    here.file("cdr/3-written.csv", ran.call("young-1") + b"\n" + ran.call("young-2"))
    here.file("cdr/4.csv", ran.call("behind") + b"\n")
    for path in (here.folder / "cdr").iterdir():
        if "written" not in path.name:
            os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    ran.told["folder"] = await _read_calls(here, here.folder / "cdr", "--zone", "Europe/Berlin")

    stated = "2026-01-10 12:00:00+01:00"
    calls = [ran.call(f"stated-{number}", start=stated, answer=stated) for number in (1, 2)]
    ran.told["zoneless"] = await _read_calls(
        here, here.file("zoneless.csv", _between(calls, ZONELESS))
    )
    events = [ran.event(f"event-{number}") for number in range(len(EVENTS) + 1)]
    lines = here.file("events.jsonl", _between(events, EVENTS))
    ran.told["events"] = await here.ingest(lines, source="meters", format_name="cloudevents-iot")


def _between(good: list[bytes], bad: dict[str, Bad]) -> bytes:
    """Return lines: a good one before the first bad one, and one behind each."""
    lines = [good[0]]
    for behind, each in zip(good[1:], bad.values(), strict=True):
        lines += [each.value, behind]
    return b"\n".join(lines) + b"\n"


async def _read_calls(here: LiveInstallation, path: Path, *more: str) -> Said:
    return await here.ingest(path, *more, source="pbx", format_name="freeswitch-csv")


async def _publish(here: LiveInstallation, ran: Run) -> None:
    """Send bad messages, and a good one behind each."""
    for number, (name, sent) in enumerate(MESSAGES.items()):
        (ran.sent[name],) = await here.publish(
            [sent.bad.value],
            headers=list(sent.headers.items()),
            key=sent.key,
            partition=sent.partition,
        )
        good = ran.event(f"message-{number}")
        await here.publish([good], headers=list(HEADERS.items()), key=STREAM)
    async with AIOKafkaProducer(
        bootstrap_servers=here.endpoints.kafka_bootstrap, max_request_size=10_000_000
    ) as producer:
        try:
            await producer.send_and_wait(
                topics_of(here.settings).raw.name,
                event_json("z" * 5_000_000),
                key=STREAM,
                headers=list(HEADERS.items()),
            )
        except MessageSizeTooLargeError as error:
            ran.too_large = error
    await here.publish([ran.event("last")], headers=list(HEADERS.items()), key=STREAM)


async def _publish_catalogue(here: LiveInstallation, ran: Run) -> None:
    """Check and publish a catalogue with two mistakes in it."""
    catalogue = topics_of(here.settings).catalogue
    folder = here.folder / "broken"
    wrong = {"plans.yaml": ("amount: 0.01", "amount: cheap"), "germany.csv": ("0.06", "-1")}
    for name, (right, mistake) in wrong.items():
        here.file(f"broken/{name}", CATALOGUE[name].replace(right, mistake).encode())
    ran.catalogues.append(len(await here.read(catalogue)))
    ran.told["check"] = await here.command("catalogue", "check", folder)
    ran.told["publish"] = await here.command("catalogue", "publish", folder)
    ran.catalogues.append(len(await here.read(catalogue)))
    ran.catalogues.append(await here.count("catalogue_versions"))


async def _ingest_again(here: LiveInstallation, ran: Run) -> None:
    """Close the file that was being written; then the same folder, unchanged, and all of it."""
    written = here.folder / "cdr" / "3-written.csv"
    written.write_bytes(written.read_bytes() + b"\n")
    words = (here, here.folder / "cdr", "--zone", "Europe/Berlin")
    ran.told["finished"] = await _read_calls(*words)
    ran.told["unchanged"] = await _read_calls(*words)
    ran.told["mistyped"] = await here.ingest(*words[1:], source="pxb", format_name="freeswitch-csv")
    ran.told["again"] = await _read_calls(*words, "--again")


def test_every_good_record_is_rated_once(ran):
    assert sorted(row["record_id"] for row in ran.rated) == sorted(ran.good)
    assert sorted(ran.charged) == sorted(ran.good)


def test_both_partitions_took_part_and_none_stopped(ran):
    assert {row["raw_partition"] for row in ran.rated} == {0, 1}
    assert {row["source_partition"] for row in ran.suspense} == {0, 1}
    assert ran.stops == 0
    assert "partition_stopped" not in ran.logs
    assert "load_stopped" not in ran.logs


def test_what_is_refused_is_what_was_bad_and_no_more(ran):
    bad = [*FILES.values(), *(sent.bad for sent in MESSAGES.values())]
    assert sorted(row["reason"] for row in ran.suspense) == sorted(each.why for each in bad)


@pytest.mark.parametrize("name", list(FILES))
def test_a_bad_line_keeps_its_reason_its_bytes_and_its_position(ran, name):
    bad = FILES[name]
    row = ran.refused(bad)
    assert (row["reason"], row["stage"]) == (bad.why, bad.stage)
    assert bad.says in row["detail"]
    assert row["source"] == ("meters" if name in EVENTS else "pbx")
    assert row["tenant"] == "default"


@pytest.mark.parametrize("name", list(MESSAGES))
def test_a_bad_message_keeps_its_reason_its_bytes_and_its_position(ran, name):
    bad = MESSAGES[name].bad
    row = ran.refused(bad)
    assert (row["reason"], row["stage"]) == (bad.why, bad.stage)
    assert bad.says in row["detail"]
    assert Place(row["source_partition"], row["source_offset"]) == ran.sent[name]


def test_a_message_of_5_mb_is_refused_to_its_sender_by_the_broker(ran):
    """It never lies in the topic: one record that size would hold up every reader."""
    assert ran.too_large is not None
    assert max(map(len, ran.raw.values())) < MAX_BATCH_BYTES


def test_a_file_that_holds_a_line_of_5_mb_is_told_of(ran):
    (file,) = ran.told["events"].json["files"]
    assert (file["state"], file["oversize"]) == ("ingested", 1)
    assert "1 item is too large" in ran.told["events"].err
    assert LIMIT in ran.told["events"].err


def test_an_empty_file_and_one_that_is_still_written_are_told_and_keep_none_back(ran):
    said = ran.told["folder"]
    assert said.code == Exit.REFUSED
    states = ["ingested", "empty", "refused", "ingested"]
    assert [file["state"] for file in said.json["files"]] == states
    assert "2-empty.csv is empty" in said.err
    assert "3-written.csv is still being written" in said.err


def test_a_file_is_read_when_its_writer_has_closed_it(ran):
    said = ran.told["finished"]
    assert said.code == Exit.OK
    states = ["already_ingested", "already_ingested", "ingested", "already_ingested"]
    assert [file["state"] for file in said.json["files"]] == states


def test_copies_are_listed_with_the_line_of_their_first_copy(ran: Run) -> None:
    said = ran.told["duplicates"].json
    assert sum(each["copies"] for each in said["counts"]) == len(ran.duplicates)
    assert {each["suspense_id"] for each in said["records"]} == {
        row["suspense_id"].hex for row in ran.duplicates
    }
    young = next(each for each in said["records"] if each["file"] == "3-written.csv")
    assert young["first_copy"] == {"file": young["file"], "line": young["line"]}
    assert "No record came twice" in ran.told["no duplicates"].err


def test_the_same_file_twice_charges_nothing_and_is_told(ran):
    said = ran.told["unchanged"]
    assert [file["state"] for file in said.json["files"]] == ["already_ingested"] * 4
    assert said.err.count("ingested before") == 4
    # Even when somebody insists, each record is recognised by itself.
    assert ran.told["again"].json["files"][0]["state"] == "ingested"
    assert len(ran.rated) == ran.rated_before + len(("young-1", "young-2"))
    identities = {row["identity"] for row in ran.duplicates}
    calls = {row["identity"] for row in ran.rated if row["source"] == "pbx"}
    zoneless = {row["identity"] for row in ran.rated if row["record_id"].startswith("stated")}
    assert calls - zoneless <= identities


def test_the_same_file_from_another_source_is_refused_and_told(ran):
    """The source is part of a record's identity: no copy would be recognised."""
    said = ran.told["mistyped"]
    assert said.code == Exit.REFUSED
    states = [file["state"] for file in said.json["files"]]
    assert states.count("refused") == 3, "all but the empty one"
    assert said.err.count("was ingested before from source pbx") == 3


def test_check_names_file_line_field_and_what_was_expected(ran):
    said = ran.told["check"]
    assert said.code == Exit.FAILED
    assert said.out.splitlines() == [
        "germany.csv:2: price: expected an amount such as 0.0150, found '-1'",
        "plans.yaml:22: plans.traffic.prices.data.price.tiers[1].amount: expected an amount such as "
        "0.0150, found 'cheap'",
    ]


def test_a_broken_catalogue_is_not_published(ran):
    said = ran.told["publish"]
    assert said.code == Exit.REFUSED
    assert "nothing was published" in said.err
    before, after, versions = ran.catalogues
    assert before == after
    assert versions == 1
