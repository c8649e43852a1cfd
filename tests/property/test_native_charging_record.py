"""Laws of what is compiled in `native/charging_record.pyx`: it gives what its Python twin gives."""

import datetime as dt
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import charging_files
from mediation.decode import cdr_values, ordinary_record
from mediation.decode.cdr import CdrDecoder
from mediation.decode.item import DecodedItem, Ignored
from mediation.decode.mapping import load_decoder
from schemas import raw
from sources.generate import tlv
from sources.generate.draw import Draw
from tests.any_charging_record import AnyRecord
from tests.charging_records import NOON, Used, at, container, pgw, record
from tests.mediation_world import MAPPINGS

pytestmark = pytest.mark.skipif(
    ordinary_record._native is None, reason="nothing is compiled: no C compiler was there"
)

HEADERS = {raw.CONTENT_TYPE: raw.CDRS.encode(), raw.FIRST_BYTE: b"54"}

EVERYTHING = """\
kind: 3gpp-cdr
name: everything
version: 1
ignore: [7, 300]
records:
  every-kind:
    tag: 100
    fields:
      deep: {tag: 60.1.2.3, is: digits}
      beside: {tag: 60.1.2.4, is: integer}
      big: {tag: 1000000, is: unsigned}
      began: {tag: 1, is: time, milliseconds: 2}
      again: {tag: 1, is: time}
      began_on: {tag: 1, is: day}
      ended: {tag: 3, is: time, milliseconds: 60.2}
      word: {tag: 4, is: text}
      other: {tag: 5, is: text}
      who: {tag: 6, is: uri}
      where: {tag: 7, is: address}
      at_node: {tag: 8, is: node}
      code: {tag: 9, is: hex}
      net: {tag: 10, is: network}
      called: {tag: 11, is: number}
      texted: {tag: 12, is: sms_number}
      count: {tag: 13, is: integer}
    started_at: [began, ended]
    ended_at: [ended]
    identity: [word, deep, big, began_on, code, who]
    identifiers: [called, deep, word]
    product: {field: word, table: {INVITE: voice, None: nothing, "1": one}, otherwise: data}
    quantities:
      s: {from: began, to: ended}
      min: {from: began, to: ended, multiply_by: "0.001", optional: yes}
      n: {sum: [count, beside], multiply_by: "1.5", optional: yes}
      c: {sum: [count], optional: yes}
      m: {constant: "2.50"}
    origin: {field: [word, who], remove: ["-", " ", "é"], strip: ["00", "a", "ü"]}
    destination: {field: [other, called, count], strip: ["+", "00"], number: no}
    service_class: {field: [where, at_node], remove: ["."]}
    attributes: {net: net, count: count, texted: texted, again: again, node: at_node}
    ignore:
      other: [None, INVITE]
      beside: ["1"]
  listed:
    tag: 101
    fields:
      id: {tag: 1, is: hex}
      opened: {tag: 2, is: time}
    list:
      tag: 9.3
      by: [group, name]
      fields:
        group: {tag: 1, is: integer}
        name: {tag: 2.1, is: uri}
        first: {tag: 3, is: time, milliseconds: 8}
        last: {tag: 4, is: time}
        up: {tag: 5, is: integer}
        down: {tag: 6, is: integer}
        note: {tag: 7, is: text}
    started_at: [first, opened]
    ended_at: [last]
    identity: [id]
    identifiers: [note, id, name]
    product: data
    quantities: {kB: {sum: [up, down], multiply_by: "0.001"}, B: up, D: {sum: [down], optional: yes}}
    destination: [name, group]
    attributes: {note: note, up: up}
  whole:
    tag: 102
    fields:
      id: {tag: 1, is: hex}
      opened: {tag: 2, is: time}
    list:
      tag: 3
      fields:
        count: {tag: 1, is: integer}
        kept: {tag: 2, is: integer}
    started_at: [opened]
    identity: [id]
    identifiers: [id]
    product: {field: kept, table: {"0": z, "1": a, "2": b}}
    quantities: {x: count}
    attributes: {kept: kept}
"""
DECODERS = {name: each for name, each in MAPPINGS.items() if isinstance(each, CdrDecoder)} | {
    "everything": load_decoder(EVERYTHING, "everything.yaml")
}
RULES = [(name, rule._rule) for name, each in DECODERS.items() for rule in each._rules.values()]
rules = pytest.mark.parametrize(
    ("name", "rule"), RULES, ids=[f"{name}-{rule.name}" for name, rule in RULES]
)
seeds = st.integers(0, 2**32)


