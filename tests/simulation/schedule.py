"""What goes wrong in a run, and when: all of it drawn from the seed.

Every run has one fault that the seed names (so that the runs of a suite, together, kill a process
at every point) and a few that it draws.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.process import Process

POINTS = (
    "fence.before",
    "fence.after",
    "proof_read.before",
    "proof_read.after",
    "fold.before",
    "fold.after",
    "fetch.after",
    "append.before",
    "append.after",
    "commit.before",
    "commit.after",
    "rocksdb.before",
    "rocksdb.after",
    "load_fetch.after",
    "copy.before",
    "copy.after",
    "postgres_lock.after",
    "postgres_commit.before",
    "postgres_commit.after",
    "rebalance.before",
    "rebalance.sync",
    "rebalance.after",
    "prove.before",
    "prove.after",
    "heartbeat",
)
"""Every moment at which a process is killed; see `process`."""

_MOST_PASSES = {
    "fold": 2,
    "prove": 2,
    "rebalance": 4,
    "fence": 5,
    "proof_read": 12,
}
"""How late the named fault of a run comes, where a run may pass a point no more often."""


def _most_passes(point: str, usual: int) -> int:
    return _MOST_PASSES.get(point.partition(".")[0], usual)


@dataclass
class Fault:
    """What happens at the n-th passing of a point, by whatever process."""

    kind: str  # kill, stop, restart
    point: str
    nth: int
    wipe: bool = False  # its state folder is gone when it comes back
    lose: int = 0  # newest writes of RocksDB that the crash took with it
    away_s: float = 1.0  # until a supervisor has started it again, or until it wakes
    hit: bool = False

    def __str__(self) -> str:
        more = " wiped" if self.wipe else f" lost {self.lose}" if self.lose else ""
        return f"{self.kind} at {self.point} #{self.nth}{more}, back after {self.away_s:.1f} s"


@dataclass
class Outage:
    """A service that answers nobody for a while."""

    what: str  # broker, postgres
    at_s: float
    for_s: float


@dataclass
class Schedule:
    """The faults of one run, and every choice that a network or a broker has."""

    seed: int
    random: random.Random = field(init=False)
    faults: list[Fault] = field(init=False)
    outages: list[Outage] = field(init=False)
    append_fates: dict[int, str] = field(init=False)  # by number of the append
    commit_fates: dict[int, str] = field(init=False)  # by number of the commit
    load_fates: dict[int, str] = field(init=False)  # by number of the commit in Postgres
    on_fault: Callable[[Process, Fault], None] | None = None
    calm: bool = False  # nothing goes wrong any more: the run ends
    passes: Counter[str] = field(default_factory=Counter)
    bitten: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        draw = self.random = random.Random(self.seed)
        self._slow = draw.choice((1.0, 1.0, 1.0, 5.0, 40.0))  # of the network
        self._slow_markers = draw.random() < 0.3
        self._stop_hangs = draw.random() < 0.3
        self._empty_polls = draw.choice((0.0, 0.05, 0.3))
        self._small_fetches = draw.random() < 0.5
        named = Fault(
            "kill", POINTS[self.seed % len(POINTS)], 1, away_s=draw.choice((0.3, 2.0, 9.0))
        )
        named.nth = draw.randint(1, _most_passes(named.point, 30))
        named.wipe = draw.random() < 0.15
        named.lose = draw.choice((0, 0, 1, 3))
        self.faults = [named, *(self._drawn() for _ in range(draw.randint(0, 5)))]
        if named.point in ("prove.before", "prove.after"):
            # A partition is proved again only after a doubt.
            self.faults.append(Fault("stop", "commit.before", draw.randint(1, 5), away_s=8.0))
        self.outages = [
            Outage(what, draw.uniform(1, 12), draw.choice((0.5, 3, 14)))
            for what in ("broker", "postgres")
            if draw.random() < 0.25
        ]
        self.append_fates = {
            draw.randint(1, 200): draw.choice(("refused", "late"))
            for _ in range(draw.choice((0, 0, 1, 3)))
        }
        self.commit_fates = {
            draw.randint(1, 60): draw.choice(("lost request", "lost answer"))
            for _ in range(draw.choice((0, 0, 1, 3)))
        }
        self.load_fates = {
            draw.randint(1, 60): draw.choice(("lost request", "lost answer"))
            for _ in range(draw.choice((0, 0, 1, 2)))
        }
        self._appends = 0
        self._commits = 0
        self._loads = 0

    def _drawn(self) -> Fault:
        draw = self.random
        point = draw.choice(POINTS)
        nth = draw.randint(1, 2 * _most_passes(point, 30))
        kind = draw.random()
        if kind < 0.15:
            return Fault("restart", point, nth, away_s=draw.choice((0.0, 1.0, 8.0)))
        if kind < 0.5:
            return Fault("stop", point, nth, away_s=draw.choice((1.0, 5.5, 7.0, 12.0, 25.0)))
        return Fault(
            "kill",
            point,
            nth,
            wipe=draw.random() < 0.15,
            lose=draw.choice((0, 0, 1, 3)),
            away_s=draw.choice((0.2, 1.0, 3.0, 9.0)),
        )

    # At every point

    def delay_s(self, process: Process, point: str) -> float:
        """Return how long a call takes."""
        return self.random.uniform(0.0001, 0.002) * self._slow

    def passed(self, process: Process, point: str) -> None:
        """Do to a process what is due at this point."""
        if self.calm or process.spared:
            return
        self.passes[point] += 1
        number = self.passes[point]
        for fault in self.faults:
            if fault.point == point and fault.nth == number and not process.dead:
                fault.hit = True
                self.bitten[f"{fault.kind} {point}"] += 1
                assert self.on_fault is not None
                self.on_fault(process, fault)

    # Choices of the network, of the broker and of the client

    def network_s(self) -> float:
        return self.random.uniform(0.0001, 0.003) * self._slow

    def late_s(self) -> float:
        return self.random.uniform(0.5, 6.0)

    def lands(self) -> bool:
        """Return whether what a process sent before it died arrives."""
        return self.random.random() < 0.5

    def marker_delay_s(self) -> float:
        return self.random.uniform(0, 1.5 if self._slow_markers else 0.004)

    def stop_hangs(self, process: Process) -> bool:
        return self._stop_hangs and not process.spared and self.random.random() < 0.3

    def poll_is_empty(self, process: Process) -> bool:
        return not process.spared and self.random.random() < self._empty_polls

    def most_of(self, asked: int | None) -> int:
        most = asked or 10_000
        return self.random.randint(1, min(most, 12)) if self._small_fetches else most

    def patience_s(self, timeout_ms: int) -> float:
        """Return how long an empty poll takes: longer than asked for, since a simulated second
        costs as much as there are polls in it."""
        return max(timeout_ms, 50) * 5 / 1000

    def fate_of_append(self, process: Process) -> str:
        if self.calm or process.spared:
            return "done"
        self._appends += 1
        fate = self.append_fates.get(self._appends, "done")
        if fate != "done":
            self.bitten[f"append {fate}"] += 1
        return fate

    def fate_of_commit(self, process: Process) -> str:
        if self.calm or process.spared:
            return "done"
        self._commits += 1
        fate = self.commit_fates.get(self._commits, "done")
        if fate != "done":
            self.bitten[f"commit {fate}"] += 1
        return fate

    def fate_of_load(self) -> str:
        if self.calm:
            return "done"
        self._loads += 1
        fate = self.load_fates.get(self._loads, "done")
        if fate != "done":
            self.bitten[f"postgres commit {fate}"] += 1
        return fate
