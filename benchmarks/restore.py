"""How fast a lost state comes back: from its changelog, and from a snapshot, with figures.

    python -m benchmarks.restore --keys 1000000 --ledger 1000000

A real broker is started (or the one of RATEMILL_KAFKA_BOOTSTRAP is used, under a prefix of its
own). Proofs of normalise that mark so many identities, and so many charges with their proofs, are
appended; then the state folder, which is not there, is rebuilt by the code that a worker runs.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import resource
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from aiokafka import TopicPartition

from counters.state import changes_of, changes_of_many, head_from_state
from mediation.changes import MARK_KEY, pack, state_changes, unpack
from mediation.dedup import Mark, MarkState, mark_to_bytes
from pipeline.embedded import ensure_services
from pipeline.genesis import LEDGER_PROOF_HEADERS, apply_topics
from pipeline.kafka import idempotent_producer
from pipeline.proofs import LastProof, read_last_proof, wait_until_closed
from pipeline.restore import Changelog, catch_up
from pipeline.settings import Settings
from pipeline.snapshot_files import Manifest, partition_folder, write_snapshot
from pipeline.state import StateStore
from pipeline.topics import topics_of
from schemas import ledger
from schemas.flow import SourceRecord, StateChange
from schemas.ids import digest_of
from schemas.ledger import Charge, CounterAfter, Unbilled
from schemas.proof import (
    Proof,
    proof_from_json,
    proof_from_msgpack,
    proof_to_json,
    proof_to_msgpack,
    sealed,
)

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "state.md"
BEGIN = "<!-- restore: written by `python -m benchmarks.restore --write` -->\n"
END = "<!-- end of restore -->\n"
_BATCH = 2_000  # items of a batch
_ACCOUNTS = 20_000
_FIRST_DAY = 20_500


@dataclass(frozen=True)
class Measured:
    """One way back, and what it took."""

    what: str
    count: int
    unit: str
    wall_s: float
    cpu_s: float

    def row(self) -> str:
        """Return a row of the table."""
        return (
            f"| {self.what} | {self.count:,} {self.unit} | {self.wall_s:.1f} | {self.cpu_s:.1f} | "
            f"{self.count / self.wall_s:,.0f} | {self.cpu_s / self.count * 1e6:.2f} |"
        )


HEADER = (
    "| From | What | Wall s | CPU s | Per second | CPU us each |\n|---|---|---:|---:|---:|---:|"
)


def mark_proofs(genesis: Proof, keys: int) -> Iterator[Proof]:
    """Yield proofs that mark ``keys`` identities over 62 days."""
    previous = genesis
    for begin in range(0, keys, _BATCH):
        changed: dict[bytes, bytes | None] = {}
        for number in range(begin, min(keys, begin + _BATCH)):
            identity = digest_of(b"benchmark", number.to_bytes(8, "big"))
            day = _FIRST_DAY + number * 62 // keys
            mark = Mark(identity[:8], 1, day, MarkState.PASSED, number // 500, number % 500)
            changed[MARK_KEY + identity] = mark_to_bytes(mark)
        previous = sealed(
            msgspec.structs.replace(
                previous,
                batch=previous.batch + 1,
                first=previous.next,
                next=previous.next + 4,
                items=len(changed),
                outcomes={"normalised": len(changed)},
                changes=pack(changed),
                previous=previous.chain,
            )
        )
        yield previous


def ledger_batches(genesis: Proof, charges: int) -> Iterator[tuple[list[Charge], Proof]]:
    """Yield charges of many accounts, three counters each, and the proof of each batch."""
    previous, counts = genesis, [0] * _ACCOUNTS
    for begin in range(0, charges, _BATCH):
        batch = []
        for number in range(begin, min(charges, begin + _BATCH)):
            # A few accounts have most of the usage.
            account = number * number * 7_919 % _ACCOUNTS if number % 3 else number % 200
            counts[account] += 1
            batch.append(_charge(number, account, counts[account]))
        previous = sealed(
            msgspec.structs.replace(
                previous,
                batch=previous.batch + 1,
                first=previous.next,
                next=previous.next + len(batch),
                outcomes={"rated": len(batch)},
                ledger_records=len(batch),
                previous=previous.chain,
            )
        )
        yield batch, previous


def _charge(number: int, account: int, sequence: int) -> Charge:
    identity = digest_of(b"benchmark", number.to_bytes(8, "big")).hex()
    key, month = f"account-{account:06d}", 1_790_812_800_000
    after = tuple(
        CounterAfter(name, month, sequence, str(60 * sequence), f"{sequence * 3 // 100}.0600000000")
        for name in ("product:voice-national", "plan:home:calls:s", "allowance:home:free-minutes")
    )
    return Charge(
        tenant="default",
        rating_key=key,
        sequence=sequence,
        charge_id=identity,
        run="retail",
        identity=identity,
        account_id=key,
        subscription_id=f"{key}-1",
        product="voice-national",
        product_type="telephony",
        usage_kind="voice",
        source="switch-1",
        record_id=str(number),
        started_at_ms=month + number,
        origin="493012345678",
        destination="49891234567",
        used="61",
        billed="120",
        free="0",
        unit="s",
        amount="0.0600000000",
        currency="EUR",
        usage_period_ms=month,
        bill_period_ms=month,
        catalogue_version=7,
        price_id="home/calls",
        explanation=(("prefix", "4989", "Germany Munich"), ("increments", "61", "120", "60/60")),
        counters_after=after,
        source_partition=0,
        source_offset=number,
        raw=(0, number // 500, number % 500),
        unbilled=(
            Unbilled("voice-national", "telephony", month, "EUR", sequence, "12.0600000000"),
        ),
    )


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[Settings, str]]:
    """Yield an installation of one partition each, on a broker that is stopped at the end."""
    settings = Settings(
        installation=f"bench{secrets.token_hex(3)}",
        data=folder,
        raw_partitions=1,
        rating_partitions=1,
    )
    started = await ensure_services(
        folder,
        kafka_bootstrap=os.environ.get("RATEMILL_KAFKA_BOOTSTRAP"),
        postgres_dsn=os.environ.get("RATEMILL_POSTGRES_DSN"),
        on_progress=lambda _: None,
        detach=False,
    )
    try:
        bootstrap = started.endpoints.kafka_bootstrap
        await apply_topics(settings, bootstrap=bootstrap)
        yield settings, bootstrap
    finally:
        await started.stop()


async def append(
    bootstrap: str, topic: str, records: Iterator[tuple[bytes, tuple[tuple[str, bytes], ...]]]
) -> None:
    """Append records to partition 0 as fast as the broker takes them."""
    producer = idempotent_producer(bootstrap, client_id="benchmark")
    await producer.start()
    try:
        for value, headers in records:
            await producer.send(topic, value, partition=0, headers=list(headers))
        await producer.flush()
    finally:
        await producer.stop()


async def last_proof(bootstrap: str, topic: str, decode: Callable[[bytes], Proof]) -> LastProof:
    """Return the last proof of partition 0."""
    place = TopicPartition(topic, 0)
    await wait_until_closed(bootstrap, place, client_id="benchmark", wait_s=60)
    return await read_last_proof(bootstrap, place, decode=decode, client_id="benchmark")


async def measured(
    what: str,
    count: int,
    unit: str,
    store: StateStore,
    changelog: Changelog,
    upto: LastProof,
    *,
    snapshots: Path | None = None,
) -> Measured:
    """Catch an empty state up and say what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    await catch_up(store, changelog, upto=upto, progress=lambda _: None, snapshots=snapshots)
    return Measured(what, count, unit, time.perf_counter() - wall, time.process_time() - cpu)


