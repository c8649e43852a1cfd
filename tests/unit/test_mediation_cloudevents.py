"""CloudEvents: framing, exact numbers, and what is refused."""

from decimal import Decimal

import msgspec
import pytest

from mediation.decode.item import DecodedItem, Ignored
from mediation.decode.mapping import load_decoder
from schemas.refusal import RefusalReason, Refused
from tests.mediation_world import DATA, MAPPINGS, NOON, event_json

DECODER = MAPPINGS["cloudevents-iot"]


def one(value, headers=None, decoder=DECODER):
    ((_, _, outcome),) = decoder.decode(value, headers or {})
    return outcome


def changed(**fields):
    """A good event with some fields changed; None takes one out."""
    event = msgspec.json.decode(event_json()) | fields
    return msgspec.json.encode({name: value for name, value in event.items() if value is not None})


def test_a_batch_with_a_conflict_and_a_copy_written_in_another_way():
    value = (DATA / "cloudevents.json").read_bytes()
    items = DECODER.decode(value, {})
    first, conflict, copy, meter = (outcome for _, _, outcome in items)
    assert first.record_id == conflict.record_id == copy.record_id == "gate~11/7"
    assert first.quantities == {"s": Decimal(12), "record": Decimal(1)}
    assert first.started_at_ms == 1772362800_500
    assert conflict.content != first.content
    assert copy.content == first.content  # 12.0 for "12", Z for +01:00
    assert meter.record_id == "gate~12/7"
    assert meter.quantities == {"Wh": Decimal("123.456789012345678")}  # no float has so many
    assert meter.ended_at_ms - meter.started_at_ms == 900_000
    assert msgspec.json.decode(items[0][1])["id"] == "7"


def test_source_and_id_cannot_meet_in_one_record_id():
    a = one(changed(source="a/b", id="c"))
    b = one(changed(source="a", id="b/c"))
    assert a.record_id != b.record_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (event_json(), "DecodedItem"),
        (b"\xef\xbb\xbf" + event_json(), "DecodedItem"),
        (b"", RefusalReason.NOT_JSON),
        (b"hello", RefusalReason.NOT_JSON),
        (b"null", RefusalReason.INVALID_FIELD),
        (event_json()[:-1], RefusalReason.NOT_JSON),
        (event_json() + b"x", RefusalReason.NOT_JSON),
        (b'{"a":' * 100_000, RefusalReason.NOT_JSON),
        (event_json(subject="x").replace(b'"x"', b'"\xff"'), RefusalReason.INVALID_ENCODING),
        (changed(specversion="0.3"), RefusalReason.INVALID_FIELD),
        (changed(id=None), RefusalReason.MISSING_FIELD),
        (changed(id=""), RefusalReason.MISSING_FIELD),
        (changed(id=7), RefusalReason.INVALID_FIELD),
        (changed(id="x" * 300), RefusalReason.INVALID_FIELD),
        (changed(id="a\0b"), RefusalReason.INVALID_FIELD),
        (changed(type="unheard.of"), RefusalReason.INVALID_FIELD),
        (changed(subject=None), RefusalReason.MISSING_FIELD),
        (changed(time=None), RefusalReason.MISSING_FIELD),
        (changed(time="2026-03-01T12:00:00"), RefusalReason.TIME_WITHOUT_ZONE),
        (changed(time="yesterday"), RefusalReason.INVALID_TIME),
        (changed(time="2026-03-01T12:00:60Z"), RefusalReason.INVALID_TIME),
        (changed(time="9999-12-31T23:59:59-14:00"), "DecodedItem"),
        (changed(time="0001-01-01T00:00:00+14:00"), "DecodedItem"),
        (changed(time="2026-03-01t12:00:00z"), "DecodedItem"),
        (changed(data=None), RefusalReason.MISSING_FIELD),
        (changed(data="text"), RefusalReason.MISSING_FIELD),
        (changed(data={"bytes": True}), RefusalReason.INVALID_FIELD),
        (changed(data={"bytes": "many"}), RefusalReason.INVALID_FIELD),
        (changed(data={"bytes": [1]}), RefusalReason.INVALID_FIELD),
        (changed(data={"bytes": -1}), RefusalReason.NEGATIVE_QUANTITY),
        (changed(data={"bytes": 1, "apn": ["x"]}), RefusalReason.INVALID_FIELD),
        (event_json(size="9" * 28), "DecodedItem"),
        (event_json(size="9" * 29), RefusalReason.INVALID_FIELD),
        (event_json(size="9" * 9999), RefusalReason.INVALID_FIELD),
        (event_json(size="1e999999999"), RefusalReason.INVALID_FIELD),
        (event_json(size="0.1e1"), "DecodedItem"),
        (event_json(size="-0.0"), "DecodedItem"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_an_event_is(value, expected):
    outcome = one(value)
    found = outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__
    assert found == expected


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("9007199254740993", "9007199254740993"),  # 2^53 + 1
        ("18446744073709551616", "18446744073709551616"),  # 2^64
        ("0.1", "0.1"),
        ('"0.10"', "0.10"),
        ("1E5", "100000"),
        ("1.50e1", "15.0"),
    ],
)
def test_numbers_are_exact(written, exact):
    assert str(one(event_json(size=written)).quantities["B"]) == exact


