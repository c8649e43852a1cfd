"""Figures against what they must reach: each with its verdict, and the reason where one is missed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.bench.compared import COMPARISONS, Compared, Comparison, circumstances
from pipeline.bench.result import BenchResult
from pipeline.bench.targets import ABOUT, TARGETS, Target

REASONS = Path(__file__).with_name("reasons.toml")
_NO_REASON = "no reason is written down yet"


class Judged(NamedTuple):
    """One row: what was measured, must be, should be; whether it is."""

    about: str
    measured: str
    must: str
    aim: str
    verdict: str
    reason: str


def reasons_by_name(path: Path = REASONS) -> dict[str, str]:
    """Return the reasons, kept by hand, why a figure misses what it must or should reach."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def missed(result: BenchResult) -> list[str]:
    """Return the names of the figures that do not reach what they must."""
    return [
        name
        for name, target in TARGETS.items()
        if name in result.figures and not target.reaches(result.figures[name], target.must)
    ]


def judged(
    result: BenchResult, reasons: Mapping[str, str], compared: Mapping[str, Compared]
) -> list[Judged]:
    """Return a row for every target, in the order of the design; none is left out.

    ``compared``: what other programs took for the same work, by their names.
    """
    rows = []
    for name, target in TARGETS.items():
        figure = result.figures.get(name)
        if figure is None:
            verdict, why = "not measured", "its part was not asked for"
        else:
            verdict, why = _verdict(figure, target), _why(figure, target, reasons.get(name, ""))
        shown = "" if figure is None else number(figure)
        rows.append(
            Judged(ABOUT[name], shown, number(target.must), number(target.aim), verdict, why)
        )
    rows += [_comparison(one, compared.get(one.program), reasons) for one in COMPARISONS]
    return rows


def _comparison(row: Comparison, found: Compared | None, reasons: Mapping[str, str]) -> Judged:
    target = row.target
    if found is None or target is None:
        return Judged(row.about, "", "", "", "not measured", row.unmeasured)
    figure = found.figures["times_our_cpu"]
    bounds = (number(target.must), number(target.aim))
    about = f"{row.about}: its CPU as a multiple of ours"
    where, why = circumstances(found), _why(figure, target, reasons.get(row.reason_name, ""))
    said = f"{where}; {why}" if why else where
    return Judged(about, number(figure), *bounds, _verdict(figure, target), said)


def _verdict(figure: float, target: Target) -> str:
    if target.reaches(figure, target.aim):
        return "aim reached"
    return "must reached" if target.reaches(figure, target.must) else "MISSED"


def _why(figure: float, target: Target, reason: str) -> str:
    """Return why the aim is not reached; empty where it is, or where that needs no reason."""
    if target.reaches(figure, target.aim):
        return ""
    return reason if reason or target.reaches(figure, target.must) else _NO_REASON


def measured_alone(rows: list[Judged]) -> list[Judged]:
    """Return the rows that have a figure."""
    return [row for row in rows if row.measured]


def number(value: float) -> str:
    """Return a figure as it is read: grouped digits, no more of them than mean something."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"
