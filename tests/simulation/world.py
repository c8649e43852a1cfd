"""What one run of the simulation shares: broker, groups, disks, tables, and the schedule."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.broker import Broker
from tests.simulation.disk import Disk
from tests.simulation.schedule import Schedule

if TYPE_CHECKING:
    from tests.simulation.groups import Coordinator
    from tests.simulation.tables import Tables

_WORLDS: dict[str, World] = {}


def world_of(bootstrap: str) -> World:
    """Return the world that a bootstrap address stands for."""
    return _WORLDS[bootstrap]


class World:
    """One world; ``bootstrap`` is its address for clients of Kafka."""

    def __init__(self, schedule: Schedule, tables: Tables, *, partitions: dict[str, int]) -> None:
        self.schedule = schedule
        self.broker = Broker(seed=schedule.random, marker_delay_s=schedule.marker_delay_s)
        self.disk = Disk()
        self.tables = tables
        self.groups: dict[str, Coordinator] = {}
        self.partitions = partitions  # of each topic
        self.bootstrap = f"simulated-{schedule.seed}"
        self.surprises: list[str] = []  # errors that nobody thought of
        self.said: list[str] = []  # what happened, with the time

    def say(self, what: str) -> None:
        """Note what happened; equal in every run of a seed."""
        self.said.append(f"{asyncio.get_running_loop().time():9.3f} {what}")

    def __enter__(self) -> World:
        _WORLDS[self.bootstrap] = self
        return self

    def __exit__(self, *error: object) -> None:
        del _WORLDS[self.bootstrap]
