"""The programs that ours is compared with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent


class Program(NamedTuple):
    """How one of them is called, and what it gives."""

    name: str
    title: str
    guarantee: str
    module: str | None  # that runs it; None: it is in Java

    @property
    def warm_up_share(self) -> int:
        """Return the part of the events, one of so many, that is not counted; 0: all are.

        A Java program is compiled as it runs, which is nothing to one that runs for months.
        """
        return 0 if self.module else 2

    @property
    def requirements(self) -> Path:
        """Return the pinned packages, with hashes, of one in Python."""
        return HERE / f"requirements-{self.name}.txt"


PROGRAMS = {
    program.name: program
    for program in (
        Program("kafka-streams", "Kafka Streams", "exactly_once_v2", None),
        Program("quix", "Quix Streams", "exactly once", "benchmarks.compare.quix_app"),
        Program("bytewax", "Bytewax", "at least once", "benchmarks.compare.bytewax_app"),
    )
}
