"""What goes into one batch: how much, and which records are suspected of breaking the step."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from pipeline.clock import Clock
from pipeline.errors import Halted
from schemas.flow import Headers, SourceRecord

_HOUR_S = 3_600


class BatchSize:
    """The number of records that make about ``work_ms`` of work, learnt from the batches before."""

    def __init__(self, *, most_records: int, work_ms: int, clock: Clock) -> None:
        self._most = most_records
        self._work_ms = work_ms
        self._clock = clock
        self.records = min(64, most_records)

    @contextlib.contextmanager
    def timing(self, records: int) -> Iterator[None]:
        """Measure the work on ``records`` and set the next batch's size by it."""
        start = self._clock.monotonic_ns()
        yield
        took_us = max(1, (self._clock.monotonic_ns() - start) // 1000)
        fitting = records * self._work_ms * 1000 // took_us
        self.records = max(1, min(self._most, fitting, self.records * 2))

    def take(
        self, fetched: deque[SourceRecord], *, most_bytes: int, suspects: Suspects
    ) -> list[SourceRecord]:
        """Return the next batch from the head of ``fetched``; one record at least if there is one.

        A record that broke the step before is a batch of its own.
        """
        count = size = 0
        is_any_alone = suspects.are_there
        for record in islice(fetched, self.records):
            _, offset, _, key, value, headers = record
            # Headers and key too, since refused items carry them along.
            size += len(value) + (len(key) if key else 0) + (_bytes_of(headers) if headers else 0)
            is_alone = is_any_alone and suspects.alone(offset)
            if count and (size > most_bytes or is_alone):
                break
            count += 1
            if is_alone:
                break
        return [fetched.popleft() for _ in range(count)]


def _bytes_of(headers: Headers) -> int:
    return sum([len(name) + len(value or b"") for name, value in headers])


class _Memory(msgspec.Struct):
    suspected: list[int] = []
    refused: list[int] = []
    refused_at_s: list[int] = []


class Suspects:
    """The records that broke the step, remembered by offset in a file, across restarts.

    A record that broke it once is tried again, in a batch of its own. One that breaks it again
    goes to suspense as an internal error; more than a few of those an hour are a bug that must be
    looked at, and the partition halts.
    """

    def __init__(self, path: Path, *, most_per_hour: int, clock: Clock) -> None:
        self._path = path
        self._most_per_hour = most_per_hour
        self._clock = clock
        self._memory = _Memory()
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            self._memory = msgspec.json.decode(path.read_bytes(), type=_Memory)

    @property
    def are_there(self) -> bool:
        """Return whether any record must be a batch of its own."""
        return bool(self._memory.suspected)

    def alone(self, offset: int) -> bool:
        """Return whether a record must be a batch of its own."""
        return offset in self._memory.suspected

    def refused(self, first: int, next_offset: int) -> frozenset[int]:
        """Return the offsets in a range that must go to suspense unread."""
        return frozenset(o for o in self._memory.refused if first <= o < next_offset)

    def remember(self, offset: int) -> bool:
        """Note that a record broke the step; return whether it is refused from now on.

        `Halted` when too many were refused within an hour.
        """
        memory = self._memory
        again = offset in memory.suspected
        if again:
            now_s = int(self._clock.now().timestamp())
            recent = [at for at in memory.refused_at_s if now_s - at < _HOUR_S]
            if len(recent) >= self._most_per_hour:
                raise Halted(
                    f"{len(recent)} records within an hour broke the step; the next is at offset "
                    f"{offset}. Operator action: stop the worker, report the traces in its log, "
                    "start a version that has the cure; nothing is lost meanwhile."
                )
            memory.suspected.remove(offset)
            memory.refused.append(offset)
            memory.refused_at_s = [*recent, now_s]
        else:
            memory.suspected.append(offset)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self._path.with_suffix(".tmp")
        scratch.write_bytes(msgspec.json.encode(memory))
        scratch.replace(self._path)
        return again