def fold_marks(value: bytes) -> list[StateChange]:
    """Return what normalise folds of a proof."""
    proof = proof_from_msgpack(value)
    return state_changes(unpack(proof.changes), batch=proof.batch)


def is_ledger_proof(record: SourceRecord) -> bool:
    """Return whether a ledger record is a proof."""
    return dict(record.headers).get(ledger.KIND_HEADER) == ledger.KIND_PROOF


def check_marks(store: StateStore, keys: int) -> str:
    """Return the digest of a state that holds every mark."""
    digest, marks = hashlib.blake2b(digest_size=16), 0
    for key, value in store.items():
        marks += key[:1] == MARK_KEY
        digest.update(key + value)
    assert marks == keys, f"{marks} marks of {keys}"
    return digest.hexdigest()


async def restore_marks(
    settings: Settings, bootstrap: str, folder: Path, *, keys: int
) -> list[Measured]:
    """Return what normalise's state took: from the changelog, by way of a snapshot."""
    topic = topics_of(settings).proofs.name
    genesis = (await last_proof(bootstrap, topic, proof_from_msgpack)).proof
    await append(bootstrap, topic, ((proof_to_msgpack(p), ()) for p in mark_proofs(genesis, keys)))
    upto = await last_proof(bootstrap, topic, proof_from_msgpack)
    changelog = Changelog(
        bootstrap=bootstrap,
        partition=TopicPartition(topic, 0),
        client_id="benchmark",
        fold=fold_marks,
        proof_of=lambda record: proof_from_msgpack(record.value),
    )
    store = StateStore(folder / "normalise-0")
    found = [await measured("changelog", keys, "marks", store, changelog, upto)]
    before = check_marks(store, keys)
    taken, wall, cpu = folder / "checkpoint", time.perf_counter(), time.process_time()
    store.checkpoint(taken)
    snapshots = partition_folder(
        settings.snapshot_folder(),
        installation=settings.installation,
        stage="normalise",
        partition=0,
    )
    folded = store.folded
    assert folded is not None
    write_snapshot(
        taken,
        snapshots,
        Manifest(
            format=0,
            installation=settings.installation,
            stage="normalise",
            partition=0,
            folded=folded,
            batch=upto.proof.batch,
            source_next=upto.proof.next,
            taken_at_ms=0,
            keys=0,
            digest="",
            files={},
        ),
    )
    found.append(
        Measured(
            "taking a snapshot",
            keys,
            "marks",
            time.perf_counter() - wall,
            time.process_time() - cpu,
        )
    )
    store.close()
    shutil.rmtree(folder / "normalise-0")
    store = StateStore(folder / "normalise-0")
    found.append(
        await measured("snapshot", keys, "marks", store, changelog, upto, snapshots=snapshots)
    )
    assert check_marks(store, keys) == before, "another state than before"
    store.close()
    return found