def compare(name, value):
    """Hold a block's items to those of the twin; return them."""
    decoder = DECODERS[name]
    made = list(decoder.each(value, HEADERS))
    twin = list(decoder.records_in_python(value, HEADERS))
    assert made == twin
    # Equal decimals may have other digits: 12 and 12.0. Equal attributes, another order.
    assert list(map(repr, made)) == list(map(repr, twin))
    return made


@rules
@given(seeds)
def test_records_are_those_of_the_twin(name, rule, seed):
    some = AnyRecord(seed)
    compare(name, b"".join(some.record(rule) for _ in range(40)))


@rules
@given(seeds)
def test_damaged_records_are_those_of_the_twin(name, rule, seed):
    some = AnyRecord(seed, oddity=0.001)
    for _ in range(25):
        compare(name, some.damaged(some.record(rule)) + some.record(rule))


@rules
def test_most_records_of_every_rule_are_ordinary(name, rule, monkeypatch):
    """Else the laws above would compare the twin with itself."""
    decoder, some = DECODERS[name], AnyRecord(7, oddity=0)
    value = b"".join(some.record(rule) for _ in range(300))
    in_full, by_twin = decoder._in_full, []

    def counted(*given):
        end, outcomes = in_full(*given)
        by_twin.append(type(outcomes[0]) in (DecodedItem, Ignored))
        return end, outcomes

    monkeypatch.setattr(decoder, "_in_full", counted)
    assert len(list(decoder.each(value, HEADERS))) >= 300
    compiled = 300 - len(by_twin)
    assert compiled >= 50
    assert by_twin.count(True) <= 0.05 * compiled, "those that the twin does not refuse"


@pytest.mark.parametrize("kind", charging_files.KINDS, ids=lambda kind: kind[0])
def test_records_of_a_benchmark_are_all_ordinary(kind):
    _, name, make = kind
    draw = Draw(3, name)
    value = b"".join(make(draw, number) for number in range(200))
    compare(name, value)

    def in_full(*given):
        raise AssertionError("a record was not ordinary")

    assert len(list(DECODERS[name]._each_ordinary(value, HEADERS, in_full))) >= 200


def one_of_each():
    yield "3gpp-pgw", record(pgw(Used(5, 1, 2, first=NOON, last=NOON + 1), Used(6, 1, 2), part=2))
    for name, rule in RULES:
        yield f"{name}", AnyRecord(11, oddity=0).record(rule)


@pytest.mark.parametrize(("name", "whole"), list(one_of_each()))
def test_every_octet_changed_and_every_length_cut(name, whole):
    draw = random.Random(5)
    for place in range(len(whole)):
        values = {whole[place] ^ 1 << bit for bit in range(8)} | {0, 0x7F, 0x80, 0x81, 0x84, 0xFF}
        for octet in values | {draw.randrange(256)}:
            compare(name, whole[:place] + bytes([octet]) + whole[place + 1 :])
        compare(name, whole[:place])
        compare(name, whole[:place] + whole)


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=200), st.booleans())
def test_bytes_that_are_no_record(name, body, with_header):
    value = len(body).to_bytes(2, "big") + b"\xe2\x27\x08" + body if with_header else body
    compare(name, value)


@pytest.mark.parametrize("levels", [1, 30, 31, 32, 33, 34, 35, 36, 200])
@pytest.mark.parametrize("ends", [True, False])
def test_values_that_lie_deep_in_each_other(levels, ends):
    nested = b"\xbf\x50\x80" * levels + (b"\0\0" * levels if ends else b"")
    for made in (record(pgw(more=nested)), record(pgw(more=tlv.group(9, nested)))):
        compare("3gpp-pgw", made)
    whole = b"\xbf\x4f\x80" + pgw(Used(1, 1, 1)) + nested + b"\0\0"
    compare("3gpp-pgw", tlv.with_header(whole, tlv.BER_PACKET))


@pytest.mark.parametrize("groups", [0, 1, 63, 64, 65, 200])
def test_as_many_groups_as_there_are(groups):
    members = [Used(each, each, 2) for each in range(groups)]
    items = compare("3gpp-pgw", record(pgw(*members, *reversed(members))))
    assert len(items) == max(groups, 1)


