"""Laws of `native/batch_reading.pyx`: a consumer gives by it what it gives by aiokafka's reader."""

import struct
from types import SimpleNamespace
from unittest import mock

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    FetchResult,
    PartitionRecords,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline import source_consumer, whole_batches
from pipeline.source_consumer import give_source_records
from schemas.flow import SourceRecord

needs_compiled = pytest.mark.skipif(
    whole_batches._native is None, reason="nothing is compiled: no C compiler was there"
)

PLACE = TopicPartition("raw", 3)
NOON_MS = 1_790_000_000_000
ATTRIBUTES, CRC, RECORDS = 21, 17, 61
APPEND_TIME, CONTROL = 0x08, 0x20


def batch(records, *, base=0, transactional=False, producer=-1, codec=0, attributes=0, damage=None):
    """The bytes of a batch as a broker gives it. ``damage``: (place behind the header, other byte)."""
    builder = BatchBuilder(1 << 20, codec, is_transactional=transactional)
    for later_ms, key, value, headers in records:
        builder.append(timestamp=NOON_MS + later_ms, key=key, value=value, headers=list(headers))
    builder._set_producer_state(producer, 0, 0)
    data = bytearray(builder._build())
    struct.pack_into(">q", data, 0, base)
    data[ATTRIBUTES + 1] |= attributes
    if damage is not None:
        at, byte = damage
        data[RECORDS + at % (len(data) - RECORDS)] = byte
    return signed(data)


def signed(data):
    struct.pack_into(">I", data, CRC, calc_crc32c(data[ATTRIBUTES:]))
    return bytes(data)


def abort_marker(base, producer):
    key = struct.pack(">hh", 0, 0)
    return batch(
        [(0, key, b"\0" * 6, ())],
        base=base,
        transactional=True,
        producer=producer,
        attributes=CONTROL,
    )


def given_of(data, *, compiled, fetch_offset=0, takes=(500,), aborted=(), isolation=READ_COMMITTED):
    """What a consumer is given in turn, its position after each, and the error that ended it."""
    position = SimpleNamespace(paused=False, position=fetch_offset)
    position.consumed_to = lambda offset: setattr(position, "position", offset)
    assignment = SimpleNamespace(active=True, state_value=lambda _: position)
    records = PartitionRecords(
        PLACE, MemoryRecords(data), list(aborted), fetch_offset, None, None, True, isolation
    )
    with mock.patch.object(whole_batches, "_native", compiled):
        give_source_records(records)
        whole = type(records) is source_consumer._BatchwiseRecords
        assert whole == (compiled is not None)
        result = FetchResult(PLACE, assignment=assignment, partition_records=records, backoff=0)
        found = []
        try:
            for most in [*takes, None]:
                if not result.has_more():
                    break
                one = most == 0
                taken = result.getone() if one else result.getall(most)
                found.append((taken, position.position))
        except Exception as error:
            return found, position.position, type(error), str(error)
    return found, position.position, None, ""


def both(data, **how):
    compiled = given_of(data, compiled=whole_batches._native, **how)
    twin = given_of(data, compiled=None, **how)
    assert compiled == twin
    return compiled


NAMES = st.sampled_from(["", "kind", "Größe", "x" * 70])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=9)), max_size=3).map(tuple)
RECORDS_IN = st.lists(
    st.tuples(
        st.integers(-5, 200) | st.just(-NOON_MS - 1),
        st.none() | st.binary(max_size=9) | st.just(b"k" * 100),
        st.none() | st.binary(max_size=9) | st.just(b"v" * 9_000),
        st.sampled_from([(), (("kind", b"usage"),)]) | HEADERS,
    ),
    min_size=1,
    max_size=12,
)
BATCHES = st.lists(
    st.tuples(
        RECORDS_IN,
        st.integers(0, 3),  # offsets that are missing before it
        st.sampled_from([-1, 1, 2]),  # its producer
        st.booleans(),  # whether the broker's time counts
        st.sampled_from([0, 0, 0, 0, 1, 4]),  # codec
        st.booleans(),  # whether its transaction is aborted behind it
    ),
    min_size=1,
    max_size=5,
)
TAKES = st.lists(st.integers(0, 15), max_size=8)


