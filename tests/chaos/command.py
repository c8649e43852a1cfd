"""The command line of the chaos runs: list them, play them in parts, go on where one was stopped."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.errors import RatemillError
from sinks.errors import SinkError
from tests.chaos.machine import check_room, machine
from tests.chaos.problem import NeverBit, Problem
from tests.chaos.report import INCONCLUSIVE, RECORD, write_report
from tests.chaos.run import Run
from tests.chaos.table import BY_NAME, ROWS, Row

SEED = 20_260_920
RESULTS = Path(".chaos")
REPORT = Path(__file__).parents[2] / "docs" / "reliability.md"


def main(words: Sequence[str]) -> int:
    """Return 0 where every run was exact, 1 where one was not, 2 where nothing could be done."""
    asked = _parser().parse_args(words)
    if asked.command == "list":
        for row in ROWS:
            _say(f"{row.name:<14} {row.fault} ({row.records:,} records, {row.faults} faults)")
        return 0
    if asked.command == "report":
        record = RECORD if asked.report == REPORT else None
        write_report(asked.resume, asked.report, record)
        return 0
    try:
        rows = _rows(asked.names)
        for row in rows:
            check_room(row.scaled(asked.scale)[0])
            lacking = row.why_not()
            if lacking is not None and row.name in asked.names:
                raise Problem(f"{row.name} cannot be played here: {lacking}.")
    except Problem as problem:
        _say(str(problem))
        return 2
    return _play_all(rows, asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="name every row of the table")
    run = commands.add_parser("run", help="play rows; all of them where none is named")
    run.add_argument("names", nargs="*", metavar="NAME")
    run.add_argument(
        "--seed", type=int, default=SEED, help="of usage and faults (default %(default)s)"
    )
    run.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="0.01: a hundredth of what is asked (default: all of it); too little, and the faults "
        "find nothing at work",
    )
    run.add_argument("--json", action="store_true", help="write each result as a line of JSON")
    run.add_argument(
        "--keep", action="store_true", help="keep the folder of a run that is not exact"
    )
    run.add_argument(
        "--report", type=Path, help="write the table there (default: it is left as it is)"
    )
    report = commands.add_parser(
        "report",
        help="write docs/reliability.md from the results and, for what is not among them, from those "
        "of earlier runs",
    )
    report.add_argument(
        "--report", type=Path, default=REPORT, help="where to write it (default: the document)"
    )
    for each in (run, report):
        each.add_argument(
            "--resume",
            type=Path,
            default=RESULTS,
            help="folder of results; what is there is kept (default %(default)s)",
        )
    return parser


def _rows(names: Sequence[str]) -> list[Row]:
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise Problem(
            f"There is no row {', '.join(unknown)}. Operator action: name some of "
            f"{', '.join(BY_NAME)}, or none for all of them."
        )
    return [BY_NAME[name] for name in names] or list(ROWS)


def _play_all(rows: Sequence[Row], asked: argparse.Namespace) -> int:
    asked.resume.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it cleans up too
    good = True
    for row in rows:
        path = asked.resume / f"{row.name}.json"
        if _is_done(path, asked):
            _say(f"{row.name}: done before, see {path}")
            good &= bool(json.loads(path.read_text())["exact"])
            continue
        lacking = row.why_not()
        if lacking is not None:
            _say(f"{row.name}: not played: {lacking}.")
            continue
        _say(f"{row.name}: {row.fault}")
        try:
            result = play(row, seed=asked.seed, scale=asked.scale, keep=asked.keep)
        except Problem as problem:
            _say(str(problem))
            return 2
        except KeyboardInterrupt:
            _say("Stopped; everything that was started has ended. The same command goes on here.")
            return 130
        path.write_text(json.dumps(result, indent=1) + "\n")
        if asked.report is not None:
            write_report(asked.resume, asked.report)
        _say(json.dumps(result) if asked.json else text_of(result))
        good &= result["exact"]
    return 0 if good else 1


def _is_done(path: Path, asked: argparse.Namespace) -> bool:
    if not path.exists():
        return False
    before = json.loads(path.read_text())
    return (before["seed"], before["scale"]) == (asked.seed, asked.scale)


def play(row: Row, *, seed: int, scale: float, keep: bool = False) -> dict[str, Any]:
    """Return the result of one row; what it cannot finish is part of the result, never hidden."""
    records, faults = row.scaled(scale)
    folder = tempfile.TemporaryDirectory(prefix=f"ratemill-chaos-{row.name}-")
    Path(folder.name).chmod(0o755)
    run = Run(records, faults, seed, Path(folder.name))
    started_s = time.monotonic()
    failed = problem = None
    try:
        asyncio.run(row.play(run))
    except* Problem as group:  # what is raised in here would be a group again
        problem = _first(group)
    except* NeverBit as group:
        failed = (
            f"{INCONCLUSIVE}: {_first(group)}. Operator action: choose a larger --scale; with few "
            "records all are through before a fault can hit."
        )
    except* (RatemillError, SinkError, KafkaError, TimeoutError, AssertionError) as group:
        failed = "".join(traceback.format_exception(_first(group)))[-4_000:]
    if problem is not None:
        folder.cleanup()
        raise problem
    found = run.result()
    if failed is not None:
        found |= {"exact": False, "failed": failed}
    if keep and not found["exact"]:
        _say(f"kept: {folder.name}")
        folder._finalizer.detach()  # type: ignore[attr-defined]
    else:
        folder.cleanup()
    return {
        "name": row.name,
        "fault": row.fault,
        "seed": seed,
        "scale": scale,
        "asked": {"records": row.records, "faults": row.faults},
        "done": {"records": records, "faults": len(run.hits.all)},
        "seconds": round(time.monotonic() - started_s, 1),
        "command": f"python -m tests.chaos run {shlex.quote(row.name)} --seed {seed} --scale {scale}",
        **machine(),
        **found,
    }


def _first(error: BaseException) -> BaseException:
    """Return the first error of a group that is none itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def text_of(result: dict[str, Any]) -> str:
    """Return a result in a few lines."""
    lines = [
        f"{result['name']}: {'exact' if result['exact'] else 'NOT EXACT'} in {result['seconds']} s: "
        f"{result['lost']} lost, {result['doubled']} doubled, {result['wrong']} wrong",
        "  compared: " + ", ".join(f"{n:,} {what}" for what, n in result["compared"].items()),
    ]
    for kind, counts in result["hits"]["kinds"].items():
        lines.append(f"  {kind}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    for what, count in result["hits"]["facts"].items():
        lines.append(f"  {count} {what}")
    for name in ("restored", "stops", "never bit", "notes"):
        if result[name]:
            lines.append(f"  {name}: {result[name]}")
    lines += [f"  {text}" for text in result["examples"]]
    if "failed" in result:
        lines.append(f"  failed: {result['failed']}")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
