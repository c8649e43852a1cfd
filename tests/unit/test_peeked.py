"""What a record of each topic becomes for somebody who looks into it."""

from __future__ import annotations

import pytest
from aiokafka import ConsumerRecord

from pipeline.peeked import UNREADABLE, look_for, reader_of
from pipeline.settings import Settings
from pipeline.topics import topics_of
from schemas import usage
from schemas.suspense import Suspended, SuspenseClass, to_wire
from tests.rating_builders import event as usage_event

TOPICS = topics_of(Settings(installation="peeked"))


def record(topic, value, *, key=b"k", headers=()):
    return ConsumerRecord(
        topic=topic.name,
        partition=1,
        offset=7,
        timestamp=1_790_812_800_000,
        timestamp_type=1,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=headers,
    )


def seen(topic, value, **more):
    return reader_of(TOPICS, topic.name)(record(topic, value, **more))


def test_a_raw_record_is_its_headers_and_its_bytes_as_text():
    found = seen(TOPICS.raw, b"a,b\n", headers=[("record", b"block"), ("source", b"fs-1")])
    assert (found.kind, found.fields) == ("block", {"source": "fs-1", "value": "a,b\n"})
    assert found[:5] == (TOPICS.raw.name, 1, 7, 1_790_812_800_000, "k")


def test_bytes_that_are_no_text_are_hex_digits():
    assert seen(TOPICS.raw, b"\xff\x00").fields == {"value": "ff00"}
    assert seen(TOPICS.raw, b"a\x00").fields == {"value": "6100"}


def test_a_normalised_event_has_the_names_of_its_fields():
    event = usage_event()
    found = seen(TOPICS.normalised, usage.to_wire(event))
    assert found.kind == "usage"
    assert found.fields["identity"] == event.identity.hex()
    assert found.fields["provenance"]["offset"] == event.provenance.offset
    assert found.fields["quantities"] == event.quantities


def test_the_ledger_is_shown_as_it_is_written_kinds_of_later_releases_too():
    found = seen(TOPICS.ledger, b'{"kind":"refund","amount":"1.00","parts":[1]}')
    assert (found.kind, found.fields) == ("refund", {"amount": "1.00", "parts": [1]})


def test_suspense_says_its_class_and_its_bytes():
    suspended = Suspended(
        suspense_id="s",
        suspense_class=SuspenseClass.DUPLICATE,
        stage="normalise",
        tenant="t",
        source="fs-1",
        format="freeswitch-csv@1",
        reason="",
        detail="",
        raw=b"a,b",
        raw_headers=(("source", b"fs-1"),),
        topic="x",
        partition=0,
        offset=1,
        index=2,
        appended_at_ms=3,
    )
    found = seen(TOPICS.suspense, to_wire(suspended))
    assert found.kind == "duplicate"
    assert (found.fields["raw"], found.fields["raw_headers"]) == ("a,b", [["source", "fs-1"]])


@pytest.mark.parametrize(
    ("topic", "value", "kind"),
    [
        (TOPICS.reference, b'{"account_id":"acme"}', "record"),
        (TOPICS.reference, b"", "mark"),
        (TOPICS.reference, None, "mark"),
        (TOPICS.catalogue, b'[["49"]]', "rows"),
        (TOPICS.ledger, b"{broken", UNREADABLE),
        (TOPICS.suspense, b"\xc1", UNREADABLE),
        (TOPICS.normalised, b"", UNREADABLE),
        (TOPICS.normalised, b"\x01", UNREADABLE),
        (TOPICS.normalised, None, UNREADABLE),
        (TOPICS.raw, None, UNREADABLE),
        pytest.param(TOPICS.ledger, b"[" * 100_000, UNREADABLE, id="deep"),
    ],
)
def test_whatever_lies_there_is_shown(topic, value, kind):
    assert seen(topic, value).kind == kind


LEDGER = b'{"kind":"usage","account_id":"acme","n":7,"ok":true,"none":null,"a":{"b":"c"},"d.e":"f"}'


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        ((), True),
        ((("kind", "usage"), ("account_id", "acme")), True),
        ((("kind", "usage"), ("account_id", "other")), False),
        ((("n", "7"),), True),
        ((("n", "7.0"),), False),
        ((("ok", "true"),), True),
        ((("a.b", "c"),), True),
        ((("a.b.c", "c"),), False),
        ((("d.e", "f"),), True),
        ((("none", "None"),), False),
        ((("missing", ""),), False),
    ],
)
def test_a_record_is_wanted_where_every_field_says_so(where, wanted):
    look = look_for(TOPICS, TOPICS.ledger.name, where=where, key=None)
    assert (look(record(TOPICS.ledger, LEDGER)) is not None) is wanted


def test_a_record_of_another_key_is_not_wanted():
    look = look_for(TOPICS, TOPICS.ledger.name, where=(), key="acme")
    assert look(record(TOPICS.ledger, LEDGER)) is None
    assert look(record(TOPICS.ledger, LEDGER, key=b"acme")) is not None


def test_a_header_without_a_value_is_an_empty_one():
    assert seen(TOPICS.raw, b"a", headers=[("record", None)]).kind == ""
