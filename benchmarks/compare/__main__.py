"""`python -m benchmarks.compare PROGRAM`: the same rating in another stream processor, and in ours."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare.programs import PROGRAMS
from benchmarks.compare.run import Wanted, run_comparison
from benchmarks.compare.show import show
from pipeline.bench.compared import KEPT, keep
from pipeline.bench.run import ACCOUNTS, PREFIXES
from pipeline.cli.arithmetic import trap_inexact_money
from pipeline.cli.exits import Exit
from pipeline.cli.failures import block_of, failure_of
from pipeline.cli.output import tell, write_json
from pipeline.cli.running import Stopped, run_to_end
from pipeline.cli.session import Session
from pipeline.clock import SystemClock


def main(words: list[str] | None = None) -> int:
    """Compare as the command line says; return the exit code."""
    asked = parser().parse_args(words)
    wanted = Wanted(
        program=PROGRAMS[asked.program],
        events=asked.events,
        seed=asked.seed,
        accounts=asked.accounts,
        prefixes=asked.prefixes,
    )
    trap_inexact_money()
    try:
        overrides: dict[str, object] = {} if asked.data is None else {"data": asked.data}
        settings = Session(overrides).settings
        work = run_comparison(settings, wanted, clock=SystemClock(), tell=tell)
        found = run_to_end(work)
    except Stopped as stopped:
        tell("Stopped; nothing is left running.")
        return stopped.exit_code
    except Exception as error:
        return _failed(error)
    if asked.json:
        write_json(found)
    else:
        show(found)
    if asked.keep:
        keep(found)
        tell(f"Kept in {KEPT}; `make generated` writes it into docs/performance.md.")
    return Exit.OK


def parser() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    found = argparse.ArgumentParser(
        prog="python -m benchmarks.compare",
        description="Rate the standard workload in another program and in ours, in one run; fails "
        "where they do not come to the same charges.",
    )
    found.add_argument("program", choices=PROGRAMS, help="the program to compare with")
    found.add_argument(
        "--events", type=_at_least(5_000), default=100_000, help="usage events (default: 100000)"
    )
    found.add_argument("--seed", type=int, default=1, help="the same seed gives the same usage")
    found.add_argument("--accounts", type=_at_least(100), default=ACCOUNTS)
    found.add_argument("--prefixes", type=_at_least(100), default=PREFIXES)
    found.add_argument("--data", type=Path, help="folder for everything; default: that of ratemill")
    found.add_argument("--json", action="store_true", help="end with one JSON line")
    found.add_argument(
        "--keep", action="store_true", help="put the figures into benchmarks/compared.json"
    )
    return found


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from {least:,} on")
        return value

    return number


def _failed(error: Exception) -> int:
    failure = failure_of(error)
    tell(block_of(failure))
    return failure.code


if __name__ == "__main__":
    sys.exit(main())
