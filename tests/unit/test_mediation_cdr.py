"""Charging records of TS 32.298: values, damage, several containers, what a mapping refuses."""

from decimal import Decimal

import pytest

from mediation.decode import ber, cdr_values
from mediation.decode.document import InvalidMapping
from mediation.decode.item import DecodedItem, Ignored
from mediation.decode.mapping import load_decoder
from schemas import raw
from schemas.refusal import RefusalReason, Refused
from sources.generate import tlv
from sources.generate.tlv import digits, group, integer, number, sequence
from tests.charging_records import NOON, Used, at, container, file_of, pgw, record
from tests.mediation_world import MAPPINGS, TEXTS

PGW = MAPPINGS["3gpp-pgw"]
BLOCK = {"content_type": raw.CDRS.encode(), "record": b"block", "first_byte": b"100"}


def decoded(value, mapping="3gpp-pgw"):
    return [outcome for _, _, outcome in MAPPINGS[mapping].decode(value, BLOCK)]


def one(value, mapping="3gpp-pgw"):
    (outcome,) = decoded(value, mapping)
    return outcome


def refused(value, mapping="3gpp-pgw"):
    outcome = one(value, mapping)
    assert isinstance(outcome, Refused), outcome
    return outcome.reason


def test_a_record_of_a_gateway_is_an_event():
    used = Used(5, 1_000, 5_000_000_000, first=NOON + 2_000, last=NOON + 9_000)
    event = one(record(pgw(used, part=2, cause=16)))
    assert event.record_id == "pgw/10.99.0.10/77/2026-03-01/2/5"
    assert event.identifiers == ("37255501", "262021234567890")
    assert (event.started_at_ms, event.ended_at_ms) == (NOON + 2_000, NOON + 9_000)
    assert event.quantities == {"B": 5_000_001_000, "B_up": 1_000, "B_down": 5_000_000_000}
    assert all(isinstance(count, Decimal) for count in event.quantities.values())
    assert (event.product, event.usage_kind, event.service_class) == (
        "mobile-data",
        "data",
        "internet",
    )
    assert event.attributes == {"rating_group": "5", "cause": "16", "rat": "6", "plmn": "26202"}


def test_containers_of_a_rating_group_are_added_up_and_each_group_is_an_event():
    containers = (
        Used(1, 10, 20, first=NOON + 5_000, last=NOON + 6_000),
        Used(2, 1, None),
        Used(1, 3, 4, first=NOON + 1_000, last=NOON + 2_000),
        Used(1, 0, 0),
    )
    first, second = decoded(record(pgw(*containers)))
    assert (first.quantities["B_up"], first.quantities["B_down"]) == (13, 24)
    assert (first.started_at_ms, first.ended_at_ms) == (NOON + 1_000, NOON + 6_000)
    assert (second.quantities["B_up"], second.quantities["B_down"]) == (1, 0)
    assert (second.started_at_ms, second.ended_at_ms) == (NOON, None)
    assert first.record_id != second.record_id


def test_a_volume_below_zero_does_not_vanish_in_a_sum():
    value = record(pgw(Used(1, 10, 10), Used(1, -7, 0)))
    assert refused(value) is RefusalReason.NEGATIVE_QUANTITY


def test_a_record_without_containers_is_an_event_of_nothing():
    event = one(record(pgw()))
    assert event.quantities == {"B": 0, "B_up": 0, "B_down": 0}
    assert event.record_id == "pgw/10.99.0.10/77/2026-03-01//"


def test_items_of_a_block_are_numbered_one_after_the_other():
    value = record(pgw(Used(1, 1, 1), Used(2, 1, 1))) + record(pgw(Used(1, 1, 1), charging_id=78))
    items = PGW.decode(value, BLOCK)
    assert [index for index, _, _ in items] == [0, 1, 2]
    assert items[0][1] == items[1][1]
    assert items[1][1] + items[2][1] == value


def test_a_copy_has_the_same_content_and_a_correction_another():
    first, copy = (one(record(pgw(Used(1, 7, 7)))) for _ in range(2))
    other = one(record(pgw(Used(1, 7, 8))))
    assert (first.record_id, first.content) == (copy.record_id, copy.content)
    assert first.record_id == other.record_id
    assert first.content != other.content


def test_what_is_not_asked_for_is_passed_over_however_it_is_tagged():
    long_tag = b"\xbf\x8f\x7f\x03abc"  # [2047]
    assert one(record(pgw(Used(1, 7, 7), more=long_tag))) == one(record(pgw(Used(1, 7, 7))))


