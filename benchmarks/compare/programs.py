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
    module: str  # that runs it

    @property
    def requirements(self) -> Path:
        """Return its pinned packages, with hashes."""
        return HERE / f"requirements-{self.name}.txt"


PROGRAMS = {
    program.name: program
    for program in (
        Program("quix", "Quix Streams", "exactly once", "benchmarks.compare.quix_app"),
        Program("bytewax", "Bytewax", "at least once", "benchmarks.compare.bytewax_app"),
    )
}
