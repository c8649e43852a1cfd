"""What an account's month was charged, as the tables have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from schemas.ledger import CLOSING, REVERSAL
from sinks.charge_history import HistoryRow, MonthEnd, Under

RERATED = "rerated"
"""Step of a correction that rated the month anew: versions of the catalogue and of the reference data."""

CHARGE_RERATED = "charge_rerated"
"""Step of a correction that rated the charge anew which it corrects, and not the month: versions as well."""


class Closed(NamedTuple):
    """A close that priced a month."""

    sequence: int
    under: Under  # the versions under which it counts by now
    is_end: bool  # it ended the month; else it priced samples alone
    asked_for: Mapping[tuple[str, str], str]  # ids of its charges, by subscription and price


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All that an account was charged for the usage of a month, in the order of its ledger."""

    account_id: str
    month_start_ms: int
    month_end_ms: int
    rows: tuple[HistoryRow, ...]
    close: MonthEnd | None
    since: int = 0  # the sequence from which on it is replayed; what was charged before stays

    @property
    def staying(self) -> list[HistoryRow]:
        """Return what was charged before the replay begins."""
        return [row for row in self.rows if row.sequence < self.since]

    def reversed_ids(self) -> frozenset[str]:
        """Return the charges that were taken back before."""
        return frozenset(
            row.corrects
            for row in self.rows
            if row.corrects is not None and row.usage_kind == REVERSAL
        )

    @property
    def corrections(self) -> int:
        """Return how many took effect."""
        return len({row.job_id for row in self.rows if row.job_id is not None})

    def events(self) -> list[HistoryRow]:
        """Return the charges of events that stand and are replayed: each event has one, and one
        position."""
        taken_back = self.reversed_ids()
        return [
            row
            for row in self.rows
            if row.is_usage and row.sequence >= self.since and row.charge_id not in taken_back
        ]

    def rerated(self) -> tuple[int, Under] | None:
        """Return where in the ledger the month was last rated anew, and under which versions."""
        found = None
        for row in self.rows:
            for step in row.explanation:
                if step[0] == RERATED:
                    _, catalogue, reference = step
                    found = row.sequence, Under(int(catalogue), int(reference))
        return found

    def rerated_alone(self) -> dict[str, Under]:
        """Return the charges that were rated anew by themselves since the month was, and under which
        versions."""
        found: dict[str, Under] = {}
        for row in self.rows:
            for step in row.explanation:
                if step[0] == RERATED:
                    found.clear()
                elif step[0] == CHARGE_RERATED and row.corrects is not None:
                    _, catalogue, reference = step
                    found[row.corrects] = Under(int(catalogue), int(reference))
        return found

    def under_by_now(self) -> dict[str, Under]:
        """Return the versions under which each charge of an event counts by now."""
        rerated, alone = self.rerated(), self.rerated_alone()
        return {
            row.charge_id: alone.get(row.charge_id) or _under(rerated, row.sequence, row.under)
            for row in self.events()
        }

    def closes(self) -> list[Closed]:
        """Return what priced the month at a close, in their order: the close that ended it, and later ones
        that found samples which came late, or a first one that found some of a month before it."""
        close = self.close
        placed: dict[tuple[int, int], list[HistoryRow]] = {}
        for row in self.rows:  # each close has one place, and its last charge the newest sequence
            if row.usage_kind == CLOSING:
                placed.setdefault((row.source_partition, row.source_offset), []).append(row)
        at_end: list[HistoryRow] = []
        later: list[Closed] = []
        for rows in placed.values():
            newest = rows[-1]
            if close is None or not close.has_asked or newest.sequence > close.sequence:
                under = _under(self.rerated(), newest.sequence, newest.under)
                later.append(Closed(newest.sequence, under, False, _asked_for(rows)))
            else:  # before it was over no other close priced the month
                at_end += rows
        found = later
        if close is not None and close.has_asked:
            under = _under(self.rerated(), close.sequence, close.under)
            found = [Closed(close.sequence, under, True, _asked_for(at_end)), *later]
        return [each for each in found if each.sequence >= self.since]

    def versions(self, more: Iterable[Under] = ()) -> set[Under]:
        """Return all versions that a replay of the month needs."""
        closes = {each.under for each in self.closes()}
        return set(self.under_by_now().values()) | closes | set(more)


def _asked_for(rows: Iterable[HistoryRow]) -> Mapping[tuple[str, str], str]:
    return {(row.subscription_id, row.price_id): row.charge_id for row in rows}


def _under(rerated: tuple[int, Under] | None, sequence: int, at_the_time: Under) -> Under:
    return rerated[1] if rerated is not None and sequence < rerated[0] else at_the_time
