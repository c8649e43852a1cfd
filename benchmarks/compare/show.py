"""What a comparison shows on the terminal."""

from __future__ import annotations

from benchmarks.compare.programs import PROGRAMS
from pipeline.bench.compared import COMPARISONS, Compared
from pipeline.bench.judged import number
from pipeline.cli.output import results, table


def show(found: Compared) -> None:
    """Print both sides, and the multiple against what it must be."""
    figures, program = found.figures, PROGRAMS[found.program]
    theirs_us, ours_us = figures["theirs_us_per_event"], figures["ours_us_per_event"]
    rows = [
        [f"{program.title}, {program.guarantee}", number(theirs_us)],
        ["the broker for it", number(figures["theirs_kafka_us_per_event"])],
        ["ratemill, rate, exactly once", number(ours_us)],
    ]
    out = results()
    out.print(
        table(
            f"{figures['events']:,} events, the same {figures['charges']:,} charges",
            ["", ">us of CPU per event"],
            rows,
        )
    )
    target = next(one.target for one in COMPARISONS if one.program == found.program)
    assert target is not None, "a program that can be compared has a target"
    multiple = figures["times_our_cpu"]
    verdict = "reached" if target.reaches(multiple, target.must) else "MISSED"
    out.print(
        f"{program.title} takes {multiple:g} times our CPU; must be {target.must:g} ({verdict}), "
        f"should be {target.aim:g}."
    )
