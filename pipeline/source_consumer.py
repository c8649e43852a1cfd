"""A consumer that gives `SourceRecord`s.

aiokafka makes a record of eleven fields for each one that it reads, through two generators; a stage
then makes one of the six that it needs. Here the first one is never made, and where the batches of an
answer lie in one piece, the records of each are read in one call. Which batches are given, and what a
position means, stays aiokafka's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain
from operator import attrgetter, length_hint
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from pipeline.whole_batches import WholeBatch, WholeBatches, whole_batches
from schemas.flow import SourceRecord

_offset = attrgetter("offset")


class SourceConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer whose `getmany` gives `SourceRecord`s; no value is the empty value."""

    async def start(self) -> None:
        """Start; nothing is assigned yet, so nothing was fetched."""
        await super().start()
        assert not self._fetcher._records, "made anew, before it is filled"
        self._fetcher._records = _FetchResults()


class _FetchResults(OrderedDict[TopicPartition, Any]):
    """What was fetched and not taken yet, by partition."""

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:  # noqa: ANN401
        if type(result) is FetchResult:
            give_source_records(result._partition_records)
        super().__setitem__(partition, result)


def give_source_records(records: PartitionRecords) -> None:
    """Have the records of one answer of the broker, of which none was taken yet, be `SourceRecord`s."""
    whole = whole_batches(records._records, records._tp.partition)
    if whole is None:
        records.__class__ = _SourceRecords
    else:
        records.__class__ = _BatchwiseRecords
        records.begin(whole)


def _source_record(tp: TopicPartition, record: Any) -> SourceRecord:  # noqa: ANN401
    return SourceRecord(
        tp.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value or b"",
        tuple(record.headers),
    )


class _SourceRecords(PartitionRecords):  # type: ignore[misc]
    """The records of one answer of the broker."""

    def __iter__(self) -> Iterator[SourceRecord]:
        """Return the generator itself: a call less for each record."""
        return self._records_iterator  # type: ignore[no-any-return]

    _consumer_record = staticmethod(_source_record)


class _BatchwiseRecords(PartitionRecords):  # type: ignore[misc]
    """The same, where aiokafka goes from batch to batch and takes the records of each for one."""

    def begin(self, batches: WholeBatches) -> None:
        """Go by ``batches``, from the position on that was fetched."""
        self._behind = self.__dict__.pop("next_fetch_offset")
        self._records = batches
        self._read: list[SourceRecord] = []
        self._left = iter(self._read)
        self._each: Iterator[SourceRecord] = chain.from_iterable(self._records_iterator)

    def __iter__(self) -> Iterator[SourceRecord]:
        return self._each

    def __next__(self) -> SourceRecord:
        return next(self._each)

    @property
    def next_fetch_offset(self) -> int:
        """The position behind what was given: of a batch, some records may be left."""
        left = length_hint(self._left)
        return self._read[-left - 1].offset + 1 if left else self._behind

    @next_fetch_offset.setter
    def next_fetch_offset(self, offset: int) -> None:
        self._behind = offset

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Iterator[SourceRecord]:  # noqa: ANN401
        """Return the records of a whole batch, or one record, to be given one by one by `_each`."""
        if type(record) is WholeBatch:
            first = bisect_left(record.records, self._behind, key=_offset)
            self._read = record.records[first:] if first else record.records
        else:
            self._read = [_source_record(tp, record)]
        self._left = iter(self._read)
        return self._left
