"""Rates vectors of public systems: `python -m tests.conformance FILE.jsonl...`.

Prints one line of JSON: passed, failed (ids), not_expressible (ids with the reason). The exit code is
1 when one failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.conformance.run import OWN_VECTORS, Result, run


def main() -> int:
    """Return 0 when no vector failed."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Rates vectors of public rating systems with the engine.",
        epilog="Example: python -m tests.conformance --why tests/conformance/vectors/lago.jsonl",
    )
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE.jsonl", help="(default: the project's own)"
    )
    parser.add_argument("--why", action="store_true", help="say of each failure what differs")
    parser.add_argument("--by-system", action="store_true", help="a table of counts, not JSON")
    options = parser.parse_args()
    files = options.files or sorted(OWN_VECTORS.glob("*.jsonl"))
    missing = [file for file in files if not file.is_file()]
    if missing:
        sys.stderr.write(f"No such file: {missing[0]}. Name files of vectors, a JSON line each.\n")
        return 2
    results = [result for file in files for result in run(file)]
    if options.why:
        for result in results:
            if result.failed:
                sys.stderr.write(f"{result.id}: {result.failed}\n")
    sys.stdout.write(_table(results) if options.by_system else _json(results))
    return int(any(result.failed for result in results))


def _json(results: list[Result]) -> str:
    report = {
        "passed": sum(result.passed for result in results),
        "failed": [result.id for result in results if result.failed],
        "not_expressible": {r.id: r.not_expressible for r in results if r.not_expressible},
    }
    return json.dumps(report) + "\n"


def _table(results: list[Result]) -> str:
    lines = [f"{'system':12} {'all':>5} {'passed':>7} {'failed':>7} {'not expressible':>16}"]
    systems = sorted({result.system for result in results})
    for system in (*systems, "all"):
        some = [result for result in results if system in (result.system, "all")]
        counts = (
            len(some),
            sum(result.passed for result in some),
            sum(result.failed is not None for result in some),
            sum(result.not_expressible is not None for result in some),
        )
        lines.append(f"{system:12} {counts[0]:5} {counts[1]:7} {counts[2]:7} {counts[3]:16}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
