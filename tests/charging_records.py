"""Charging records and their files, written by hand for the tests of their reader."""

import datetime as dt
from collections import namedtuple

from sources.generate import tlv
from sources.generate.tlv import digits, group, integer, number, sequence, timestamp

NOON = 1_772_366_400_000  # 2026-03-01T12:00:00Z
DAY = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SERVICE, GATEWAY = b"\x0a\x63\x00\x0b", b"\x0a\x63\x00\x0a"

Used = namedtuple("Used", "group up down first last", defaults=(None, None))


def at(ms=NOON, offset=60):
    return timestamp(ms, offset)


def container(used, *, opened=NOON):
    times = [(5, used.first), (6, used.last)]
    return sequence(
        tlv.tlv(1, integer(used.group)),
        *(tlv.tlv(tag, at(ms)) for tag, ms in times if ms is not None),
        tlv.tlv(8, b"\x07\x00\x00\x00\x80"),
        *(
            tlv.tlv(tag, integer(count))
            for tag, count in ((12, used.up), (13, used.down))
            if count is not None
        ),
        tlv.tlv(14, at(opened)),
    )


def pgw(
    *used,
    imsi="262021234567890",
    msisdn="37255501",
    charging_id=77,
    opened=NOON,
    part=None,
    cause=0,
    more=b"",
):
    """The contents of a PGW record; `record` makes it one."""
    return b"".join(
        (
            tlv.tlv(0, integer(85)),
            tlv.tlv(3, digits(imsi)),
            group(4, tlv.tlv(0, GATEWAY)),
            tlv.tlv(5, integer(charging_id)),
            group(6, tlv.tlv(0, SERVICE)),
            tlv.tlv(7, b"internet"),
            tlv.tlv(13, at(opened)),
            tlv.tlv(14, integer(300)),
            tlv.tlv(15, integer(cause)),
            b"" if part is None else tlv.tlv(17, integer(part)),
            tlv.tlv(22, number(msisdn)),
            tlv.tlv(23, b"\x08\x00"),
            tlv.tlv(27, b"\x62\xf2\x20"),
            tlv.tlv(30, integer(6)),
            group(34, *(container(each) for each in used)) if used else b"",
            group(35, b"\x0a\x01\x02"),
            more,
        )
    )


def record(contents, tag=79, document=tlv.BER_PACKET):
    return tlv.with_header(group(tag, contents), document)


def file_of(*records, count=None, size=None, **header):
    """A file of records; ``count`` and ``size`` where its header lies about them."""
    body = b"".join(records)
    head = tlv.file_header(
        records=len(records) if count is None else count,
        record_bytes=len(body) if size is None else size,
        opened=DAY,
        closed=DAY,
        node=GATEWAY,
        **{"sequence_number": 8} | header,
    )
    return head + body
