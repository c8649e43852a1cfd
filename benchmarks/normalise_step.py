"""The CPU time of normalise per item, phase by phase: no broker, a real RocksDB.

`python -m benchmarks.normalise_step` reads the standard mix of usage: 60 % calls as CSV rows in
blocks, 40 % CloudEvents in blocks or as a record each, 1 % duplicates, 1 % late, 0.5 % broken.
The same seed gives the same records. Of several repeats the best one counts, phase by phase: what
a busy machine adds is not the program's.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mediation.decode.item import Decoder
from mediation.decode.mapping import load_decoder
from mediation.normalise import NormaliseStep
from pipeline.state import FORMAT, Folded, StateStore
from pipeline.topics import partition_of
from schemas import raw
from schemas.flow import SourceRecord
from schemas.proof import NORMALISE, Proof, proof_to_msgpack, sealed
from schemas.reference import ReferenceData
from sources.block import Block
from sources.generate.draw import Draw
from sources.generate.population import Offer, Service
from sources.generate.scenario import SCENARIOS
from sources.generate.shares import Kind
from sources.generate.stream import Request, Stream
from sources.generate.usage import Writer
from sources.lines import cut_lines
from sources.records import Origin, records_of
from sources.reference.accounts import read_accounts

DAY_MS = 86_400_000
ROOT = Path(__file__).resolve().parents[1]
ARRIVES_MS = 60_000  # after it was written
PARTITIONS = 8
PHASES = ("prepare", "get", "decide", "encode", "write")
_SHARES = {Kind.UNANSWERED: 1200, Kind.DUPLICATE: 100, Kind.LATE: 100, Kind.BROKEN: 50}


def workload(
    *, items: int, accounts: int, seed: int, messages: bool
) -> tuple[ReferenceData, list[SourceRecord]]:
    """Return reference data, and raw records in the order in which they arrive."""
    stream = Stream(
        Request(
            scenario=SCENARIOS["mixed"],
            seed=seed,
            records=items,
            start=dt.date(2026, 3, 1),
            days=20,
            accounts=accounts,
            offers={service: (Offer("standard", "EUR"),) for service in Service},
            prefixes=("49", "4930", "44", "1", "60", "33", "39"),
            shares=_SHARES,
        )
    )
    reference = ReferenceData()
    lines = b"".join(stream.population.reference_lines())
    reference.apply(read_accounts({"accounts.jsonl": lines}, tenant="acme").accounts, version=1)
    return reference, [
        SourceRecord(0, offset, at_ms + ARRIVES_MS, key, value, headers)
        for offset, (at_ms, key, value, headers) in enumerate(_arriving(stream, seed, messages))
    ]


_Arrival = tuple[int, bytes, bytes, tuple[tuple[str, bytes], ...]]


def _arriving(stream: Stream, seed: int, messages: bool) -> list[_Arrival]:
    draw = Draw(seed, "blocks")
    blocks: dict[Writer, list[tuple[int, Block]]] = {writer: [] for writer in stream.writers}
    open_blocks: dict[Writer, list[bytes]] = {writer: [] for writer in stream.writers}
    sizes = {writer: draw.between(200, 1000) for writer in stream.writers}
    arrivals: list[_Arrival] = []
    last_ms = 0
    for record in stream.records():
        writer, last_ms = record.writer, record.written_at_ms
        if messages and writer.zone is None and len(record.line) <= raw.MAX_RECORD_BYTES:
            origin = _origin(writer)
            headers = (
                *origin.headers(),
                (raw.RECORD, raw.RECORD_MESSAGE),
                (raw.CONTENT_TYPE, raw.CLOUDEVENT.encode()),
            )
            arrivals.append((last_ms, origin.stream.encode(), record.line[:-1], headers))
            continue
        open_blocks[writer].append(record.line)
        if len(open_blocks[writer]) >= sizes[writer]:
            sizes[writer] = draw.between(200, 1000)
            cut = cut_lines([b"".join(open_blocks[writer])])
            blocks[writer] += [(last_ms, block) for block in cut]
            open_blocks[writer] = []
    for writer, left in open_blocks.items():
        blocks[writer] += [(last_ms, block) for block in cut_lines([b"".join(left)])]
        made = records_of(
            (block for _, block in blocks[writer]),
            origin=_origin(writer),
            file_name=writer.name,
            file_id=f"{writer.name}-1",
        )
        times = [at_ms for at_ms, _ in blocks[writer]] + [last_ms]
        arrivals += [
            (at_ms, each.key, each.value, each.headers)
            for at_ms, each in zip(times, made, strict=True)
        ]
    return sorted(arrivals, key=lambda arrival: arrival[0])


def _origin(writer: Writer) -> Origin:
    return Origin("acme", writer.name, writer.name, writer.format, writer.zone)


def step_of(reference: ReferenceData) -> NormaliseStep:
    """Return the step as the worker builds it."""
    texts = {
        path.stem: path.read_text() for path in (ROOT / "mediation" / "mappings").glob("*.yaml")
    }
    mappings: dict[str, Decoder] = {
        name: load_decoder(text, name, extends=texts) for name, text in texts.items()
    }
    return NormaliseStep(
        mappings=mappings,
        reference=reference,
        partition_of=lambda key: partition_of(key.encode(), PARTITIONS),
        raw_partition_of=lambda key: 0,
        horizon_ms=62 * DAY_MS,
        future_ms=DAY_MS,
    )


def genesis() -> Proof:
    """Return the proof that a stream begins with."""
    fields = {"installation": "bench", "genesis_id": "g", "cluster_id": "c", "source_topic": "raw"}
    return sealed(
        Proof(stage=NORMALISE, source_partition=0, batch=0, first=0, next=0, **fields)  # type: ignore[arg-type]
    )


def batches_of(records: list[SourceRecord], *, items: int) -> Iterator[list[SourceRecord]]:
    """Yield batches of about so many items."""
    batch: list[SourceRecord] = []
    held = 0
    for record in records:
        batch.append(record)
        held += record.value.count(b"\n") or 1
        if held >= items:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


class Run:
    """One pass over the records; with a store, duplicates are looked up and remembered in it."""

    def __init__(self, step: NormaliseStep, store: StateStore | None) -> None:
        self._step = step
        self._store = store
        self.proof = genesis()
        self.items = 0
        self.spent_ns = dict.fromkeys(PHASES, 0)

    def take(self, batch: list[SourceRecord]) -> None:
        """Work on one batch as `StagePartition` does, without the broker."""
        clock = time.process_time_ns  # of all threads: RocksDB's own work counts too
        at = [clock()]
        prepared = self._step.prepare(batch)
        at.append(clock())
        state = self._store.get_many(prepared.state_keys) if self._store else {}
        at.append(clock())
        decided = self._step.decide(prepared, state, previous=self.proof)
        at.append(clock())
        proof_to_msgpack(decided.proof)
        at.append(clock())
        self.proof = decided.proof
        if self._store:
            chain, offset = self.proof.chain, self.proof.batch
            self._store.write(decided.changes, Folded(FORMAT, "c", "g", offset, chain))
        at.append(clock())
        self.items += decided.proof.items
        for phase, begin, end in zip(PHASES, at, at[1:], strict=False):
            self.spent_ns[phase] += end - begin


def measure(
    step: NormaliseStep, batches: list[list[SourceRecord]], *, repeats: int, dedup: bool
) -> dict[str, float]:
    """Return microseconds of CPU per item by phase, and in all: the best of the repeats."""
    runs: list[dict[str, float]] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="ratemill-bench-") as folder:
            store = StateStore(Path(folder)) if dedup else None
            run = Run(step, store)
            gc.collect()
            for batch in batches:
                run.take(batch)
            if store:
                store.close()
        runs.append({phase: ns / 1000 / run.items for phase, ns in run.spent_ns.items()})
    best = {phase: min(each[phase] for each in runs) for phase in PHASES}
    best["all"] = min(sum(each.values()) for each in runs)
    return {phase: round(us, 2) for phase, us in best.items()}


def main() -> None:
    """Measure and write one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=60_000)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-items", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--messages", action="store_true", help="each CloudEvent a record")
    parser.add_argument("--only", choices=["csv", "json"], help="one half of the mix")
    asked = parser.parse_args()
    reference, records = workload(
        items=asked.items, accounts=asked.accounts, seed=asked.seed, messages=asked.messages
    )
    if asked.only:
        is_json = asked.only == "json"
        records = [r for r in records if (b"cloudevents" in dict(r.headers)["format"]) == is_json]
    step = step_of(reference)
    batches = list(batches_of(records, items=asked.batch_items))
    run = Run(step, None)
    for batch in batches:  # fills what the step remembers: zones, partitions of rating keys
        run.take(batch)
    result = {
        "items": run.items,
        "without_dedup_us": measure(step, batches, repeats=asked.repeats, dedup=False),
        "with_dedup_us": measure(step, batches, repeats=asked.repeats, dedup=True),
        "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    sys.stdout.write(msgspec.json.format(json.dumps(result), indent=2) + "\n")


if __name__ == "__main__":
    main()
