"""Records in suspense on their way back, in memory: what the tables keep, and what the relay sends."""

from mediation.recycling import Back, Waiting, back, settling_key
from schemas.flow import SourceRecord
from schemas.raw import (
    COMMAND_ID,
    FORMAT,
    RECORD,
    RECORD_COMMAND,
    SOURCE,
    TENANT,
    WriteOffCommand,
    command_to_json,
)
from tests.mediation_world import KEY, NOON, PARTITION


def raw_partition_of(key):
    return PARTITION if key == KEY or key.startswith(b"recycled:") else PARTITION + 1


def waiting_of(record, **changed):
    """What the tables have of a record of the suspense topic."""
    return Waiting(
        suspense_id=record.suspense_id,
        stage=record.stage,
        tenant=record.tenant,
        source=record.source,
        reason=record.reason,
        raw=record.raw,
        raw_headers=record.raw_headers,
        partition=record.partition,
        offset=record.offset,
        item=record.index,
        appended_at_ms=record.appended_at_ms,
        identity=record.identity,
        attempts=record.attempts,
    )._replace(**changed)


def sent_back(stage, record, *, at=NOON):
    """The raw record that brings a record back, as the broker has it."""
    found = back(waiting_of(record), raw_partition_of=raw_partition_of)
    assert isinstance(found, Back), found
    return appended(stage, found.key.encode(), found.value, found.headers, at=at)


def written_off(stage, record, *, at=NOON):
    """The command that gives a record up, as the broker has it."""
    waiting = waiting_of(record)
    command = WriteOffCommand(waiting.tenant, waiting.suspense_id, waiting.identity)
    headers = (
        (TENANT, b"acme"),
        (SOURCE, b"ratemill"),
        (FORMAT, b"command"),
        (RECORD, RECORD_COMMAND),
        (COMMAND_ID, b"write off"),
    )
    key = settling_key(waiting, raw_partition_of).encode()
    return appended(stage, key, command_to_json(command), headers, at=at)


def appended(stage, key, value, headers, *, at=NOON):
    offset = stage.offset
    stage.offset += 1
    # As the stage's own partitioner has it: all that is here lies in one partition.
    return SourceRecord(PARTITION, offset, at, KEY, value, headers)
