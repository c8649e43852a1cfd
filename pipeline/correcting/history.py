"""What an account's month was charged, as the tables have it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.ledger import REVERSAL
from sinks.charge_history import HistoryRow, MonthEnd, Under

RERATED = "rerated"
"""Step of a correction that rated the month anew: versions of the catalogue and of the reference data."""

CHARGE_RERATED = "charge_rerated"
"""Step of a correction that rated the charge anew which it corrects, and not the month: versions as well."""


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

    def close_under(self) -> Under | None:
        """Return the versions under which the close counts by now; None where there is none."""
        if self.close is None:
            return None
        return _under(self.rerated(), self.close.sequence, self.close.under)

    def versions(self, more: Iterable[Under] = ()) -> set[Under]:
        """Return all versions that a replay of the month needs."""
        found = set(self.under_by_now().values())
        under = self.close_under()
        return found | set(more) if under is None else found | {under, *more}


def _under(rerated: tuple[int, Under] | None, sequence: int, at_the_time: Under) -> Under:
    return rerated[1] if rerated is not None and sequence < rerated[0] else at_the_time
