"""Runs seeds of the simulation: `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import trap_inexact_decimals
from tests.simulation.schedule import POINTS
from tests.simulation.simulate import Outcome, simulate
from tests.simulation.sums import PART_SEEDS, Kept, Sums


def main() -> int:
    """Return 0 when every seed was exact and a process was killed at every point."""
    options = _options()
    trap_inexact_decimals()
    if options.seed is not None:
        outcome = simulate(options.seed)
        sys.stdout.write("\n".join(outcome.said) + "\n")
        sys.stdout.write(f"{_line(outcome)}\n")
        return int(outcome.wrong is not None)
    seeds = range(options.first, options.first + options.seeds)
    if options.result is None:
        sums = _run(seeds, options)
    else:
        kept = Kept(options.result)
        for part in kept.missing(seeds):
            began_s = time.monotonic()
            report = _run(part, options).report(first=part.start)
            if options.stop and report["not_exact"]:
                return 1  # not all of the part was run: it is not kept
            kept.keep(part, report, began_s=began_s)
        sums = kept.sum(seeds)
    report = sums.report(first=seeds.start)
    if options.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        for name, value in report.items():
            sys.stdout.write(f"{name}: {value}\n")
    if sums.not_exact:
        sys.stderr.write(
            f"Not exact. See one again: python -m tests.simulation --seed {sums.not_exact[0]}\n"
        )
    # A few seeds cannot kill at every point; a suite must.
    enough = len(seeds) >= 10 * len(POINTS)
    return int(bool(sums.not_exact) or (enough and bool(report["points_never_killed_at"])))


def _run(seeds: range, options: argparse.Namespace) -> Sums:
    sums = Sums()
    for outcome in _all(seeds, jobs=options.jobs):
        sums.add(outcome)
        if outcome.wrong is not None:
            sys.stderr.write(f"{_line(outcome)}\n")
            if options.stop:
                break
        if sums.seeds % 100 == 0:
            sys.stderr.write(
                f"{sums.seeds:,} of {len(seeds):,} seeds from {seeds.start:,} on, "
                f"{len(sums.not_exact)} not exact\n"
            )
    return sums


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Runs an installation in memory, under a made-up time, hurt as seeds say.",
        epilog="A seed that is not exact is not exact again: --seed N shows all that happened.",
    )
    parser.add_argument("--seeds", type=int, default=500, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first one (default 0)")
    parser.add_argument("--seed", type=int, help="one alone, with all that happened in it")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--stop", action="store_true", help="end at the first that is not exact")
    parser.add_argument("--json", action="store_true", help="the report on one line")
    parser.add_argument(
        "--result",
        type=Path,
        metavar="FOLDER",
        help=f"keep it there in parts of {PART_SEEDS}, and go on after those that are there; "
        "reliability.md is made from it",
    )
    return parser.parse_args()


def _all(seeds: range, *, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from map(simulate, seeds)
        return
    with concurrent.futures.ProcessPoolExecutor(jobs, initializer=trap_inexact_decimals) as pool:
        try:
            yield from pool.map(simulate, seeds, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)


def _line(outcome: Outcome) -> str:
    faults = ", ".join(f"{name} x{count}" for name, count in sorted(outcome.bitten.items()))
    return (
        f"seed {outcome.seed}: {outcome.wrong or 'exact'}; {outcome.virtual_s:.0f} s of made-up "
        f"time; {faults or 'nothing went wrong'}; digest {outcome.digest}"
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
