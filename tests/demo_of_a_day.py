"""`ratemill demo` as it was on another day: `python -m tests.demo_of_a_day 2026-11-23`.

The demo makes up usage of the twenty days before today, and amounts go by the calendar. Here it is
told another today, and a horizon that is as much longer; everything else is the command's own.
"""

import datetime as dt
import sys

from pipeline.cli.arithmetic import trap_inexact_money
from pipeline.cli.demo import DEFAULT_RECORDS
from pipeline.cli.output import tell
from pipeline.cli.running import run_to_end
from pipeline.clock import SystemClock
from pipeline.demo.run import run_demo
from pipeline.demo.show import show
from pipeline.settings import Settings

DAY_MS = 86_400_000


class ClockOfADay(SystemClock):
    """Says that it is noon of that day; how time passes is the system's."""

    def __init__(self, day: dt.date) -> None:
        self._now = dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        return self._now


def main(day: dt.date) -> None:
    """Run the demo and print its summary; fail when it does not reconcile."""
    trap_inexact_money()
    settings = Settings()
    passed_days = max(0, (SystemClock().now().date() - day).days)
    horizon_ms = settings.dedup_horizon_ms + passed_days * DAY_MS
    settings = settings.model_copy(update={"dedup_horizon_ms": horizon_ms})
    clock = ClockOfADay(day)
    result = run_to_end(run_demo(settings, records=DEFAULT_RECORDS, seed=1, clock=clock, tell=tell))
    show(result)
    if not result.report.reconciled:
        sys.exit(1)


if __name__ == "__main__":
    main(dt.date.fromisoformat(sys.argv[1]))
