"""Rates random pairs of a tariff and usage by the engine and by the reference.

    python -m tests.reference_rating --pairs 100000 --seed 0

A pair on which they differ is printed whole; `--pairs 1 --seed` with its seed plays it again.
"""

import argparse
import sys

from tests.reference_rating.run import run


def main(arguments=None):
    """Return 0 where the two agree on every pair, else 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference_rating", description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000, help="how many (1000)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first pair, then one by one (0)"
    )
    parser.add_argument("--most-failures", type=int, default=3, help="then it stops (3)")
    given = parser.parse_args(arguments)
    seeds = range(given.seed, given.seed + given.pairs)
    result = run(seeds, most_failures=given.most_failures, show=_show)
    _show(str(result))
    for report in result.failures:
        sys.stdout.write(report)
    return 1 if result.failures else 0


def _show(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
