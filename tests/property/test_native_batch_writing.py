"""Laws of `native/batch_writing.pyx`: its batches are those of aiokafka's builder, byte for byte."""

from types import SimpleNamespace
from unittest import mock

import pytest
from aiokafka import TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import record_batches
from pipeline.record_batches import batches
from schemas.flow import Append, Channel

needs_compiled = pytest.mark.skipif(
    record_batches._native is None, reason="nothing is compiled: no C compiler was there"
)

AT_MS = 1_790_000_000_000
GZIP = 1


class StampedBuilder(BatchBuilder):
    """aiokafka's builder at a known time."""

    def append(self, *, timestamp, key, value, headers):
        assert timestamp is None
        return super().append(timestamp=AT_MS, key=key, value=value, headers=headers)


class Producer:
    """What the making of batches asks a producer."""

    def __init__(self, builder, batch_bytes, *, transactional=True, compression=0, serializer=None):
        self._message_accumulator = SimpleNamespace(
            _batch_size=batch_bytes, _compression_type=compression
        )
        self._txn_manager = SimpleNamespace(transactional_id="t" if transactional else None)
        self._make = lambda: builder(
            batch_bytes, compression, is_transactional=transactional, value_serializer=serializer
        )

    def create_batch(self):
        return self._make()


def sent(producer, records, state):
    """What a sender makes of the batches, and how many records each has."""
    with mock.patch.object(record_batches, "epoch_ms", return_value=AT_MS):
        return [
            (bytes(sent_batch(batch, state)), count, type(batch))
            for batch, count in batches(producer, records)
        ]


def sent_batch(batch, state):
    """The bytes of a batch, with all that aiokafka asks it for on the way."""
    assert batch.closed()
    size = batch.size()
    if state is not None:
        batch._set_producer_state(*state)
    data = batch._build()
    assert batch._build() is data, "once more, where it is sent once more"
    assert batch.size() == size == len(data)
    assert batch.append(timestamp=None, key=b"", value=b"", headers=[]) is None
    return data


NAMES = st.sampled_from(["", "kind", "tenant", "Größe", "\U0001f600", "x" * 70])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=80)), max_size=3).map(tuple)
VALUES = st.binary(max_size=20) | st.sampled_from([b"x" * 63, b"x" * 64, b"y" * 8191, b"z" * 9000])
APPENDS = st.builds(
    Append,
    st.just(Channel.LEDGER),
    st.just(1),
    st.none() | VALUES,
    VALUES | st.none(),
    st.sampled_from([(), (("kind", b"charge"),)]) | HEADERS,
)
STATES = st.none() | st.tuples(
    st.integers(-1, 2**63 - 1), st.integers(-1, 2**15 - 1), st.integers(0, 2**31 - 1)
)
SIZES = st.sampled_from([1, 61, 100, 200, 8_500, 20_000, 1_000_000])


@needs_compiled
@given(st.lists(APPENDS, min_size=1, max_size=90), SIZES, STATES, st.booleans())
def test_batches_are_those_of_aiokafka(records, batch_bytes, state, transactional):
    compiled = sent(
        Producer(BatchBuilder, batch_bytes, transactional=transactional), records, state
    )
    twin = sent(Producer(StampedBuilder, batch_bytes, transactional=transactional), records, state)
    assert [each[:2] for each in compiled] == [each[:2] for each in twin]
    assert {kind for _, _, kind in compiled} == {record_batches._Filled}
    assert {kind for _, _, kind in twin} == {StampedBuilder}
    assert sum(count for _, count, _ in compiled) == len(records)
    read = MemoryRecords(b"".join(data for data, _, _ in compiled))
    found = []
    while read.has_next():
        batch = read.next_batch()
        assert batch.validate_crc()
        found += [(each.key, each.value, tuple(each.headers)) for each in batch]
    assert found == [(each.key, each.value, each.headers) for each in records]


