"""Runs seeds of the simulation: `python -m tests.simulation --help`."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.machine import machine
from tests.conftest import trap_inexact_decimals
from tests.simulation.schedule import POINTS
from tests.simulation.simulate import Outcome, simulate


def main() -> int:
    """Return 0 when every seed was exact and a process was killed at every point."""
    options = _options()
    trap_inexact_decimals()
    if options.seed is not None:
        outcome = simulate(options.seed)
        sys.stdout.write("\n".join(outcome.said) + "\n")
        sys.stdout.write(f"{_line(outcome)}\n")
        return int(outcome.wrong is not None)
    began_s = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    bitten: Counter[str] = Counter()
    wrong: list[Outcome] = []
    done, deaths, torn = 0, 0, 0
    for outcome in _all(seeds, jobs=options.jobs):
        done += 1
        bitten += outcome.bitten
        deaths += outcome.deaths
        torn += outcome.torn
        if outcome.wrong is not None:
            wrong.append(outcome)
            sys.stderr.write(f"{_line(outcome)}\n")
            if options.stop:
                break
        if done % 100 == 0:
            sys.stderr.write(f"{done:,} of {len(seeds):,} seeds, {len(wrong)} not exact\n")
    never = [point for point in POINTS if not bitten[f"kill {point}"]]
    report = {
        "seeds": done,
        "first": options.first,
        "not_exact": [outcome.seed for outcome in wrong],
        "deaths": deaths,
        "open_transactions_torn": torn,
        "faults": dict(sorted(bitten.items())),
        "points_never_killed_at": never,
    }
    if options.result is not None:
        command = f"python -m tests.simulation --seeds {len(seeds)} --first {options.first}"
        seconds = round(time.monotonic() - began_s, 1)
        kept = {"name": "simulation", "command": command, "seconds": seconds, **machine(), **report}
        options.result.mkdir(parents=True, exist_ok=True)
        (options.result / "simulation.json").write_text(json.dumps(kept, indent=1) + "\n")
    if options.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        for name, value in report.items():
            sys.stdout.write(f"{name}: {value}\n")
    if wrong:
        sys.stderr.write(
            f"Not exact. See one again: python -m tests.simulation --seed {wrong[0].seed}\n"
        )
    # A few seeds cannot kill at every point; a suite must.
    return int(bool(wrong) or (bool(never) and len(seeds) >= 10 * len(POINTS)))


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
        "--result", type=Path, metavar="FOLDER", help="keep the report there, for reliability.md"
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