def indefinite(tag, *parts):
    return tlv.tlv(tag, b"", constructed=True)[:-1] + b"\x80" + b"".join(parts) + b"\0\0"


def test_lengths_may_be_left_to_an_end_mark():
    inner = group(35, b"\x0a\x01\x02")
    assert inner in pgw(Used(1, 7, 7))
    contents = pgw(Used(1, 7, 7)).replace(inner, indefinite(35, b"\x0a\x01\x02"))
    listed = group(34, container(Used(1, 7, 7)))
    contents = contents.replace(listed, indefinite(34, container(Used(1, 7, 7))))
    value = tlv.with_header(indefinite(79, contents), tlv.BER_PACKET)
    assert one(value) == one(record(pgw(Used(1, 7, 7))))


def test_lengths_may_be_longer_than_they_need_to_be():
    contents = pgw(Used(1, 7, 7)).replace(b"\x87\x08internet", b"\x87\x82\x00\x08internet")
    assert one(record(contents)) == one(record(pgw(Used(1, 7, 7))))


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (b"\x87\x08internet", b"\x87\x7finternet", RefusalReason.NOT_BER),
        (b"\x87\x08internet", b"\x87\x85internet", RefusalReason.NOT_BER),
        (b"\x87\x08internet", b"\x87\x80internet", RefusalReason.NOT_BER),
        (b"\x87\x08internet", b"\x87\x08inter\xffet", RefusalReason.INVALID_FIELD),
        (b"\x87\x08internet", b"\x87\x08inter\0et", RefusalReason.INVALID_FIELD),
        (tlv.tlv(5, integer(77)), tlv.tlv(5, bytes(10)), RefusalReason.INVALID_FIELD),
        (tlv.tlv(5, integer(77)), tlv.tlv(5, b""), RefusalReason.INVALID_FIELD),
        (tlv.tlv(5, integer(77)), tlv.tlv(5, integer(77)) * 2, RefusalReason.NOT_BER),
        (
            digits("262021234567890"),
            b"\x62\x02\xaa\x32\x54\x76\x98\xf0",
            RefusalReason.INVALID_FIELD,
        ),
        (tlv.tlv(13, at()), b"", RefusalReason.MISSING_FIELD),
        (tlv.tlv(13, at()), tlv.tlv(13, at()[:6]), RefusalReason.INVALID_TIME),
        (tlv.tlv(13, at()), tlv.tlv(13, b"\x26\x13" + at()[2:]), RefusalReason.INVALID_TIME),
        (tlv.tlv(13, at()), tlv.tlv(13, b"\x26\x02\x29" + at()[3:]), RefusalReason.INVALID_TIME),
        (tlv.tlv(13, at()), tlv.tlv(13, b"\x2a" + at()[1:]), RefusalReason.INVALID_TIME),
        (tlv.tlv(13, at()), tlv.tlv(13, at()[:3] + b"\x24" + at()[4:]), RefusalReason.INVALID_TIME),
        (tlv.tlv(13, at()), tlv.tlv(13, at()[:6] + b"Z" + at()[7:]), RefusalReason.INVALID_TIME),
        (tlv.tlv(12, integer(7)), tlv.tlv(12, integer(-7)), RefusalReason.NEGATIVE_QUANTITY),
        (tlv.tlv(1, integer(1)), b"", RefusalReason.MISSING_FIELD),
        (
            group(4, tlv.tlv(0, b"\x0a\x63\x00\x0a")),
            group(4, tlv.tlv(0, b"\x0a")),
            RefusalReason.INVALID_FIELD,
        ),
    ],
)
def test_a_damaged_record_costs_only_itself(good, bad, reason):
    contents = pgw(Used(1, 7, 7))
    assert contents.count(good) == 1
    # A container's own length is mended, so that only the value is wrong.
    whole = container(Used(1, 7, 7))
    if good in whole:
        broken = whole[2:].replace(good, bad)
        contents = contents.replace(group(34, whole), group(34, sequence(broken)))
    else:
        contents = contents.replace(good, bad)
    before, after = record(pgw(Used(1, 1, 1))), record(pgw(Used(1, 2, 2)))
    first, middle, last = decoded(before + record(contents) + after)
    assert isinstance(first, DecodedItem)
    assert isinstance(last, DecodedItem)
    assert isinstance(middle, Refused)
    assert middle.reason is reason, middle
    if reason is RefusalReason.NOT_BER:
        assert "of the file" in middle.detail