@needs_compiled
@given(st.lists(st.integers(0, 400), min_size=2, max_size=40), st.integers(62, 700))
def test_what_fits_is_what_fits_there(sizes, batch_bytes):
    """To the byte: where the last record ends just before the end, at it, or behind it."""
    records = [Append(Channel.LEDGER, 0, None, b"v" * size, ()) for size in sizes]
    compiled = sent(Producer(BatchBuilder, batch_bytes), records, None)
    twin = sent(Producer(StampedBuilder, batch_bytes), records, None)
    assert [each[:2] for each in compiled] == [each[:2] for each in twin]


class Text(str):
    """A str, to most."""


LEFT = [
    Append(Channel.LEDGER, 0, bytearray(b"k"), b"v", ()),
    Append(Channel.LEDGER, 0, None, memoryview(b"v"), ()),
    Append(Channel.LEDGER, 0, None, b"v", [("kind", b"x")]),
]


@needs_compiled
@pytest.mark.parametrize("unusual", LEFT)
def test_unusual_records_are_left_to_aiokafka(unusual):
    records = [Append(Channel.LEDGER, 0, b"k", b"v", ()), unusual]
    ((data, count, kind),) = sent(Producer(BatchBuilder, 1_000), records, None)
    assert (count, kind) == (2, BatchBuilder)
    (other,) = sent(Producer(StampedBuilder, 1_000), records, None)
    assert len(data) == len(other[0])


@needs_compiled
@pytest.mark.parametrize(
    "unusual",
    [
        Append(Channel.LEDGER, 0, None, b"v", (("\ud800", b"x"),)),
        Append(Channel.LEDGER, 0, None, b"v", ((Text("kind"), b"x"),)),
        Append(Channel.LEDGER, 0, None, b"v", (("kind", "x"),)),
        Append(Channel.LEDGER, 0, None, b"v", (("kind",),)),
        Append(Channel.LEDGER, 0, None, "v", ()),
    ],
)
def test_what_aiokafka_refuses_is_refused_as_it_does(unusual):
    said = []
    for builder in (BatchBuilder, StampedBuilder):
        with pytest.raises((TypeError, ValueError)) as caught:
            sent(Producer(builder, 1_000), [unusual], None)
        said.append((caught.type, str(caught.value)))
    assert said[0] == said[1]


@needs_compiled
@pytest.mark.parametrize("how", [{"compression": GZIP}, {"serializer": bytes}])
def test_other_producers_are_left_to_aiokafka(how):
    records = [Append(Channel.LEDGER, 0, b"k", b"v", ())]
    ((batch, count),) = batches(Producer(BatchBuilder, 1_000, **how), records)
    assert (count, type(batch)) == (1, BatchBuilder)


async def test_the_sender_of_aiokafka_takes_it():
    records = [Append(Channel.LEDGER, 0, b"k", b"v", ())] * 3
    ((batch, _),) = batches(Producer(BatchBuilder, 1_000), records)
    message = MessageBatch(TopicPartition("t", 0), batch, 10, 0)
    assert message.record_count == 3
    assert not message.is_empty()
    assert message.remaining_linger() is None, "it waits for nothing more"
    message.set_producer_state(7, 1, 5)
    (read,) = [MemoryRecords(bytes(message.get_data_buffer())).next_batch()]
    assert (read.producer_id, read.producer_epoch, read.base_sequence) == (7, 1, 5)
    assert read.is_transactional


@given(st.lists(APPENDS, min_size=1, max_size=20), SIZES)
@example([Append(Channel.LEDGER, 0, None, b"x" * 9_000, ())], 1)
def test_by_python_alone_each_record_is_in_one_batch(records, batch_bytes):
    with mock.patch.object(record_batches, "_native", None):
        found = list(batches(Producer(BatchBuilder, batch_bytes), records))
    assert sum(count for _, count in found) == len(records)
    assert all(count == batch.record_count() for batch, count in found)
