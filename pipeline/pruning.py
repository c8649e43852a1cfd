"""Deleting the marks behind the dedup horizon, a few at a time, between batches."""

from __future__ import annotations

from collections.abc import Sequence

from mediation.changes import (
    DAY_KEY,
    day_key,
    first_kept_day,
    identities_of,
    prune,
    reaches_pruned,
)
from mediation.dedup import Window
from pipeline.errors import Halted
from pipeline.state import StateStore
from schemas.flow import SourceRecord, StateChange

_LEAST_KEYS = 500  # that a step looks at where there are as many
_MOST_KEYS = 20_000
_PER_CHANGE = 2  # twice as fast as marks are made, so that it always catches up


class Pruning:
    """Prunes one partition's state of normalise, in one session.

    The append time of the newest raw record decides, never a clock. A step is one pass's next
    entries of the index by day; a pass that reached the horizon begins again once that moved on
    by a day, since pinned marks of the days behind it may have become free.
    """

    def __init__(self, store: StateStore, window: Window) -> None:
        self._store = store
        self._window = window
        self._before = store.pruned_before  # days before it may be gone
        self._appended_at_ms: int | None = None  # of the newest record that was read
        self._cursor = (DAY_KEY, 0)  # the next entry, and the first identity in it
        self._done_before: int | None = None  # a pass came to this day

    def check(self, records: Sequence[SourceRecord]) -> None:
        """Raise `Halted` where a record may ask for a mark that was pruned."""
        before = self._before
        if before is None:
            return
        oldest_ms = min(record.appended_at_ms for record in records)
        if reaches_pruned(self._window, before=before, appended_at_ms=oldest_ms):
            raise Halted(
                f"raw partition {records[0].partition}: a record from offset "
                f"{records[0].offset} on was appended at {oldest_ms} ms since 1970, so usage of "
                f"days before day {before} counts for it again, whose marks are pruned: copies "
                "would be charged again. Operator action: was RATEMILL_DEDUP_HORIZON_MS raised? "
                "Set it back, and raise it by what has passed since. Did the broker's clock run "
                "ahead and was set back? Stop the workers, move the state and the snapshots of "
                "this partition away, and start again: it is rebuilt from the changelog, as far "
                "as that was not trimmed."
            )

    def step(self, records: Sequence[SourceRecord] = (), *, changes: int = 0) -> int:
        """Do the next step after a batch, or while there is nothing to do; return the keys deleted.

        ``records`` and ``changes`` are those of the batch; a step looks at no more than a bounded
        number of keys.
        """
        if records:
            newest_ms = records[-1].appended_at_ms
            self._appended_at_ms = max(newest_ms, self._appended_at_ms or newest_ms)
        if self._appended_at_ms is None:
            return 0  # since the start, nothing was read
        upto_day = first_kept_day(self._window, appended_at_ms=self._appended_at_ms)
        if upto_day == self._done_before:
            return 0
        most = min(_MOST_KEYS, max(_LEAST_KEYS, _PER_CHANGE * changes))
        deletions = self._next(most, upto_day=upto_day)
        if deletions:
            self._before = max(upto_day, self._before if self._before is not None else upto_day)
            self._store.prune(deletions, before=self._before)
        return sum(value is None for _, value in deletions)

    def _next(self, most: int, *, upto_day: int) -> list[StateChange]:
        """Return the changes of the next ``most`` identities of the index, and move the cursor."""
        assert self._appended_at_ms is not None
        entries: list[tuple[bytes, bytes, int, int]] = []  # key, value, first identity, how many
        left = most
        key, first = self._cursor
        for index_key, indexed in self._store.scan(key, day_key(upto_day, batch=0)):
            begin = first if index_key == key else 0
            count = min(left, len(identities_of(indexed)) - begin)
            entries.append((index_key, indexed, begin, count))
            left -= count
            if left == 0:
                break
        marks = self._store.get_many(
            [
                each
                for _, indexed, begin, count in entries
                for each in identities_of(indexed)[begin : begin + count]
            ]
        )
        changes: list[StateChange] = []
        self._cursor = (DAY_KEY, 0)
        for index_key, indexed, begin, count in entries:
            pruned = prune(
                index_key,
                indexed,
                marks,
                window=self._window,
                appended_at_ms=self._appended_at_ms,
                first=begin,
                most=count,
            )
            changes += pruned.changes
            self._cursor = (
                (index_key + b"\x00", 0) if pruned.next is None else (index_key, pruned.next)
            )
        if left:
            self._cursor, self._done_before = (DAY_KEY, 0), upto_day
        return changes
