"""The rows: what each is asked for, and what plays it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.run import Run
from tests.chaos.scenarios import services, workers

_LEAST_RECORDS = 2_000


@dataclass(frozen=True)
class Row:
    """One row of the table: its name on the command line, the fault in words, what is asked."""

    name: str
    fault: str
    records: int
    faults: int
    play: Callable[[Run], Awaitable[None]]
    least_faults: int = 1
    least_records: int = _LEAST_RECORDS

    def scaled(self, scale: float) -> tuple[int, int]:
        """Return the records and the faults of a run at a scale; every kind comes up once."""
        return (
            max(self.least_records, round(self.records * scale)),
            max(self.least_faults, round(self.faults * scale)),
        )


ROWS = (
    Row(
        "kills",
        "kill -9 of any process at random, 3 rating workers",
        2_000_000,
        200,
        workers.kills,
        least_faults=3,
    ),
    Row(
        "stops",
        "SIGSTOP of 5 to 40 s: zombies wake after their partitions moved; a stopped owner holds "
        "the RocksDB lock",
        200_000,
        40,
        workers.stops,
        least_faults=4,
    ),
    Row(
        "broker",
        "broker kill -9 and restart; stopped for 30 s",
        100_000,
        20,
        services.broker,
        least_faults=2,
    ),
    Row(
        "postgres",
        "Postgres kill -9; stopped; a row locked for 20 s; 2 s a transaction",
        100_000,
        20,
        services.postgres,
        least_faults=4,
    ),
)
BY_NAME = {row.name: row for row in ROWS}
