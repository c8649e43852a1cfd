"""The change of every figure against an earlier result."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.bench.result import FIRST_FORMATS, BenchResult

_REGRESSION_PERCENT = 10.0
_CPU = "_us_per_"  # in the name of every CPU time per event, row or key
_NOT_OURS = ("pass_through", "faust_agent")  # what ours is compared with


class Change(NamedTuple):
    """One figure, before and now; ``percent`` is None where there is no ratio."""

    name: str
    before: float
    now: float
    percent: float | None


def changes(before: BenchResult, now: BenchResult) -> list[Change]:
    """Return the change of each figure that both results have, in the order of the new one."""
    return [
        Change(name, before.figures[name], value, _percent(before.figures[name], value))
        for name, value in now.figures.items()
        if name in before.figures
    ]


def regressions(found: list[Change]) -> list[Change]:
    """Return those CPU times per event that grew by more than a tenth: a figure, no failure."""
    return [
        one
        for one in found
        if _CPU in one.name
        and not one.name.startswith(_NOT_OURS)
        and one.percent is not None
        and one.percent > _REGRESSION_PERCENT
    ]


def differences(before: BenchResult, now: BenchResult) -> list[str]:
    """Return in words what else differs, so that nobody takes it for a change of the program."""
    found = []
    for what, old, new in (
        ("processor", before.hardware.get("processor"), now.hardware.get("processor")),
        ("cores", before.hardware.get("cores"), now.hardware.get("cores")),
        ("python", before.versions.get("python"), now.versions.get("python")),
        ("events", before.workload.get("events"), now.workload.get("events")),
        ("partitions", before.workload.get("partitions"), now.workload.get("partitions")),
        ("formats", _formats(before), _formats(now)),
        ("prefixes", before.workload.get("prefixes"), now.workload.get("prefixes")),
    ):
        if old != new:
            found.append(f"{what}: {old} before, {new} now")
    return found


def _formats(result: BenchResult) -> int | str:
    return result.workload.get("formats", FIRST_FORMATS)


def _percent(before: float, now: float) -> float | None:
    return None if not before else (now - before) / before * 100
