"""A broker in memory: logs, transactions with their markers, fences, and time-outs.

It is held equal to a real one by `tests/contract/`. Where a real broker may do one thing or the
other (when a marker is written, say), the schedule chooses.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidTxnState,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    ProducerFenced,
)

CLUSTER_ID = "simulated-cluster"
_EPOCH_MS = 1_772_366_400_000  # 2026-03-01T12:00:00Z, where the simulation begins

Headers = tuple[tuple[str, bytes], ...]


@dataclass(eq=False, slots=True)
class BrokerTransaction:
    """One transaction: open, then decided, then marked in every partition it touched."""

    producer: str
    epoch: int
    number: int
    state: str = "open"  # "committed" or "aborted" once decided
    unmarked: list[Log] = field(default_factory=list)


@dataclass(slots=True)
class Stored:
    """One offset of a log: a record, or the marker that ends a transaction there."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    transaction: BrokerTransaction | None
    is_marker: bool = False

    @property
    def committed(self) -> bool:
        return self.transaction is None or self.transaction.state == "committed"


class Log:
    """One partition."""

    def __init__(self, place: TopicPartition) -> None:
        self.place = place
        self.begin = 0
        self.most_bytes = 2 * 1024 * 1024  # of a batch; a larger one is refused
        self.records: list[Stored] = []
        self.open: dict[BrokerTransaction, int] = {}  # not yet marked, with their first offset
        self.waiters: list[asyncio.Future[None]] = []

    @property
    def end(self) -> int:
        """Return the high watermark."""
        return self.begin + len(self.records)

    @property
    def last_stable(self) -> int:
        """Return the last stable offset: below it everything is decided."""
        return min(self.open.values(), default=self.end)

    def at(self, offset: int) -> Stored:
        return self.records[offset - self.begin]

    def add(self, record: Stored) -> None:
        self.records.append(record)
        self.wake()

    def wake(self) -> None:
        """Let whoever waits for something new look again."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def check_range(self, offset: int) -> None:
        if not self.begin <= offset <= self.end:
            raise OffsetOutOfRangeError({self.place: offset})

    def trim(self, before: int) -> None:
        """Delete the records below an offset."""
        self.records = self.records[max(0, before - self.begin) :]
        self.begin = max(self.begin, before)


@dataclass(slots=True)
class _Producer:
    epoch: int = -1
    timeout_s: float = 60.0
    current: BrokerTransaction | None = None
    completing: BrokerTransaction | None = None


class Broker:
    """All partitions and all transactional ids."""

    def __init__(self, *, seed: random.Random, marker_delay_s: Callable[[], float]) -> None:
        self._seed = seed
        self._marker_delay_s = marker_delay_s
        self._logs: dict[TopicPartition, Log] = {}
        self._producers: dict[str, _Producer] = {}
        self._transactions = 0
        self.answering = asyncio.Event()
        self.answering.set()
        self.torn = 0  # transactions whose owner died while they were open

    def now_ms(self) -> int:
        return _EPOCH_MS + int(asyncio.get_running_loop().time() * 1000)

    def log(self, place: TopicPartition) -> Log:
        log = self._logs.get(place)
        if log is None:
            log = self._logs[place] = Log(place)
        return log

    def append_plain(
        self, place: TopicPartition, key: bytes | None, value: bytes, headers: Headers
    ) -> int:
        """Return the offset of a record that is in no transaction."""
        log = self.log(place)
        log.add(Stored(log.end, self.now_ms(), key, value, headers, None))
        return log.end - 1

    # Transactions

    def init_producer(self, name: str, *, timeout_s: float) -> int | None:
        """Return the new epoch, or None while the earlier owner's transaction is being ended."""
        producer = self._producers.setdefault(name, _Producer())
        producer.timeout_s = timeout_s
        if producer.current is not None:
            self.torn += 1
            producer.epoch += 1  # whoever has it open is a zombie from here on
            self._decide(producer, "aborted")
        if producer.completing is not None:
            return None
        producer.epoch += 1
        return producer.epoch

    def append(
        self,
        name: str,
        epoch: int,
        place: TopicPartition,
        records: Sequence[tuple[bytes | None, bytes | None, Headers]],
        *,
        may_begin: bool,
    ) -> int | None:
        """Return the base offset of a batch; None while the transaction before is being ended.

        ``may_begin``: its producer is in a transaction that the broker may not know yet; a batch
        that comes late may not begin one.
        """
        producer = self._checked(name, epoch)
        log = self.log(place)
        if sum(len(value or b"") for _, value, _ in records) > log.most_bytes:
            raise MessageSizeTooLargeError(f"{place}")
        transaction = producer.current
        if transaction is None:
            if not may_begin:
                raise InvalidTxnState(f"{name} has no transaction open")
            if producer.completing is not None:
                return None
            self._transactions += 1
            transaction = BrokerTransaction(name, epoch, self._transactions)
            producer.current = transaction
            asyncio.get_running_loop().call_later(producer.timeout_s, self._expire, transaction)
        if log not in transaction.unmarked:
            transaction.unmarked.append(log)
            log.open[transaction] = log.end
        base = log.end
        for key, value, headers in records:
            log.add(Stored(log.end, self.now_ms(), key, value, headers, transaction))
        return base

    def end(self, name: str, epoch: int, *, commit: bool) -> None:
        """Decide the open transaction; an empty one is no more than forgotten."""
        producer = self._checked(name, epoch)
        if producer.current is not None:
            self._decide(producer, "committed" if commit else "aborted")

    def _checked(self, name: str, epoch: int) -> _Producer:
        producer = self._producers[name]
        if epoch < producer.epoch:
            raise self._seed.choice((ProducerFenced, InvalidProducerEpoch))(f"{name} epoch {epoch}")
        return producer

    def _decide(self, producer: _Producer, state: str) -> None:
        transaction = producer.current
        assert transaction is not None
        transaction.state = state
        producer.current, producer.completing = None, transaction
        for log in transaction.unmarked:
            asyncio.get_running_loop().call_later(
                self._marker_delay_s(), self._mark, producer, transaction, log
            )

    def _mark(self, producer: _Producer, transaction: BrokerTransaction, log: Log) -> None:
        transaction.unmarked.remove(log)
        log.add(Stored(log.end, self.now_ms(), None, None, (), transaction, is_marker=True))
        del log.open[transaction]
        log.wake()
        if not transaction.unmarked:
            producer.completing = None

    def _expire(self, transaction: BrokerTransaction) -> None:
        producer = self._producers[transaction.producer]
        if producer.current is transaction:
            producer.epoch += 1
            self._decide(producer, "aborted")
