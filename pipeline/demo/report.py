"""What a demo run comes to: the line of `--json`, and the summary for a reader."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.verify.report import Report
from schemas.outcome import NormaliseOutcome


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of `ratemill demo --json`; amounts are strings with all their digits."""

    installation: str
    received: int  # items decoded from the raw topic
    normalised: int
    duplicate: int
    suspended: dict[str, int]  # by reason, of both stages
    rated: int
    filtered: int
    charges: dict[str, str]  # total by currency
    immediate_invoices: int
    reconciled: bool
    seconds: float  # the whole run
    events_per_second: int  # received, from the first one sent to the last one loaded
    data: str  # the data folder
    phases: dict[str, float]  # seconds of each part of the run


class Phases:
    """How long each part of a run took."""

    def __init__(self, now_s: float) -> None:
        self._started_s = self._last_s = now_s
        self.seconds: dict[str, float] = {}

    def done(self, name: str, now_s: float) -> float:
        """Note that a part ends now, and return how long it took."""
        took_s = now_s - self._last_s
        self.seconds[name] = round(took_s, 2)
        self._last_s = now_s
        return took_s

    def total(self, now_s: float) -> float:
        """Return the seconds since the start."""
        return now_s - self._started_s


def report_of(
    verified: Report, *, phases: Phases, seconds: float, processing_s: float, data: Path
) -> DemoReport:
    """Return the report of a run from what the reconciliation has counted."""
    totals = verified.totals
    items, events = totals.item_outcomes, totals.event_outcomes
    # Commands, the end records of files and the headers of charging files are not usage.
    no_usage = (NormaliseOutcome.COMMAND, NormaliseOutcome.IGNORED)
    received = totals.items - sum(items.get(outcome, 0) for outcome in no_usage)
    return DemoReport(
        installation=verified.installation,
        received=received,
        normalised=items.get(NormaliseOutcome.NORMALISED, 0),
        duplicate=items.get(NormaliseOutcome.DUPLICATE, 0),
        suspended=dict(sorted(totals.refusals.items())),
        rated=events.get("rated", 0),
        filtered=events.get("filtered", 0),
        charges=dict(sorted(totals.charges.items())),
        immediate_invoices=totals.invoices,
        reconciled=verified.consistent and verified.complete,
        seconds=round(seconds, 1),
        events_per_second=round(received / max(processing_s, 0.001)),
        data=str(data),
        phases=phases.seconds,
    )