def test_one_bad_event_in_a_batch_refuses_only_itself():
    value = b"[" + b",".join([event_json(1), b'{"id":5}', b"3", event_json(2)]) + b"]"
    kinds = [type(outcome).__name__ for _, _, outcome in DECODER.decode(value, {})]
    assert kinds == ["DecodedItem", "Refused", "Refused", "DecodedItem"]


def test_a_batch_that_is_no_json_is_one_refusal():
    assert one(b"[" + event_json() + b",").reason is RefusalReason.NOT_JSON
    assert isinstance(one(b"[]"), Ignored)


def test_a_block_without_a_content_type_is_one_event_per_line():
    value = event_json(1) + b"\n\n[1]\n" + event_json(2) + b"\r\n"
    items = DECODER.decode(value, {"record": b"block"})
    kinds = [type(outcome).__name__ for _, _, outcome in items]
    assert kinds == ["DecodedItem", "Ignored", "Refused", "DecodedItem"]


def test_a_block_says_how_its_events_lie():
    batch = {"record": b"block", "content_type": b"application/cloudevents-batch+json"}
    pretty = {"record": b"block", "content_type": b"application/cloudevents+json"}
    assert len(DECODER.decode(b"[" + event_json(1) + b",\n" + event_json(2) + b"]", batch)) == 2
    indented = msgspec.json.format(event_json(), indent=2)
    assert one(indented, pretty) == one(event_json())


def test_binary_events_are_the_same_as_structured_ones():
    structured = one(event_json(9))
    named = {
        "ce_specversion": b"1.0",
        "ce_type": b"sensor.data",
        "ce_id": b"9",
        "ce_source": b"gate",
        "ce_subject": b"dev-1",
        "ce_time": b"2026-03-01T12:00:00Z",
        "content-type": b"application/json",
    }
    assert one(b'{"bytes":1}', named) == structured
    assert one(b'{"bytes":', named).reason is RefusalReason.NOT_JSON
    assert one(b'{"bytes":1}', named | {"ce_id": b"\xff"}).reason is RefusalReason.INVALID_ENCODING
    assert one(b"", named).reason is RefusalReason.MISSING_FIELD


SITE = """
extends: cloudevents-iot
name: site
version: 1
missing_time: append_time
types:
  ping:
    product: ping
    usage_kind: event
    identifiers: [deviceid, data.dev]
    quantities: {record: {constant: "1"}}
    service_class: tenantclass
    attributes: {ok: data.ok, retries: data.retries}
"""


def test_extension_attributes_and_the_broker_time():
    text = {
        "cloudevents-iot": (DATA.parents[2] / "mediation/mappings/cloudevents-iot.yaml").read_text()
    }
    decoder = load_decoder(SITE, "site.yaml", extends=text)
    value = changed(
        type="ping",
        time=None,
        deviceid="dev-7",
        tenantclass="gold",
        data={"dev": 70, "ok": True, "retries": 3},
    )
    item = one(value, decoder=decoder)
    assert isinstance(item, DecodedItem)
    assert item.started_at_ms is None
    assert item.identifiers == ("dev-7", "70")
    assert item.service_class == "gold"
    assert item.attributes == {"ok": "true", "retries": "3"}
    binary = {"ce_specversion": b"1.0", "ce_type": b"ping", "ce_id": b"1", "ce_source": b"gate"}
    binary |= {"ce_deviceid": b"dev-7", "ce_tenantclass": b"gold"}
    assert one(b'{"dev":70,"ok":true,"retries":3}', binary, decoder) == item


def test_details_hold_no_value_of_the_event():
    assert "4917" not in one(changed(data={"bytes": "491701234567"}, subject=491701234567)).detail
    assert "4917" not in one(event_json(size="-491701234567")).detail


def test_noon_is_noon():
    assert one(event_json()).started_at_ms == NOON


def test_an_end_of_more_characters_than_a_text_may_have_is_refused():
    """A fraction of a second may have any number of digits, and the short way must count them."""
    decoder = load_decoder(
        "kind: cloudevents\nname: n\nversion: 1\ntypes:\n  sensor.data:\n    product: p\n"
        "    usage_kind: event\n    quantities: {B: data.bytes}\n    ended_at: data.until\n",
        "n.yaml",
    )

    def ended(digits):
        until = f"2026-03-01T12:00:01.{'0' * digits}Z"
        return one(changed(data={"bytes": 1, "until": until}), decoder=decoder)

    assert ended(235).ended_at_ms == NOON + 1000  # 256 characters
    assert ended(236).reason is RefusalReason.INVALID_FIELD
