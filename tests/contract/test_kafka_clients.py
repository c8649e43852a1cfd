"""What the delivery protocol relies on of Kafka, asked of a real broker and of the one in memory."""

import asyncio
import contextlib
import secrets

import pytest
from aiokafka.errors import IllegalOperation, KafkaError, OffsetOutOfRangeError

from schemas.flow import SourceRecord
from tests.contract.kafka_kinds import RealKafka, memory_kafka

WITHIN_S = 30
REFUSED = (KafkaError, IllegalOperation, AssertionError)
"""What aiokafka may say to one who is fenced, by where it learns of it."""


@pytest.fixture(params=["memory", "kafka"])
def bootstrap(request):
    """The address of the real one; None for the one in memory."""
    if request.param == "memory":
        return None
    return request.getfixturevalue("services").kafka_bootstrap


@contextlib.asynccontextmanager
async def _kafka(bootstrap):
    if bootstrap is None:
        async with memory_kafka() as kafka:
            yield kafka
    else:
        yield RealKafka(bootstrap)


def of_both(test):
    """Run a test on each kind of Kafka."""

    async def on_one(bootstrap):
        # Not opened by a fixture: an async one shares no context with its test.
        async with _kafka(bootstrap) as kafka, asyncio.timeout(WITHIN_S):
            await test(kafka)

    on_one.__doc__ = test.__doc__
    return on_one


def _name():
    return f"contract.{secrets.token_hex(4)}"


@contextlib.asynccontextmanager
async def _producing(kafka, name, **more):
    producer = kafka.producer(name, **more)
    await producer.start()
    try:
        yield producer
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.stop(), 2)


async def _send(producer, place, *values):
    batch = producer.create_batch()
    for value in values:
        assert batch.append(timestamp=None, key=None, value=value, headers=[]) is not None
    batch.close()
    return await producer.send_batch(batch, place.topic, partition=place.partition)


async def _whole_transaction(producer, place, value):
    await producer.begin_transaction()
    await (await _send(producer, place, value))
    await producer.commit_transaction()


async def _poll_for_ever(consumer, place):
    while True:
        await consumer.getmany(place, timeout_ms=100)


@contextlib.asynccontextmanager
async def _reading(kafka, place, *, committed=True, source=False):
    consumer = kafka.consumer(committed=committed, source=source)
    await consumer.start()
    try:
        consumer.assign([place])
        yield consumer
    finally:
        await consumer.stop()


async def _next(consumer, place, *, most=None):
    """Return the next records, however many polls they take."""
    while True:
        fetched = await consumer.getmany(place, timeout_ms=100, max_records=most)
        if fetched.get(place):
            return fetched[place]


async def _end(kafka, place, *, committed=True):
    async with _reading(kafka, place, committed=committed) as consumer:
        return (await consumer.end_offsets([place]))[place]


async def _until_decided(kafka, place):
    """Return once no transaction is open in a partition: markers come after the answer."""
    while await _end(kafka, place) < await _end(kafka, place, committed=False):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def _read(kafka, place, *, committed=True, start=0):
    """Return what a consumer finds up to the end: (offset, value) each, and where it then is."""
    found = []
    async with _reading(kafka, place, committed=committed) as consumer:
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, start)
        while await consumer.position(place) < end:
            fetched = await consumer.getmany(place, timeout_ms=100)
            found += [(record.offset, record.value) for record in fetched.get(place, ())]
        return found, await consumer.position(place)


