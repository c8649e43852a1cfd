"""The batches of one answer of the broker, each of which gives all of its records at once.

aiokafka goes from batch to batch and decides by what each says of itself: whether it arrived whole, whose
transaction it is of, whether it is a marker. Then it takes the records of the batch, one by one. Of these
batches it takes a single one, which stands for all. One that the compiled code does not read gives its
records as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

from native import compiled
from schemas.flow import SourceRecord

_native = compiled("batch_reading")
_LENGTH_AT = (
    8  # in a batch of any version, behind its first offset; four bytes, of what follows them
)
_LENGTH_END = 12


class WholeBatch(NamedTuple):
    """What stands for all records of a batch, of which there is one at least."""

    records: list[SourceRecord]

    @property
    def offset(self) -> int:
        """The offset of the last one."""
        return self.records[-1].offset


class WholeBatches:
    """`MemoryRecords`, whose batches are read at once."""

    def __init__(self, batches: MemoryRecords, data: bytes, at: int, partition: int) -> None:
        self._batches = batches
        self._data = data
        self._at = at
        self._partition = partition

    def has_next(self) -> bool:
        return self._batches.has_next()  # type: ignore[no-any-return]

    def next_batch(self) -> Any:  # noqa: ANN401
        batch = self._batches.next_batch()
        start = self._at
        length = self._data[start + _LENGTH_AT : start + _LENGTH_END]
        self._at = end = start + _LENGTH_END + int.from_bytes(length, "big")
        if type(batch) is not DefaultRecordBatch:
            return batch
        if batch.base_offset != int.from_bytes(self._data[start : start + _LENGTH_AT], "big"):
            return batch  # aiokafka says otherwise how far it was read: this one lies elsewhere
        return _Batch(batch, self._data, start, end, self._partition)


def whole_batches(batches: MemoryRecords, partition: int) -> WholeBatches | None:
    """Return the batches of an answer; None where nothing is compiled, or the answer's bytes are not
    to be had."""
    if _native is None or type(batches) is not MemoryRecords:
        return None
    match batches.__reduce__():  # what would be pickled of it: the answer, and how far it was read
        case (_, _, (bytes() as data, int() as at)):
            return WholeBatches(batches, data, at, partition)
        case _:
            return None


class _Batch:
    """`DefaultRecordBatch`, with where its bytes lie."""

    __slots__ = ("_batch", "_data", "_end", "_partition", "_start")

    def __init__(
        self, batch: DefaultRecordBatch, data: bytes, start: int, end: int, partition: int
    ) -> None:
        self._batch = batch
        self._data = data
        self._start = start
        self._end = end
        self._partition = partition

    def __getattr__(self, name: str) -> object:
        return getattr(self._batch, name)

    def validate_crc(self) -> bool:
        assert _native is not None, "made only where it is compiled"
        return _native.has_its_crc(self._data, self._start, self._end)  # type: ignore[no-any-return]

    def __next__(self) -> object:
        """Return the marker of a transaction."""
        return next(self._batch)

    def __iter__(self) -> Iterator[object]:
        assert _native is not None, "made only where it is compiled"
        records = _native.records_of(
            self._data, self._start, self._end, self._partition, SourceRecord
        )
        if not records:
            return iter(self._batch)
        return iter((WholeBatch(records),))