async def restore_ledger(
    settings: Settings, bootstrap: str, folder: Path, *, charges: int
) -> list[Measured]:
    """Return what rate's state took from the ledger."""
    topic = topics_of(settings).ledger.name
    genesis = (await last_proof(bootstrap, topic, proof_from_json)).proof

    def records() -> Iterator[tuple[bytes, tuple[tuple[str, bytes], ...]]]:
        kind = ((ledger.KIND_HEADER, ledger.KIND_USAGE),)
        for batch, proof in ledger_batches(genesis, charges):
            yield from ((ledger.to_wire(each), kind) for each in batch)
            yield proof_to_json(proof), LEDGER_PROOF_HEADERS

    await append(bootstrap, topic, records())
    upto = await last_proof(bootstrap, topic, proof_from_json)
    changelog = Changelog(
        bootstrap=bootstrap,
        partition=TopicPartition(topic, 0),
        client_id="benchmark",
        fold=changes_of,
        fold_many=changes_of_many,
        proof_of=lambda r: proof_from_json(r.value) if is_ledger_proof(r) else None,
    )
    store = StateStore(folder / "rate-0")
    found = await measured("ledger", charges, "charges", store, changelog, upto)
    expected = sum(
        head_from_state(value).sequence for key, value in store.items() if key[:1] == b"h"
    )
    assert expected == charges, "the last sequences of all rating keys are all charges"
    store.close()
    return [found]


async def run(folder: Path, keys: int, charges: int) -> list[Measured]:
    """Return all that was measured."""
    async with installation(folder) as (settings, bootstrap):
        found = await restore_marks(settings, bootstrap, folder / "state", keys=keys)
        return found + await restore_ledger(settings, bootstrap, folder / "state", charges=charges)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="How fast a lost state comes back.")
    parser.add_argument("--keys", type=int, default=1_000_000, help="marks of normalise")
    parser.add_argument("--ledger", type=int, default=1_000_000, help="charges in the ledger")
    parser.add_argument("--write", action="store_true", help="put the table into docs/state.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratemill-restore-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user where we are root
        found = asyncio.run(run(folder, given.keys, given.ledger))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows = "\n".join(each.row() for each in found)
    table = f"{HEADER}\n{rows}\n\nPeak resident memory: {peak_mb} MB\n"
    if given.write:
        before, begin, rest = DOCUMENT.read_text().partition(BEGIN)
        _, end, after = rest.partition(END)
        assert begin, "the document has lost the mark of the table's begin"
        assert end, "the document has lost the mark of the table's end"
        DOCUMENT.write_text(f"{before}{begin}{table}{end}{after}")
    sys.stdout.write(table)


if __name__ == "__main__":
    main()
