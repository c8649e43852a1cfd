"""`docs/reliability.md`, written from the results: what was asked, what was done, what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.chaos.table import ROWS, Row

INCONCLUSIVE = "inconclusive"
"""How the failure of a run begins whose faults found nothing at work: it says nothing."""

_HEAD = """\
# Reliability

What must hold: nothing is lost or charged twice, whatever is killed, paused, cut off or full. What
was tried so far, and what came of it, is below. Each row is a run on real processes: the usage is known, the faults hit while records move, and afterwards a
verifier that shares no code with the product compares every record, charge, counter, invoice and
row with what they must be, to the last digit; then `ratemill verify` must reconcile.

Written by `make chaos` from its results, not by hand. Runs that were asked to do less than the table
demands say so under *done*: they are partial. A run whose faults never hit anything at work counts
as failed.

| Row | Fault | Asked | Done | Hits | Lost | Doubled | Wrong | Exact | Time |
|---|---|--:|--:|---|--:|--:|--:|---|--:|
"""


RECORD = Path(__file__).with_name("results.json")
"""What the document in the repository says, so that rows may be played anew one by one."""


def write_report(results: Path, path: Path, record: Path | None = None) -> None:
    """Write the document from a folder of results. ``record``: a file of those of earlier runs, for
    rows that the folder has none of at that scale or a larger one; the folder's are put into it."""
    found = read_results(results)
    if record is not None:
        earlier = json.loads(record.read_text()) if record.exists() else {}
        found = earlier | {n: r for n, r in found.items() if not _is_less(r, earlier.get(n))}
        record.write_text(json.dumps(found, indent=1) + "\n")
    path.write_text(document(found))


def _is_less(result: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> bool:
    """Return whether a run asks less than the one that is on record."""
    return earlier is not None and any(
        result.get(measure, 0) < earlier.get(measure, 0) for measure in ("scale", "seeds")
    )


def read_results(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the results by the name of their row."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        found[result["name"]] = result
    return found


def document(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the document: the table, then each run with how to repeat it."""
    lines = [_line(row, results.get(row.name)) for row in ROWS]
    parts = [_HEAD + "\n".join(lines) + "\n"]
    parts += [
        write(results[name])
        for name, write in (("simulation", _simulation), ("planted", _planted))
        if name in results
    ]
    runs = [_run(results[row.name]) for row in ROWS if row.name in results]
    if runs:
        parts.append("## The runs\n")
        parts += runs
    return "\n".join(parts)


def _simulation(result: Mapping[str, Any]) -> str:
    """Return the section about the seeds of `tests/simulation`."""
    faults = result["faults"]

    def count(kind: str) -> int:
        return sum(number for name, number in faults.items() if name.startswith(kind))

    wrong = result["not_exact"]
    others = {n: c for n, c in faults.items() if not n.startswith(("kill", "stop", "restart"))}
    return "\n".join(
        [
            "## In memory, under a made-up time\n",
            "The stages, the loader and the fold as they are shipped, over a broker, a RocksDB and",
            "tables in memory (decision 15). The seed chooses schedule and faults; the same seed does",
            "the same again.\n",
            f"- {result['seeds']:,} seeds, exact: {result['seeds'] - len(wrong):,}"
            + (f", **not exact: {wrong}**" if wrong else ""),
            f"- {count('kill'):,} kills, {count('stop'):,} stops, {count('restart'):,} restarts, "
            f"{result['open_transactions_torn']:,} transactions whose owner was gone while they "
            "were open",
            f"- {_counted(others.items())}",
            f"- points never killed at: {', '.join(result['points_never_killed_at']) or 'none'}",
            f"- `{result['command']}`, commit {result['commit']}, {result['seconds']:.0f} s\n",
        ]
    )


def _planted(result: Mapping[str, Any]) -> str:
    """Return the section about the planted bugs."""
    caught = sum(bug["suite"] is not None for bug in result["bugs"])
    lines = [
        "## Planted bugs\n",
        f"{caught} of {len(result['bugs'])} were caught. Each is planted alone, in a copy of the "
        "tree; the suites after it ran until one failed.\n",
        "| Bug | What it spoils | Caught by |",
        "|---|---|---|",
    ]
    for bug in result["bugs"]:
        suite = "**nothing**" if bug["suite"] is None else f"`{bug['suite']}`"
        lines.append(f"| {bug['bug']} | {bug['what']} | {suite} |")
    lines.append(f"\n`{result['command']}`, commit {result['commit']}, {result['seconds']:.0f} s\n")
    return "\n".join(lines)


def _line(row: Row, result: Mapping[str, Any] | None) -> str:
    asked = _amount(row.records, row.faults)
    if result is None:
        return f"| {row.name} | {row.fault} | {asked} | not run | | | | | | |"
    done = _amount(result["done"]["records"], result["done"]["faults"])
    if result["done"]["records"] < row.records or result["done"]["faults"] < row.faults:
        done += " (partial)"
    exact = "yes" if result["exact"] else "**no**"
    if result.get("failed", "").startswith(INCONCLUSIVE):
        exact = INCONCLUSIVE
    cells = (
        row.name,
        row.fault,
        asked,
        done,
        _hits(result),
        result["lost"],
        result["doubled"],
        result["wrong"],
        exact,
        f"{result['seconds']:.0f} s",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _amount(records: int, faults: int) -> str:
    return f"{records:,} records" + (f", {faults} faults" if faults else "")


def _hits(result: Mapping[str, Any]) -> str:
    said = []
    for kind, counts in result["hits"]["kinds"].items():
        moving, open_ = counts["while records moved"], counts["with an open transaction"]
        text = f"{kind} {counts['strikes']}: {moving} moving"
        said.append(text + (f", {open_} open" if open_ else ""))
    return "; ".join(said)


def _run(result: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        f"### {result['name']}\n",
        f"- `{result['command']}`, commit {result['commit']}",
        f"- {result['hardware']}; {versions}",
        f"- compared: {_counted(result['compared'].items())}",
    ]
    if result["restored"]:
        restored = _counted((f"of {name}", count) for name, count in result["restored"].items())
        lines.append(f"- states that had to be restored, by partition: {restored}")
    if result["stops"]:
        lines.append(f"- sessions that ended in doubt: {_counted(result['stops'].items())}")
    if result["restarts"]:
        lines.append(f"- workers that were started again: {result['restarts']}")
    for what, count in result["hits"]["facts"].items():
        lines.append(f"- {what}: {count}")
    lines += [f"- {note}" for note in result["notes"]]
    if result["never bit"]:
        lines.append(f"- **never bit**: {', '.join(result['never bit'])}")
    if "failed" in result:
        lines.append(f"- **not finished**: {result['failed'].strip().splitlines()[-1]}")
    lines += [f"- **wrong**: {text.splitlines()[0]}" for text in result["examples"][:5]]
    return "\n".join(lines) + "\n"


def _counted(pairs: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in pairs)
