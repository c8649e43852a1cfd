"""How disk and memory grow with the marks that a partition of normalise holds, with a table.

    python -m benchmarks.growth --keys 1000000,2000000,5000000,10000000 [--write]

Each size is a process of its own, which opens the store as a worker does, writes the marks in
batches of 2,000 with their index by day, asks for copies and for new ones as batches do, prunes a
tenth, and says what it holds. `--write` puts the table into docs/state.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mediation.changes import MARK_KEY, state_changes
from mediation.dedup import DAY_MS, Mark, MarkState, Window, mark_to_bytes
from pipeline.pruning import Pruning
from pipeline.state import FORMAT, Folded, StateStore
from schemas.flow import SourceRecord
from schemas.ids import digest_of

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "state.md"
BEGIN = "<!-- growth: written by `python -m benchmarks.growth --write` -->\n"
END = "<!-- end of growth -->\n"
_BATCH = 2_000
_DAYS = 62
_FIRST_DAY = 20_500
_MB = 1 << 20
_LOOKUPS = 100


def identity(number: int) -> bytes:
    """Return an identity, which is a hash."""
    return digest_of(b"growth", number.to_bytes(8, "big"))


def fill(store: StateStore, keys: int) -> float:
    """Write so many marks over the days of the horizon; return CPU us for each."""
    cpu = time.process_time()
    for batch, begin in enumerate(range(0, keys, _BATCH), start=1):
        marks = []
        for number in range(begin, min(keys, begin + _BATCH)):
            name = identity(number)
            day = _FIRST_DAY + number * _DAYS // keys
            mark = Mark(name[:8], 1, day, MarkState.PASSED, number // 500, number % 500)
            marks.append((MARK_KEY + name, mark_to_bytes(mark)))
        store.write(state_changes(marks, batch=batch), Folded(FORMAT, "c", "g", batch, "0" * 32))
    return (time.process_time() - cpu) / keys * 1e6


def ask(store: StateStore, keys: int) -> float:
    """Ask for batches of which one in a hundred is a copy; return CPU us for each key."""
    draw = random.Random(keys)
    cpu = 0.0
    for _ in range(_LOOKUPS):
        wanted = [
            MARK_KEY
            + identity(
                draw.randrange(keys) if draw.random() < 0.01 else keys + draw.getrandbits(40)
            )
            for _ in range(_BATCH)
        ]
        begin = time.process_time()
        store.get_many(wanted)
        cpu += time.process_time() - begin
    return cpu / _LOOKUPS / _BATCH * 1e6


def prune(store: StateStore, keys: int) -> float:
    """Prune a tenth of the days; return CPU us for each key that went."""
    window = Window(horizon_ms=_DAYS * DAY_MS, future_ms=DAY_MS)
    newest_day = _FIRST_DAY + _DAYS + _DAYS // 10 + 1
    pruning = Pruning(store, window)
    cpu, gone = time.process_time(), 0
    record = SourceRecord(0, 1, newest_day * DAY_MS, None, b"", ())
    while deleted := pruning.step([record], changes=_BATCH):
        gone += deleted
    return (time.process_time() - cpu) / max(1, gone) * 1e6


def resident_mb() -> float:
    """Return what the process holds now, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def size_mb(folder: Path) -> float:
    """Return the bytes of a folder's files, in MB."""
    return sum(path.stat().st_size for path in folder.iterdir()) / _MB


def measure(keys: int) -> dict[str, float]:
    """Return the figures of one size, in this process."""
    import pipeline.app  # all that a worker has loaded
    import pipeline.stages

    assert pipeline.app.STAGES
    before_mb = resident_mb()
    with tempfile.TemporaryDirectory(
        prefix="ratemill-growth-", dir=os.environ.get("TMPDIR")
    ) as name:
        folder = Path(name) / "state"
        store = StateStore(folder)
        put_us = fill(store, keys)
        ask_us = ask(store, keys)
        store.flush_soon()
        figures = {
            "keys": keys,
            "disk_mb": size_mb(folder),
            "put_us": put_us,
            "ask_us": ask_us,
            "prune_us": prune(store, keys),
            "before_mb": before_mb,
            "resident_mb": resident_mb(),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        store.close()
    return figures


def table(rows: list[dict[str, float]]) -> str:
    """Return the table of all sizes."""
    lines = [
        "| Marks | Disk MB | Bytes each | Resident MB | before | Peak MB | Write us | Ask us | "
        "Prune us |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['keys']:,.0f} | {row['disk_mb']:,.0f} | {row['disk_mb'] * _MB / row['keys']:.0f} | "
        f"{row['resident_mb']:.0f} | {row['before_mb']:.0f} | {row['peak_mb']:.0f} | {row['put_us']:.1f} | "
        f"{row['ask_us']:.1f} | {row['prune_us']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def with_table(document: str, written: str) -> str:
    """Return the document with the table between its two marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the document has lost the mark of the table's begin"
    assert end, "the document has lost the mark of the table's end"
    return f"{before}{begin}{written}{end}{after}"


def main() -> None:
    """Measure each size in a process of its own, and print or write the table."""
    parser = argparse.ArgumentParser(description="How disk and memory grow with marks.")
    parser.add_argument("--keys", default="1000000,2000000,5000000,10000000")
    parser.add_argument("--write", action="store_true", help="put the table into docs/state.md")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one is not None:
        sys.stdout.write(json.dumps(measure(given.one)) + "\n")
        return
    rows = []
    for keys in given.keys.split(","):
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.growth", "--one", keys],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append(json.loads(ran.stdout))
        sys.stdout.write(table(rows[-1:]).splitlines()[-1] + "\n")
        sys.stdout.flush()
    written = table(rows)
    if given.write:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(), written))
    sys.stdout.write("\n" + written)


if __name__ == "__main__":
    main()