@of_both
async def test_committed_records_are_read_and_the_marker_takes_an_offset(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        answer = await (await _send(producer, place, b"a", b"b"))
        assert answer.offset == 0
        await producer.commit_transaction()
        await _until_decided(kafka, place)
    assert await _read(kafka, place) == ([(0, b"a"), (1, b"b")], 3)


@of_both
async def test_an_open_transaction_holds_the_last_stable_offset_back(kafka):
    place = await kafka.new_partition()
    await kafka.append_plain(place, b"before")
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        await (await _send(producer, place, b"open"))
        await kafka.append_plain(place, b"behind")
        assert await _end(kafka, place) == 1
        assert await _end(kafka, place, committed=False) == 3
        found, _ = await _read(kafka, place, committed=False)
        assert [value for _, value in found] == [b"before", b"open", b"behind"]
        await producer.abort_transaction()
        await _until_decided(kafka, place)
    assert await _read(kafka, place) == ([(0, b"before"), (2, b"behind")], 4)


@of_both
async def test_a_new_owner_aborts_what_the_earlier_one_left_open_and_fences_it(kafka):
    place, name = await kafka.new_partition(), _name()
    async with _producing(kafka, name) as zombie:
        await zombie.begin_transaction()
        await (await _send(zombie, place, b"zombie"))
        async with _producing(kafka, name) as owner:
            await owner.begin_transaction()
            await (await _send(owner, place, b"owner"))
            with pytest.raises(REFUSED):
                await zombie.commit_transaction()
            await owner.commit_transaction()
            await _until_decided(kafka, place)
    found, _ = await _read(kafka, place)
    assert [value for _, value in found] == [b"owner"]


@of_both
async def test_a_fenced_owner_can_append_nothing(kafka):
    place, name = await kafka.new_partition(), _name()
    async with _producing(kafka, name) as zombie, _producing(kafka, name):
        with pytest.raises(REFUSED):
            await _whole_transaction(zombie, place, b"zombie")
    assert await _read(kafka, place) == ([], await _end(kafka, place))


@of_both
async def test_a_transaction_that_is_open_too_long_is_aborted_and_its_owner_fenced(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name(), timeout_ms=1_000) as producer:
        await producer.begin_transaction()
        await (await _send(producer, place, b"slow"))
        await _until_decided(kafka, place)
        with pytest.raises(REFUSED):
            await producer.commit_transaction()
    found, _ = await _read(kafka, place)
    assert found == []


@of_both
async def test_a_commit_goes_through_although_an_append_was_refused(kafka):
    """Which is why every answer is looked at before a commit."""
    small, place = await kafka.new_partition(most_bytes=200), await kafka.new_partition()
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        refused = await _send(producer, small, b"x" * 1_000)
        taken = await _send(producer, place, b"taken")
        with pytest.raises(KafkaError):
            await refused
        await taken
        await producer.commit_transaction()
        await _until_decided(kafka, place)
    assert [value for _, value in (await _read(kafka, place))[0]] == [b"taken"]
    assert (await _read(kafka, small))[0] == []


@of_both
async def test_batches_of_one_partition_arrive_in_their_order(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        sent = [await _send(producer, place, b"%d" % number) for number in range(20)]
        assert [(await each).offset for each in sent] == list(range(20))
        await producer.commit_transaction()
        await _until_decided(kafka, place)
    assert [value for _, value in (await _read(kafka, place))[0]] == [b"%d" % n for n in range(20)]


@of_both
async def test_a_transaction_in_which_nothing_was_sent_commits(kafka):
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        await producer.commit_transaction()
        with pytest.raises(REFUSED):
            await producer.commit_transaction()


@of_both
async def test_a_position_that_was_trimmed_is_an_error(kafka):
    place = await kafka.new_partition()
    for number in range(4):
        await kafka.append_plain(place, b"%d" % number)
    await kafka.trim(place, 2)
    async with _reading(kafka, place) as consumer:
        assert (await consumer.beginning_offsets([place]))[place] == 2
        consumer.seek(place, 1)
        with pytest.raises(OffsetOutOfRangeError):
            await _poll_for_ever(consumer, place)
    assert (await _read(kafka, place, start=2))[0] == [(2, b"2"), (3, b"3")]


@of_both
async def test_a_paused_consumer_is_given_nothing_and_loses_nothing(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name()) as producer, _reading(kafka, place) as consumer:
        consumer.seek(place, 0)
        await _whole_transaction(producer, place, b"first")
        values = [one.value for one in await _next(consumer, place)]
        consumer.pause(place)
        await _whole_transaction(producer, place, b"second")
        await _until_decided(kafka, place)
        assert await consumer.getmany(place, timeout_ms=100) == {}
        consumer.resume(place)
        values += [one.value for one in await _next(consumer, place)]
    assert values == [b"first", b"second"]


@of_both
async def test_a_consumer_knows_whether_there_was_more(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name()) as producer, _reading(kafka, place) as consumer:
        for value in (b"first", b"second"):
            await _whole_transaction(producer, place, value)
        await _until_decided(kafka, place)
        consumer.seek(place, 0)
        await _next(consumer, place, most=1)
        assert await consumer.position(place) < consumer.last_stable_offset(place)
        await _next(consumer, place, most=1)
        await consumer.getmany(place, timeout_ms=100)  # passes over the last marker
        assert await consumer.position(place) == consumer.last_stable_offset(place)


@of_both
async def test_a_source_consumer_gives_what_another_one_does(kafka):
    place = await kafka.new_partition()
    async with _producing(kafka, _name()) as producer:
        await producer.begin_transaction()
        await (await _send(producer, place, b"aborted"))
        await producer.abort_transaction()
        await producer.begin_transaction()
        batch = producer.create_batch()
        batch.append(timestamp=None, key=b"k", value=b"v", headers=[("kind", b"usage"), ("x", b"")])
        batch.append(timestamp=None, key=None, value=None, headers=[])
        batch.close()
        await (await producer.send_batch(batch, place.topic, partition=place.partition))
        await producer.commit_transaction()
        await _whole_transaction(producer, place, b"third")
    await _until_decided(kafka, place)
    found = []
    for source in (False, True):
        async with _reading(kafka, place, source=source) as consumer:
            consumer.seek(place, 0)
            records = [(await _next(consumer, place, most=1))[0] for _ in range(3)]
            await consumer.getmany(place, timeout_ms=100)  # passes over the last marker
            found.append((records, await consumer.position(place)))
    (others, position), (records, position_of_ours) = found
    assert position_of_ours == position
    assert records == [
        SourceRecord(
            place.partition,
            other.offset,
            other.timestamp,
            other.key,
            other.value or b"",
            tuple(other.headers),
        )
        for other in others
    ]
    assert [record.value for record in records] == [b"v", b"", b"third"]
    assert all(type(record) is SourceRecord for record in records)


@of_both
async def test_an_empty_poll_moves_nothing(kafka):
    place = await kafka.new_partition()
    async with _reading(kafka, place) as consumer:
        consumer.seek(place, 0)
        assert not (await consumer.getmany(place, timeout_ms=20)).get(place)
        assert await consumer.position(place) == 0
