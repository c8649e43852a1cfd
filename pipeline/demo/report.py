"""What a demo run comes to: the line of `--json`, and the summary for a reader."""

from __future__ import annotations

import msgspec


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