def test_no_part_of_a_record_passes_for_a_whole_one():
    whole = record(pgw(Used(1, 7, 7), Used(2, 7, 7)))
    for length in range(1, len(whole)):
        (outcome,) = decoded(whole[:length])
        assert outcome.reason is RefusalReason.NOT_BER
        inside = whole[5 : 5 + length]
        again = tlv.with_header(inside, tlv.BER_PACKET)
        if len(inside) < len(whole) - 5:
            assert refused(again) is RefusalReason.NOT_BER


def test_no_octet_that_is_changed_breaks_the_reader():
    whole = record(pgw(Used(1, 7, 7), Used(2, 7, 7))) * 2
    for place in range(len(whole)):
        for octet in (0, 0x1F, 0x30, 0x7F, 0x80, 0x84, 0xFF):
            changed = whole[:place] + bytes([octet]) + whole[place + 1 :]
            items = PGW.decode(changed, BLOCK)
            assert items
            assert {index for index, _, _ in items} == set(range(len(items)))


def test_a_damaged_length_costs_the_rest_and_says_so():
    first, second, third = (record(pgw(Used(1, 1, 1), charging_id=each)) for each in (1, 2, 3))
    broken = (len(second) - 5 + 40).to_bytes(2, "big") + second[2:]
    event, rest = decoded(first + broken + third)
    assert isinstance(event, DecodedItem)
    assert rest.reason is RefusalReason.NOT_BER
    assert "nothing behind it in this block is read" in rest.detail
    assert f"byte {100 + len(first):,} of the file" in rest.detail


def test_a_length_in_ber_that_is_not_that_of_the_header_costs_one_record():
    used = (Used(1, 1, 1), Used(1, 1, 1))
    first, second, third = (record(pgw(*used, charging_id=each)) for each in (1, 2, 3))
    assert second[7] == 0x81
    broken = second[:8] + bytes([second[8] - 1]) + second[9:]
    outcomes = decoded(first + broken + third)
    assert [isinstance(each, DecodedItem) for each in outcomes] == [True, False, True]
    assert "not that of its header" in outcomes[1].detail


@pytest.mark.parametrize(("bits", "words"), [(2, "unaligned PER"), (4, "XER"), (7, "encoding 7")])
def test_other_encodings_are_refused(bits, words):
    value = record(pgw(Used(1, 1, 1)), document=bits << 5 | 7)
    outcome = one(value)
    assert outcome.reason is RefusalReason.NOT_BER
    assert words in outcome.detail


def test_a_record_that_the_mapping_does_not_know_is_refused_or_ignored():
    unknown = one(record(pgw(), tag=78))
    assert unknown.reason is RefusalReason.UNKNOWN_RECORD
    assert "[78]" in unknown.detail
    assert isinstance(one(record(b"", tag=64), "3gpp-ims"), Ignored)


def test_an_older_release_has_a_shorter_header():
    value = record(pgw(Used(1, 1, 1)))
    older = value[:2] + b"\x60" + value[3:4] + value[5:]
    assert one(older) == one(value)


def test_values_of_traffic_volumes_are_added_up():
    volumes = [
        sequence(tlv.tlv(3, integer(up)), tlv.tlv(4, integer(down)), tlv.tlv(5, b"\2"))
        for up, down in ((1, 2), (30, 40))
    ]
    base = pgw()
    for tag, mapping, name in ((78, "3gpp-sgw", "sgw"), (96, "3gpp-wlan", "epdg")):
        event = one(record(base + group(12, *volumes), tag=tag), mapping)
        assert event.quantities == {"B": 73, "B_up": 31, "B_down": 42}
        assert event.record_id == f"{name}/10.99.0.10/77/2026-03-01/"


def call(*, answered=NOON + 5_000, seconds=61, called="4930222"):
    return b"".join(
        (
            tlv.tlv(0, integer(0)),
            tlv.tlv(1, digits("262021234567890")),
            tlv.tlv(3, number("4930111")),
            tlv.tlv(5, number(called)),
            tlv.tlv(9, number("4917000")),
            tlv.tlv(22, at(NOON)),
            b"" if answered is None else tlv.tlv(23, at(answered)),
            tlv.tlv(24, at(NOON + 66_000)),
            tlv.tlv(25, integer(seconds)),
            tlv.tlv(30, integer(0)),
            tlv.tlv(32, b"\x00\x01\xab"),
        )
    )


