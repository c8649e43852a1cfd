"""A consumer that gives `SourceRecord`s.

aiokafka makes a record of eleven fields for each one that it reads, through two generators; a stage
then makes one of the six that it needs. Reading a backlog, that is 5 us of the 35 that loading a
charge takes. Here the first one is never made. Which records are given, and what a position means,
stays aiokafka's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords

from schemas.flow import SourceRecord


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
            result._partition_records.__class__ = _SourceRecords
        super().__setitem__(partition, result)


class _SourceRecords(PartitionRecords):  # type: ignore[misc]
    """The records of one answer of the broker."""

    def __iter__(self) -> Generator[SourceRecord, None, None]:
        """Return the generator itself: a call less for each record."""
        return self._records_iterator  # type: ignore[no-any-return]

    def _consumer_record(self, tp: TopicPartition, record: Any) -> SourceRecord:  # noqa: ANN401
        return SourceRecord(
            tp.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value or b"",
            tuple(record.headers),
        )
