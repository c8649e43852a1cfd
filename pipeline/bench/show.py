"""What a benchmark shows a reader on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.bench.compare import changes, differences, regressions
from pipeline.bench.compared import read_compared
from pipeline.bench.judged import judged, measured_alone, number, reasons_by_name
from pipeline.cli.output import messages, results, table

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.bench.result import BenchResult


def show(result: BenchResult) -> None:
    """Print the targets with what was measured, then every figure."""
    out = results()
    rows_of_targets = judged(result, reasons_by_name(), read_compared())
    if found := measured_alone(rows_of_targets):
        out.print(
            table(
                "Measured against what must be reached, and what is aimed at",
                ["", ">Measured", ">Must", ">Aim", "Verdict", "Reason"],
                [list(row) for row in found],
            )
        )
    if left := len(rows_of_targets) - len(found):
        out.print(f"{left} targets are of parts that were not measured.")
    rows = [[name, number(value)] for name, value in result.figures.items()]
    out.print(table("Figures", ["Name", ">Value"], rows))
    if result.exact is not None:
        verdict = "no record lost, doubled or changed" if result.exact else "it does NOT reconcile"
        out.print(f"Reconciled: {verdict}." if result.exact else f"Check: {verdict}.")


def show_changes(before: BenchResult, now: BenchResult, *, as_json: bool) -> None:
    """Print the change of each figure; to standard error where the result has standard output."""
    out: Console = messages() if as_json else results()
    found = changes(before, now)
    if not found:
        out.print(
            f"Nothing to compare: the result of {before.measured_at} has {', '.join(before.parts)}; "
            f"this one has {', '.join(now.parts)}.",
            markup=False,
        )
        return
    out.print(
        table(
            f"Against the result of {before.measured_at}",
            ["Figure", ">Before", ">Now", ">Change"],
            [
                [
                    one.name,
                    number(one.before),
                    number(one.now),
                    "" if one.percent is None else f"{one.percent:+.1f} %",
                ]
                for one in found
            ],
        )
    )
    for difference in differences(before, now):
        out.print(f"Not the same: {difference}.", markup=False)
    for one in regressions(found):
        out.print(
            f"CPU per event grew: {one.name} by {one.percent:.1f} % "
            f"({number(one.before)} to {number(one.now)}).",
            markup=False,
        )
