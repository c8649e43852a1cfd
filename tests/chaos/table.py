"""The rows: what each is asked for, and what plays it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.faults import clock, disk
from tests.chaos.run import Run
from tests.chaos.scenarios import (
    clocks,
    commits,
    data,
    disks,
    installations,
    kinds,
    network,
    services,
    storm,
    workers,
)

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
    why_not: Callable[[], str | None] = lambda: None  # what this machine lacks for it

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
        "commits",
        "kill inside a commit (transaction open), state folder wiped, another worker takes over; a "
        "partition with no traffic among busy ones",
        100_000,
        20,
        commits.killed_in_commit,
        least_faults=2,
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
        "refused",
        "an append refused inside a transaction: too large, authorisation lost; a response lost after "
        "the commit",
        100_000,
        20,
        commits.refused,
        least_faults=3,
    ),
    Row(
        "dead",
        "a dead normaliser's open transaction: how long readers stall; a restore longer than the poll "
        "interval",
        50_000,
        5,
        commits.dead_normalisers,
        least_faults=3,
        least_records=6_000,
    ),
    Row(
        "rolling",
        "rolling restart and scaling 1 -> 3 -> 1 under load",
        100_000,
        20,
        workers.rolling,
        least_faults=5,
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
    Row(
        "network",
        "a proxy between worker and broker and between loader and Postgres delays, cuts in "
        "mid-frame, half-opens, limits bandwidth",
        200_000,
        40,
        network.network_faults,
        least_faults=6,
    ),
    Row(
        "storm",
        "two of these at once, at random: a service or a sleeping process, and a worker or its network",
        100_000,
        40,
        storm.storm,
        least_faults=4,
    ),
    Row(
        "disks",
        "disk full under RocksDB (small tmpfs) and under Postgres; one byte of an SST file flipped",
        50_000,
        15,
        disks.disks,
        least_faults=3,
        why_not=disk.why_not,
    ),
    Row(
        "apart",
        "a second installation on the same cluster; broker wiped under a kept database",
        20_000,
        2,
        installations.apart,
        least_faults=2,
    ),
    Row(
        "copies",
        "every record 1 to 20 times, reordered, across restarts; same id with other content; same "
        "id under two accounts",
        100_000,
        6,
        data.copies,
        least_faults=2,
    ),
    Row(
        "broken",
        "10 % broken records, in every way that `generate` knows",
        200_000,
        2,
        data.broken,
    ),
    Row(
        "late",
        "late and out-of-order records up to and past the horizon, a period closed in the middle",
        100_000,
        3,
        data.late,
    ),
    Row(
        "clocks",
        "worker clock off by 1 h and 2 days, DST days, leap day",
        60_000,
        6,
        clocks.clocks,
        least_faults=6,
        why_not=clock.why_not,
    ),
    Row(
        "catalogue",
        "catalogue version published in mid-stream; a replay under the versions of the proofs gives "
        "the same bytes",
        100_000,
        3,
        data.catalogue,
        least_faults=2,
    ),
    Row(
        "busy",
        "a limit on one very busy account, 3 workers",
        50_000,
        5,
        data.busy,
        least_faults=2,
    ),
    Row(
        "kinds",
        "a record of an unknown kind; state and topics of the previous release (there is none yet)",
        20_000,
        2,
        kinds.unknown_kinds,
    ),
)
BY_NAME = {row.name: row for row in ROWS}
