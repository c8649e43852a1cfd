"""What one event costs in the step of rate: `.venv/bin/python -m benchmarks.rate_step`.

CPU time of the process by phase, the best of several rounds over the same events, on a real
RocksDB in a temporary folder; no broker. Also the load of the card, its look-up, and the fold of the
ledger, which is what a restore computes.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import gc
import json
import pathlib
import pstats
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from time import process_time_ns
from typing import TypeVar

from benchmarks import rate_workload as workload
from pipeline.rate_step import RateStep
from pipeline.recent_state import RecentState
from pipeline.state import FORMAT, Folded, StateStore
from rating.catalogue import Catalogue, check, compile, document_from_parts, document_to_parts
from schemas.flow import Channel, SourceRecord
from schemas.proof import Proof, proof_to_json
from schemas.reference import ReferenceData

PHASES = ("prepare", "get_many", "decide", "proof", "write")
T = TypeVar("T")


class Clock:
    """CPU time by name; `lap` gives the time since the one before."""

    def __init__(self) -> None:
        self.spent_ns: Counter[str] = Counter()
        self._at_ns = process_time_ns()

    def lap(self, name: str) -> None:
        """Book what was spent since the last call."""
        now_ns = process_time_ns()
        self.spent_ns[name] += now_ns - self._at_ns
        self._at_ns = now_ns


def timed(figures: dict[str, float], name: str, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, and note its CPU seconds."""
    start_ns = process_time_ns()
    found = work()
    figures[name] = round((process_time_ns() - start_ns) / 1e9, 3)
    return found


def load_card(figures: dict[str, float], draw: random.Random, known: list[str]) -> Catalogue:
    """Return the catalogue, loaded as a publisher and as a worker load it."""
    files = workload.catalogue_files(draw, known)
    document = timed(figures, "card_check_s", lambda: check(files)).document
    assert document is not None
    head, chunks = timed(figures, "card_publish_s", partial(document_to_parts, document))
    del document
    read = timed(figures, "card_read_s", lambda: document_from_parts(head, chunks))
    before_kb = resident_kb()
    catalogue = timed(figures, "card_compile_s", lambda: compile(read, 7))
    figures["card_compiled_mb"] = round((resident_kb() - before_kb) / 1024, 1)
    return catalogue


def resident_kb() -> int:
    """Return the resident memory of this process now."""
    with pathlib.Path("/proc/self/status").open() as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def look_up(figures: dict[str, float], catalogue: Catalogue, known: list[str]) -> None:
    """Note what finding a row takes, a number never seen before each time."""
    draw = random.Random(11)
    card = catalogue.plans["calls"].offers["voice"].entries[0].rules[0].model.card
    numbers = [draw.choice(known) + f"{draw.randrange(10**6):06}" for _ in range(100_000)]
    best = 0
    for _ in range(3):
        start_ns = process_time_ns()
        for number in numbers:
            card.find(number, day=20_000, band="peak")
        took_ns = process_time_ns() - start_ns
        best = min(best or took_ns, took_ns)
    figures["card_look_up_us"] = round(best / len(numbers) / 1000, 2)


class Bench:
    """A stage without a broker, over one RocksDB."""

    def __init__(
        self, catalogue: Catalogue, reference: ReferenceData, folder: pathlib.Path, recent: int
    ) -> None:
        self.step = RateStep(catalogue=catalogue, reference=reference)
        store = StateStore(folder)
        self.store = RecentState(store, most_values=recent) if recent else store
        self.previous: Proof = workload.genesis()
        self.ledger: list[bytes] = []

    def round(self, values: list[bytes], batch_records: int, *, keep: bool = False) -> Clock:
        """Rate all events once more, on the state that the rounds before left.

        ``keep``: what goes to the ledger, which a stage hands on and forgets.
        """
        self.ledger = []
        self._keep = keep
        # Its own read totals: the events are those of the round before.
        self.previous = workload.genesis()
        records = workload.source_records(values, 0)
        batches = [records[at : at + batch_records] for at in range(0, len(records), batch_records)]
        clock = Clock()
        for batch in batches:
            self._batch(batch, clock)
        return clock

    def _batch(self, records: list[SourceRecord], clock: Clock) -> None:
        clock.lap("between")
        prepared = self.step.prepare(records)
        clock.lap("prepare")
        state = self.store.get_many(prepared.state_keys)
        clock.lap("get_many")
        decided = self.step.decide(prepared, state, previous=self.previous)
        clock.lap("decide")
        proof = decided.proof
        encoded = proof_to_json(proof)
        clock.lap("proof")
        folded = Folded(FORMAT, proof.cluster_id, proof.genesis_id, proof.next, proof.chain)
        self.store.write(decided.changes, folded)
        clock.lap("write")
        self.previous = proof
        if not self._keep:
            return
        self.ledger += [a.value for a in decided.appends if a.channel is Channel.LEDGER]
        self.ledger.append(encoded)


def rate(
    figures: dict[str, float], bench: Bench, values: list[bytes], arguments: argparse.Namespace
) -> None:
    """Note the CPU time per event of each phase: of the cheapest round."""
    # The state is filled, the caches are warm, and there is a ledger to fold.
    bench.round(values, arguments.batch, keep=True)
    ledger = bench.ledger
    with collecting(arguments.gc):
        rounds = [bench.round(values, arguments.batch).spent_ns for _ in range(arguments.rounds)]
    best = min(rounds, key=lambda spent: sum(spent[name] for name in PHASES))
    for name in PHASES:
        figures[f"{name}_us"] = round(best[name] / len(values) / 1000, 2)
    total_ns = sum(best[name] for name in PHASES)
    figures["step_us"] = round(total_ns / len(values) / 1000, 2)
    figures["events_per_s"] = round(len(values) / total_ns * 1e9)
    figures["ledger_bytes_per_event"] = round(sum(map(len, ledger)) / len(values))
    bench.ledger = ledger


@contextlib.contextmanager
def collecting(how: str) -> Iterator[None]:
    """Set the garbage collector for what is inside."""
    if how in ("off", "frozen"):
        gc.collect()
        gc.freeze()
    if how == "off":
        gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def fold(figures: dict[str, float], bench: Bench) -> None:
    """Note how many ledger records a second of CPU folds."""
    best = 0
    for _ in range(3):
        start_ns = process_time_ns()
        for value in bench.ledger:
            for _change in bench.step.fold(value):
                pass
        took_ns = process_time_ns() - start_ns
        best = min(best or took_ns, took_ns)
    figures["fold_us"] = round(best / len(bench.ledger) / 1000, 2)
    figures["fold_records_per_s"] = round(len(bench.ledger) / best * 1e9)


def main() -> None:
    """Print the figures as a Markdown table, or as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--recent", type=int, default=0, help="values kept before RocksDB")
    parser.add_argument("--gc", choices=("on", "frozen", "off"), default="on")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    draw = random.Random(4)
    known = workload.prefixes(draw)
    catalogue = load_card(figures, draw, known)
    look_up(figures, catalogue, known)
    values = workload.events(draw, known, arguments.events)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(catalogue, workload.reference(), pathlib.Path(folder), arguments.recent)
        rate(figures, bench, values, arguments)
        fold(figures, bench)
        if arguments.profile:
            profile = cProfile.Profile()
            profile.runcall(bench.round, values, arguments.batch)
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)
    figures["resident_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    write = sys.stdout.write
    if arguments.json:
        write(json.dumps(figures) + "\n")
        return
    write("| figure | value |\n|---|---:|\n")
    for name, value in figures.items():
        write(f"| {name} | {value:,} |\n")


if __name__ == "__main__":
    main()
