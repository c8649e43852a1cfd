"""Row of the table whose faults are wrong clocks and days that are none of the usual."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from tests.chaos.faults.clock import clock_is_off, variables
from tests.chaos.feed import raw_records
from tests.chaos.play import playing
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import generated

_WORKERS = ("normalise", "rate", "load")
_HOUR_S, _DAY_S = 3_600, 86_400


class _Case(NamedTuple):
    what: str
    start: dt.date
    days: int
    clock_s: int


CASES = (
    _Case("the day of 25 hours, clocks an hour ahead", dt.date(2026, 10, 24), 3, _HOUR_S),
    _Case("a leap day, clocks two days ahead", dt.date(2028, 2, 28), 3, 2 * _DAY_S),
    _Case("the day of 23 hours, clocks an hour behind", dt.date(2026, 3, 28), 3, -_HOUR_S),
    _Case("the end of a month, clocks two days behind", dt.date(2026, 9, 29), 4, -2 * _DAY_S),
    _Case("the end of a leap February, clocks an hour behind", dt.date(2028, 2, 27), 4, -_HOUR_S),
    _Case(
        "both changes of the clocks, clocks two days ahead", dt.date(2026, 3, 20), 230, 2 * _DAY_S
    ),
)


async def clocks(run: Run) -> None:
    """Worker clock off by 1 h and 2 days, DST days, leap day."""
    async with own_pair() as pair:
        for case in CASES[: run.faults]:
            usage = await generated(
                run.new_folder() / "usage",
                records=run.records // run.faults,
                seed=run.seed,
                start=case.start,
                days=case.days,
            )
            async with playing(
                pair,
                run.new_folder(),
                usage,
                seed=run.seed,
                hits=run.hits,
                environment=variables(case.clock_s),
            ) as play:
                await play.workers.start(*_WORKERS)
                faults = [clock_is_off("rate", case.clock_s)]
                await play.under_load(faults, raw_records(usage.folder))
                await play.through()
                await run.check(play)
            run.notes.append(case.what)