def test_a_call_of_a_switching_centre_states_its_seconds():
    event = one(record(call(), 0, tlv.BER_CIRCUIT), "3gpp-msc")
    assert event.quantities == {"s": 61}
    assert (event.started_at_ms, event.ended_at_ms) == (NOON + 5_000, NOON + 66_000)
    assert (event.origin, event.destination) == ("4930111", "4930222")
    assert event.record_id == "mo-call/4917000/0001ab/2026-03-01/2026-03-01/"
    unanswered = one(record(call(answered=None, seconds=0), 0, tlv.BER_CIRCUIT), "3gpp-msc")
    assert (unanswered.started_at_ms, unanswered.quantities) == (NOON, {"s": 0})


def session(
    *, method=b"INVITE", role=0, began=NOON + 5_250, ended=NOON + 9_000, called=(1, b"tel:+4930222")
):
    times = [(tag, ms) for tag, ms in ((10, began), (11, ended)) if ms is not None]
    return b"".join(
        (
            tlv.tlv(0, integer(63)),
            tlv.tlv(2, method),
            tlv.tlv(3, integer(role)),
            group(4, group(0, tlv.tlv(0, b"\x0a\0\0\1"))),
            group(6, tlv.tlv(0, b"sip:+49-30-111@ims.example;user=phone"), tlv.tlv(0, b"sip:x@y")),
            group(7, tlv.tlv(*called)),
            tlv.tlv(9, at(NOON)),
            *(tlv.tlv(tag, at(ms)) for tag, ms in times),
            tlv.tlv(19, b"icid-1;gw"),
            tlv.tlv(37, integer(0)),
            *(tlv.tlv(28 + tag, integer(ms % 1000)) for tag, ms in times),
        )
    )


def test_a_session_of_ims_lasts_from_delivery_to_its_end():
    event = one(record(session(), 63, tlv.BER_IMS), "3gpp-ims")
    assert event.quantities == {"s": Decimal("3.75")}
    assert (event.started_at_ms, event.ended_at_ms) == (NOON + 5_250, NOON + 9_000)
    assert (event.origin, event.destination, event.identifiers) == (
        "4930111",
        "4930222",
        ("4930111",),
    )
    assert event.record_id == "s-cscf/icid-1;gw/10.0.0.1/2026-03-01/"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"began": None, "ended": None}, {"s": 0}),
        ({"ended": None}, RefusalReason.MISSING_FIELD),
        ({"ended": NOON}, RefusalReason.NEGATIVE_QUANTITY),
        ({"method": b"MESSAGE"}, RefusalReason.INVALID_FIELD),
        ({"method": b"REGISTER"}, None),
        ({"role": 1}, None),
    ],
)
def test_sessions_that_are_no_whole_call(changes, expected):
    outcome = one(record(session(**changes), 63, tlv.BER_IMS), "3gpp-ims")
    if expected is None:
        assert isinstance(outcome, Ignored)
    elif isinstance(outcome, Refused):
        assert outcome.reason is expected
    else:
        assert outcome.quantities == expected


def test_an_sms_centre_gives_an_event_for_each_recipient():
    to = [
        sequence(tlv.tlv(1, number("4930222"))),
        sequence(group(2, tlv.tlv(0, integer(0)), tlv.tlv(1, b"4930333"))),
    ]
    contents = b"".join(
        (
            tlv.tlv(1, number("4917000")),
            group(2, tlv.tlv(0, digits("262021234567890")), tlv.tlv(1, number("4930111"))),
            group(3, *to),
            tlv.tlv(5, at()),
            tlv.tlv(6, b"\xff"),
            tlv.tlv(9, integer(140)),
        )
    )
    first, second = decoded(record(contents, 93, tlv.BER_SMS), "3gpp-smsc")
    assert (first.destination, second.destination) == ("4930222", "4930333")
    assert first.quantities == second.quantities == {"record": 1}
    assert first.record_id != second.record_id


def test_a_short_message_by_way_of_a_packet_node():
    contents = b"".join(
        (
            tlv.tlv(1, digits("262021234567890")),
            tlv.tlv(3, number("4930111")),
            tlv.tlv(6, number("4917000")),
            tlv.tlv(10, b"\x07"),
            tlv.tlv(11, at()),
            group(12, tlv.tlv(0, integer(21))),
            tlv.tlv(18, b"\x07\x91" + digits("4930222")),
        )
    )
    event = one(record(contents, 23), "3gpp-sgsn")
    assert (event.destination, event.attributes["result"]) == ("4930222", "21")


