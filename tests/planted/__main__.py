"""Plants every bug, or those that are named, and says which suite caught each."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

import native
from tests.chaos.machine import machine
from tests.planted.bugs import BUGS, Bug
from tests.planted.compiled_bugs import COMPILED_BUGS
from tests.planted.plant import Caught, catch, compiled_of, copied


def main() -> int:
    """Return 0 when every bug was caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.planted",
        description="Plants small bugs, one at a time, in a copy of the tree, those in compiled code too where it is compiled; a suite must fail on each.",
    )
    parser.add_argument("names", nargs="*", metavar="BUG", help="these alone (default: all)")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument(
        "--result", type=Path, metavar="FOLDER", help="keep the table there, for reliability.md"
    )
    options = parser.parse_args()
    known = {bug.name: bug for bug in (*BUGS, *(COMPILED_BUGS if native.IN_USE else ()))}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no such bug: {', '.join(unknown)}. There are: {', '.join(known)}")
    bugs = [known[name] for name in options.names or known]
    results = []
    for compiled in (False, True):
        results += _caught(
            [bug for bug in bugs if bool(compiled_of(bug)) == compiled], compiled=compiled
        )
    if options.result is not None:
        kept = {
            "name": "planted",
            "command": shlex.join(["python", "-m", "tests.planted", *options.names]),
            "seconds": round(sum(caught.seconds for caught in results), 1),
            **machine(),
            "bugs": [{**caught._asdict(), "what": known[caught.bug].what} for caught in results],
        }
        options.result.mkdir(parents=True, exist_ok=True)
        (options.result / "planted.json").write_text(json.dumps(kept, indent=1) + "\n")
    missed = [caught.bug for caught in results if caught.suite is None]
    if options.json:
        sys.stdout.write(json.dumps([caught._asdict() for caught in results]) + "\n")
    sys.stdout.write(f"{len(results) - len(missed)} of {len(results)} planted bugs caught\n")
    return int(bool(missed))


def _caught(bugs: list[Bug], *, compiled: bool) -> list[Caught]:
    results = []
    with copied(compiled=compiled) as tree:
        for bug in bugs:
            caught = catch(bug, {}, tree=tree)
            results.append(caught)
            verdict = f"caught by {caught.suite}: {caught.said}" if caught.suite else "NOT CAUGHT"
            sys.stderr.write(f"{bug.name} ({caught.seconds:.0f} s): {verdict}\n")
    return results


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)
