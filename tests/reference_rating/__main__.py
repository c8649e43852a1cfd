"""Rates random pairs of a tariff and usage by the engine and by the reference.

    python -m tests.reference_rating --pairs 100000 --seed 0

It says how many charges each model and step had. A pair on which they differ is printed whole; `--pairs 1 --seed` with its seed plays it again.
"""

import argparse
import sys

from tests.reference_rating.run import run

MUST_HAVE_ALL = 10_000
"""So many pairs have each model and step, or the command fails."""


def main(arguments=None):
    """Return 0 where the two agree on every pair, and a long run has all models; else 1."""
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
    missing = result.never_drawn if result.pairs >= MUST_HAVE_ALL else []
    if missing:
        _show(f"never drawn: {', '.join(missing)}")
    return 1 if result.failures or missing else 0


def _show(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