@pytest.mark.parametrize(
    ("convert", "octets", "expected"),
    [
        (cdr_values.integer, b"\x00\xff", 255),
        (cdr_values.integer, b"\xff", -1),
        (cdr_values.unsigned, b"\xff\xff\xff\xff", 4_294_967_295),
        (cdr_values.digits, b"\x21\x43", "1234"),
        (cdr_values.digits, b"\x21\xf3", "123"),
        (cdr_values.digits, b"\xf1\x32", None),
        (cdr_values.digits, b"", None),
        (cdr_values.number, b"\x91\x21\xf3", "123"),
        (cdr_values.number, b"\x11\x80\x21\xf3", "123"),
        (cdr_values.number, b"", None),
        (cdr_values.sms_number, b"\x03\x91\x21\xf3", "123"),
        (cdr_values.sms_number, b"\x05\xd0\xe8\x32\x9b", None),
        (cdr_values.sms_number, b"\x09\x91\x21\xf3", None),
        (cdr_values.instant, bytes.fromhex("2608011200002d0400"), 1_785_600_000_000),
        (cdr_values.instant, bytes.fromhex("2608011200002b0545"), 1_785_600_000_000 - 35_100_000),
        (cdr_values.instant, bytes.fromhex("2608011200002b1560"), None),
        (cdr_values.day, bytes.fromhex("2608012359592d0400"), "2026-08-01"),
        (cdr_values.network, b"\x62\xf2\x20", "26202"),
        (cdr_values.network, b"\x13\x00\x14", "310410"),
        (cdr_values.network, b"\x13\x00", None),
        (cdr_values.address, b"\x80\x04\x0a\x00\x00\x01", "10.0.0.1"),
        (cdr_values.address, b"\x81\x10" + bytes(15) + b"\x01", "::1"),
        (cdr_values.address, b"\x82\x0810.0.0.1", "10.0.0.1"),
        (cdr_values.address, b"\x83\x03::1", "::1"),
        (cdr_values.address, b"\x82\x03abc", None),
        (cdr_values.node, b"\x81\x03abc", "abc"),
        (cdr_values.uri, b"tel:+49-30.1;ext=2", "49301"),
        (cdr_values.uri, b"sip:alice@example.com:5060;transport=tcp", "alice@example.com:5060"),
        (cdr_values.uri, b"4930111", "4930111"),
        (cdr_values.uri, b"", None),
        (cdr_values.hexadecimal, b"\x0a", "0a"),
    ],
)
def test_values(convert, octets, expected):
    assert convert(octets) == expected


def test_tags_are_what_they_are_in_the_bytes():
    assert [ber.tag_of(number, constructed=False) for number in (0, 30, 31, 127, 128, 200)] == [
        0x80,
        0x9E,
        0x9F1F,
        0x9F7F,
        0x9F8100,
        0x9F8148,
    ]
    for number_ in (0, 30, 31, 79, 128, 16_384):
        assert ber.number_of(ber.tag_of(number_, constructed=True)) == number_


# The file's own header.


def of_header(data, *, records, size):
    headers = {
        "content_type": raw.CDR_FILE_HEADER.encode(),
        "cdr_file_records": str(records).encode(),
        "cdr_file_bytes": str(size).encode(),
    }
    ((_, _, outcome),) = PGW.decode(data[: tlv.HEADER_BYTES], headers)
    return outcome


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({}, None),
        ({"closure": 5}, None),
        ({"count": 3}, "3 records stated, 2 found"),
        ({"count": 0xFFFFFFFF}, "its writer did not close it"),
        ({"size": 1}, "bytes stated"),
        ({"lost": 3}, "3 records or more"),
        ({"lost": 0x83}, "its writer lost 3 records"),
        ({"lost": 0x80}, "nobody knows how many"),
        ({"lost": 0xFF}, "127 records or more"),
        ({"closure": 130}, "storage of the file system was full"),
        ({"closure": 77}, "unknown closure reason 77"),
    ],
)
def test_what_a_file_states_is_compared_with_what_is_there(header, words):
    data = file_of(record(pgw()), record(pgw(charging_id=78)), **header)
    outcome = of_header(data, records=2, size=len(data))
    if words is None:
        assert isinstance(outcome, Ignored)
    else:
        assert outcome.reason is RefusalReason.FILE_INCOMPLETE
        assert words in outcome.detail