def stream(described):
    """The bytes of batches one behind the other, and what a broker says of aborted transactions."""
    data, offset, aborted = b"", 5, []
    for records, missing, producer, by_broker, codec, aborts in described:
        offset += missing
        data += batch(
            records,
            base=offset,
            transactional=producer > 0,
            producer=producer,
            codec=codec,
            attributes=APPEND_TIME if by_broker else 0,
        )
        if aborts and producer > 0:
            aborted.append((producer, offset))
        offset += len(records)
        if aborts and producer > 0:
            data += abort_marker(offset, producer)
            offset += 1
    return data, offset, aborted


@needs_compiled
@given(BATCHES, TAKES, st.integers(0, 30), st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]))
def test_records_and_positions_are_those_of_aiokafka(described, takes, start, isolation):
    data, _, aborted = stream(described)
    found, _, error, _ = both(
        data, takes=takes, fetch_offset=start, aborted=aborted, isolation=isolation
    )
    assert error is None
    for taken, _ in found:
        for record in taken if type(taken) is list else [taken]:
            assert record is None or type(record) is SourceRecord


@needs_compiled
@given(BATCHES, st.data())
def test_an_answer_that_is_cut_off_gives_what_is_whole(described, data):
    whole, _, aborted = stream(described)
    both(whole[: data.draw(st.integers(0, len(whole)))], aborted=aborted)


@needs_compiled
@given(
    RECORDS_IN, RECORDS_IN, st.integers(0, 300), st.sampled_from([0, 1, 2, 3, 64, 127, 200, 255])
)
def test_what_is_not_as_it_should_be_is_said_of_the_same_record(before, records, at, byte):
    """The check sum is right; whoever wrote it wrote nonsense."""
    damaged = batch(records, base=len(before), damage=(at, byte))
    assume(not any(len(value or b"") > 9 for _, _, value, _ in records))
    both(batch(before) + damaged, takes=[1] * 30)


@needs_compiled
def test_records_before_a_header_that_cannot_be_read_are_given():
    data = bytearray(batch([(0, None, b"%d" % n, (("name", b""),)) for n in range(4)]))
    data[data.rindex(b"name")] = 0xFF
    found, position, error, _ = both(signed(data), takes=[1] * 9)
    assert [taken[0].value for taken, _ in found] == [b"0", b"1", b"2"]
    assert (position, error) == (3, UnicodeDecodeError)


@needs_compiled
def test_what_was_changed_on_the_way_is_not_given():
    data = bytearray(batch([(0, b"key", b"value", ())]))
    data[-3] ^= 1
    found, position, error, _ = both(bytes(data))
    assert (found, position, error.__name__) == ([], 0, "CorruptRecordException")


PLAIN = batch([(0, None, b"%d" % n, ()) for n in range(3)])
FIRST_DELTA, FIRST_VALUE, FIRST_HEADERS, COUNT = RECORDS + 3, RECORDS + 5, RECORDS + 7, 57


@needs_compiled
@pytest.mark.parametrize(
    ("place", "byte", "given"),
    [
        (COUNT + 3, 2, [b"0", b"1"]),  # fewer records than there are
        (COUNT + 3, 4, [b"0", b"1", b"2"]),  # more
        (COUNT, 0xFF, []),  # below zero
        (FIRST_DELTA, 2 << 1, [b"0"]),  # the last offset first: the others are behind it
        (FIRST_VALUE, 3 << 1, []),  # a value that ends in the next record, by a byte
        (FIRST_HEADERS, 1, []),  # fewer headers than none
        (ATTRIBUTES + 1, 1, []),  # compressed, it says
        (ATTRIBUTES + 1, 4, []),  # in the newest way
        (16, 3, [b"0", b"1", b"2"]),  # of a version that nobody knows yet
    ],
)
def test_a_batch_that_contradicts_itself_is_left_to_aiokafka(place, byte, given):
    data = bytearray(PLAIN)
    data[place] = byte
    found, _, _, _ = both(signed(data), takes=[1] * 5)
    assert [each.value for taken, _ in found for each in taken] == given