@pytest.mark.parametrize(
    "count", [0, 1, 127, 128, 2**31, 2**53, 10**18, 10**18 + 1, 2**63 - 1, 2**64]
)
def test_counts_up_to_what_fits_and_beyond(count):
    compare("3gpp-pgw", record(pgw(Used(1, count, 0))))
    compare("3gpp-pgw", record(pgw(Used(1, count, count), Used(1, count, 1))))


@pytest.mark.parametrize("ms", [0, 1, 10, 100, 999, 120, 305, 50, 900])
def test_milliseconds_of_a_session(ms):
    some = AnyRecord(1, oddity=0)
    times = [tlv.tlv(10, at()), tlv.tlv(11, at(NOON + 61_000)), tlv.tlv(39, tlv.integer(ms))]
    contents = b"".join(
        [tlv.tlv(2, b"INVITE"), tlv.tlv(19, b"icid"), tlv.group(6, tlv.tlv(1, b"tel:+49")), *times]
    )
    ((_, _, item),) = compare("3gpp-ims", record(contents, tag=63))
    assert isinstance(item, DecodedItem), some


@pytest.mark.parametrize(("count", "beside"), [(7, -1), (-1, 7), (0, 0), (5, 3)])
def test_counts_of_a_record_below_zero(count, beside):
    inner = tlv.group(60, tlv.group(1, tlv.group(2, tlv.tlv(4, tlv.integer(beside)))))
    fields = [tlv.tlv(1, at()), tlv.tlv(3, at()), tlv.tlv(4, b"00ab"), tlv.tlv(5, b"x")]
    fields += [tlv.tlv(13, tlv.integer(count)), inner]
    ((_, _, item),) = compare("everything", record(b"".join(fields), tag=100))
    assert isinstance(item, DecodedItem) == (count >= 0 and beside >= 0)


def test_every_day_of_its_century():
    """The calendar here is of no library."""
    day, octets = dt.date(1999, 12, 31), []
    while day < dt.date(2100, 1, 2):
        octets.append(bytes.fromhex(f"{day.year % 100:02}{day.month:02}{day.day:02}235959"))
        day += dt.timedelta(1)
    octets += [
        bytes([y, m, d, 0, 0, 0]) for y in (0, 1, 0x96) for m in range(33) for d in range(64)
    ]
    made = []
    for each in octets:
        value = each + b"-\x05\x45"
        made.append(record(pgw(Used(1, 1, 1)).replace(at(), value)))
    items = compare("3gpp-pgw", b"".join(made))
    read = [item.started_at_ms for _, _, item in items if isinstance(item, DecodedItem)]
    assert len(read) > 36_500
    assert set(read) <= {cdr_values.instant(each + b"-\x05\x45") for each in octets}


@pytest.mark.parametrize("place", range(9))
def test_every_octet_of_a_time(place):
    whole = record(pgw(Used(1, 1, 1)))
    begin = whole.index(at()) + place
    for octet in range(256):
        compare("3gpp-pgw", whole[:begin] + bytes([octet]) + whole[begin + 1 :])


def test_a_member_that_is_no_sequence():
    for tag in (b"\x31", b"\x10", b"\xa0"):
        listed = container(Used(1, 1, 1))
        compare("3gpp-pgw", record(pgw(more=tlv.group(34, listed, tag + listed[1:]))))


def test_a_block_read_twice_at_once_gives_each_its_own():
    decoder = DECODERS["3gpp-pgw"]
    blocks = [
        b"".join(record(pgw(Used(each, each, 1), charging_id=first + each)) for each in range(20))
        for first in (100, 200)
    ]
    both = [decoder.each(block, HEADERS) for block in blocks]
    items = list(zip(*both, strict=True))
    for at_once, block in zip(zip(*items, strict=True), blocks, strict=True):
        assert list(at_once) == list(decoder.records_in_python(block, HEADERS))


def test_an_empty_block():
    assert compare("3gpp-pgw", b"") == [(0, b"", Ignored("a block without records"))]


def test_no_value_is_no_crash():
    """A record without a value comes to no decoder; here it must not be read as bytes."""
    for each in (DECODERS["3gpp-pgw"].each, DECODERS["3gpp-pgw"].records_in_python):
        with pytest.raises(TypeError):
            list(each(None, HEADERS))