# Mappings.

SMALL = """\
kind: 3gpp-cdr
name: small
version: 1
records:
  pgw:
    tag: 79
    fields:
      id: {tag: 5, is: unsigned}
      opened: {tag: 13, is: time}
      cause: {tag: 15, is: integer}
    list:
      tag: 34
      by: [rg]
      fields:
        rg: {tag: 1, is: integer}
        up: {tag: 12, is: integer}
        first: {tag: 5, is: time}
    started_at: [first, opened]
    identity: [id]
    identifiers: [id]
    product: data
    quantities: {B: up}
"""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("quantities: {B: up}", "quantities: {B: upp}"), (22, "records.pgw.quantities.B")),
        (("quantities: {B: up}", "quantities: {B: cause}"), (22, "records.pgw.quantities.B")),
        (("quantities: {B: up}", "quantities: {B: first}"), (22, "records.pgw.quantities.B")),
        (("quantities: {B: up}", "quantities: {}"), (22, "records.pgw.quantities")),
        (("B: up", "B: {sum: [up], constant: '1'}"), (22, "records.pgw.quantities.B")),
        (("B: up", "B: {from: first, to: opened}"), (22, "records.pgw.quantities.B")),
        (("is: unsigned", "is: number9"), (8, "records.pgw.fields.id.is")),
        (("tag: 5, is: unsigned", "tag: a5, is: unsigned"), (8, "records.pgw.fields.id.tag")),
        (("tag: 5, is: unsigned", "tag: 13.1, is: unsigned"), (6, "records.pgw")),
        (("tag: 5, is: unsigned", "tag: 34, is: unsigned"), (6, "records.pgw")),
        (("by: [rg]", "by: [id]"), (13, "records.pgw.list.by")),
        (("identity: [id]", "identity: [rg]"), (19, "records.pgw.identity")),
        (("identity: [id]", "identity: []"), (19, "records.pgw.identity")),
        (("started_at: [first, opened]", "started_at: [id]"), (18, "records.pgw.started_at[0]")),
        (("product: data", "product: data\n    ended_at: [first]"), (22, "records.pgw.ended_at")),
        (("product: data", "product: data\n    atttributes: {}"), (22, "records.pgw.atttributes")),
        (
            ("product: data", "product: data\n    ignore: {rg: ['1']}"),
            (22, "records.pgw.ignore.rg"),
        ),
        (("    identity: [id]\n", ""), (6, "records.pgw")),
        (
            ("product: data", "product: data\n    identity_needs: [cause]"),
            (22, "records.pgw.identity_needs"),
        ),
        (("version: 1", "version: 1\nignore: [x]"), (4, "ignore[0]")),
    ],
)
def test_a_mapping_that_cannot_be_used_says_where(change, expected):
    load_decoder(SMALL, "small.yaml")
    text = SMALL.replace(*change, 1)
    assert text != SMALL
    with pytest.raises(InvalidMapping) as caught:
        load_decoder(text, "small.yaml")
    assert expected in [(problem.line, problem.field) for problem in caught.value.problems], str(
        caught.value
    )


def test_a_record_that_lacks_what_tells_it_from_others_is_refused():
    text = SMALL.replace("identity: [id]", "identity: [id, cause]\n    identity_needs: [cause]")
    for more, is_refused in ((b"", True), (tlv.tlv(15, integer(0)), False)):
        contents = tlv.tlv(5, integer(77)) + tlv.tlv(13, at()) + more
        contents += group(34, container(Used(1, 7, 7)))
        ((_, _, item),) = load_decoder(text, "small.yaml").decode(record(contents), BLOCK)
        assert isinstance(item, Refused) is is_refused, item
        if is_refused:
            assert item.reason is RefusalReason.MISSING_FIELD
            assert item.detail.startswith("cause is missing")


def test_a_record_that_stands_for_another_is_extended_whole():
    mine = "extends: 3gpp-ims\nname: mine\nversion: 1\nignore: [64]\n"
    decoder = load_decoder(mine, "mine.yaml", extends=TEXTS)
    ((_, _, event),) = decoder.decode(record(session(), 63, tlv.BER_IMS), BLOCK)
    assert isinstance(event, DecodedItem)
    ((_, _, other),) = decoder.decode(record(b"", 65, tlv.BER_IMS), BLOCK)
    assert isinstance(other, Refused)