@needs_compiled
@pytest.mark.parametrize("place", range(5))
def test_a_size_of_more_than_there_is_leads_nowhere(place):
    """Of the record, its key, its value, a header's name, or its value: nothing is read there."""
    far = b"\x80" * 7 + b"\x01"  # 2 ** 48
    size, key, value, name, header = (far if at == place else b"\x02" for at in range(5))
    body = b"\0\0\0" + key + b"k" + value + b"v" + b"\x02" + name + b"n" + header + b"h"
    if place:
        size = bytes([len(body) << 1])
    data = bytearray(batch([(0, None, b"", ())])[:RECORDS] + size + body)
    struct.pack_into(">i", data, 8, len(data) - 12)
    found, position, error, _ = both(signed(data), takes=[1])
    assert (found, position, error.__name__) == ([], 0, "CorruptRecordException")


@needs_compiled
@pytest.mark.parametrize(("size", "given"), [(1, [b"0"]), (10, [b"0"]), (11, [])])
def test_a_number_longer_than_any_is_left_to_aiokafka(size, given):
    """Its value fits; it has as many bytes as a number can have, or one more."""
    one = batch([(0, None, b"0", ())])
    attributes = b"\x80" * (size - 1) + b"\0"
    body = attributes + one[RECORDS + 2 :]
    data = bytearray(one[:RECORDS] + bytes([len(body) << 1]) + body)
    struct.pack_into(">i", data, 8, len(data) - 12)
    found, _, _, _ = both(signed(data), takes=[1] * 2)
    assert [each.value for taken, _ in found for each in taken] == given


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("compiled", [whole_batches._native, None], ids=["compiled", "python"])
def test_batches_that_others_have_compressed_are_read(codec, compiled):
    """Whatever they were compressed by: the raw topics take what their producers choose."""
    codes = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
    records = [(at, b"key", b"value %d" % at, ()) for at in range(200)]
    data = batch(records, codec=codes[codec])
    assert len(data) < 2_000, "it is compressed"
    found, _, error, _ = given_of(data, compiled=compiled)
    assert error is None
    assert [each.value for taken, _ in found for each in taken] == [
        value for _, _, value, _ in records
    ]


@needs_compiled
def test_bytes_that_are_of_another_batch_are_not_taken_for_its_own():
    """As they would be if aiokafka said in another way how far an answer was read."""
    first = batch([(0, b"key", b"first", ())])
    second = batch([(0, b"key", b"second", ())], base=1)
    batches = MemoryRecords(first + second)
    whole = whole_batches.WholeBatches(batches, first + second, len(first), PLACE.partition)
    (one,) = whole.next_batch()
    assert one.value == b"first"


@needs_compiled
def test_headers_that_are_the_same_are_the_same_tuple():
    headers = (("kind", b"usage"), ("n", None))
    data = batch([(0, None, b"1", headers), (0, None, b"2", headers), (0, None, b"3", ())])
    (((first, second, third), _), *_), *_ = both(data)
    assert first.headers == headers
    assert first.headers is second.headers
    assert third.headers == ()


@needs_compiled
@given(st.binary(max_size=200), st.integers(0, 9))
def test_the_check_sum_is_that_of_aiokafka(data, times):
    data *= times
    assert whole_batches._native.crc_by_table(data) == calc_crc32c(data)
    framed = bytearray(RECORDS) + data
    struct.pack_into(">I", framed, CRC, calc_crc32c(framed[ATTRIBUTES:]))
    assert whole_batches._native.has_its_crc(bytes(framed), 0, len(framed))
    framed[CRC] ^= 1
    assert not whole_batches._native.has_its_crc(bytes(framed), 0, len(framed))
