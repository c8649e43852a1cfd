"""A benchmark measured in several runs: the parts of a new one put into an earlier result."""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.bench.parts import Part
from pipeline.bench.refusals import BenchRefused
from pipeline.bench.result import BenchResult, read_result, targets_of


def merged(before: BenchResult, now: BenchResult) -> BenchResult:
    """Return both results as one; what both measured is that of the new one.

    `BenchRefused` where they are not of the same workload on the same machine.
    """
    for what, old, new in (
        ("workload", before.workload, now.workload),
        ("processor", before.hardware.get("processor"), now.hardware.get("processor")),
        ("cores", before.hardware.get("cores"), now.hardware.get("cores")),
    ):
        if old != new:
            raise BenchRefused(
                f"The earlier result is of another {what} ({old}, now {new}), so its parts do not "
                "belong to this one. Operator action: name another file with --into, or remove "
                "that one to begin anew."
            )
    figures = {**before.figures, **now.figures}
    exact = [one for one in (before.exact, now.exact) if one is not None]
    return msgspec.structs.replace(
        now,
        figures=figures,
        targets=targets_of(figures),
        series={**before.series, **now.series},
        parts=tuple(part for part in Part if part in {*before.parts, *now.parts}),
        command=f"{before.command}; {now.command}",
        exact=all(exact) if exact else None,
    )


class Into:
    """The file that the parts of several runs are put into, after each of them."""

    def __init__(self, path: Path) -> None:
        """Read what is there; `NotAResult` where it is something else."""
        self._path = path
        self._before = read_result(path) if path.exists() else None

    def put(self, now: BenchResult) -> BenchResult:
        """Return the result together with what the file held at first, and write it there."""
        whole = now if self._before is None else merged(self._before, now)
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(whole) + b"\n")
        unfinished.replace(self._path)
        return whole
