"""The batches in which a transaction's records are sent: as many as the records of a partition need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from native import compiled
from pipeline.clock import epoch_ms
from schemas.flow import Append

_native = compiled("batch_writing")


def batches(
    producer: AIOKafkaProducer, records: Sequence[Append]
) -> Iterator[tuple[BatchBuilder, int]]:
    """Yield the records of one partition in as many batches as they need, and how many each has."""
    start = 0
    while start < len(records):
        batch, count = _next_compiled(producer, records, start) or next_in_python(
            producer, records, start
        )
        yield batch, count
        start += count


def next_in_python(
    producer: AIOKafkaProducer, records: Sequence[Append], start: int
) -> tuple[BatchBuilder, int]:
    """Return a batch of as many records as fit, from one on, and how many those are."""
    batch, count = producer.create_batch(), 0
    for record in records[start:]:
        added = batch.append(
            key=record.key, value=record.value, timestamp=None, headers=list(record.headers)
        )
        if added is None:
            break
        count += 1
    assert count, "an empty batch takes a record of any size"
    batch.close()
    return batch, count


def _next_compiled(
    producer: AIOKafkaProducer, records: Sequence[Append], start: int
) -> tuple[BatchBuilder, int] | None:
    """Return what `next_in_python` would; None: it is left to it, as is what is compressed."""
    if _native is None or type(records) is not list:
        return None
    batch = producer.create_batch()
    if type(batch) is not BatchBuilder or type(batch._builder) is not DefaultRecordBatchBuilder:
        return None
    if batch._key_serializer is not None or batch._value_serializer is not None:
        return None
    accumulator, transactions = producer._message_accumulator, producer._txn_manager
    if accumulator._compression_type:
        return None
    filled = _native.filled(
        records,
        start,
        at_ms=epoch_ms(),
        batch_bytes=accumulator._batch_size,
        transactional=transactions is not None and transactions.transactional_id is not None,
    )
    return filled and (_Filled(*filled), filled[1])


class _Filled(BatchBuilder):  # type: ignore[misc]
    """A batch that was filled at once, as aiokafka's sender asks for it."""

    def __init__(self, batch: Any, count: int) -> None:  # noqa: ANN401
        super().__init__(0, 0)
        self._builder = batch
        self._relative_offset = count
        self.close()

    def _set_producer_state(
        self, producer_id: int, producer_epoch: int, base_sequence: int
    ) -> None:
        self._builder.set_producer_state(producer_id, producer_epoch, base_sequence)
