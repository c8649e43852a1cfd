"""The reconciliation itself: which partitions are read, up to where, and what is held to what.

Everything is recomputed from the records; the proofs are what it is held to, and the chain of
proofs is what they are held to. Memory grows with batches, rating keys and counters (tens to a few
hundred bytes each), not with records.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aiokafka import TopicPartition

from pipeline.kafka import cluster_id
from pipeline.settings import Settings
from pipeline.topics import Topic, Topics, topics_of
from pipeline.verify.chain import Chain
from pipeline.verify.events import Events
from pipeline.verify.index import HandedOn, StageProofs, Sum
from pipeline.verify.ledger import ClosedBatch, LedgerPartition, LedgerRows
from pipeline.verify.ledger_records import said
from pipeline.verify.reading import PartitionReader, partition_reader, settled_ends
from pipeline.verify.report import Check, Finding, Findings, Lag, Report, Totals
from pipeline.verify.rows import RowsByBatch
from pipeline.verify.suspense import Suspense
from pipeline.verify.unique import Repeats
from schemas.decimals import EXACT, ZERO, to_text
from schemas.proof import NORMALISE, RATE, Proof, proof_from_msgpack
from sinks.connection import Pool, open_pool
from sinks.progress import Progress as Loaded
from sinks.reconcile import LimitRow, ProofRow, RatedRow, TablesSnapshot, tables_snapshot

_MOST = 20  # mismatches that a statement over whole tables returns


@dataclass(frozen=True, slots=True)
class VerifyProgress:
    """How far a reconciliation is: what it reads now, and offsets done of all."""

    reading: str
    done: int
    of: int


OnProgress = Callable[[VerifyProgress], None]


async def verify(
    settings: Settings,
    *,
    bootstrap: str,
    dsn: str | None,
    on_progress: OnProgress = lambda _: None,
) -> Report:
    """Return the reconciliation of an installation; without a ``dsn``, of its topics alone.

    It may run while the stages do: what is still on its way is reported as lag.
    """
    async with contextlib.AsyncExitStack() as stack:
        tables = None
        if dsn is not None:
            # Before any topic is read: what is loaded now is in the topics by then.
            pool: Pool = await stack.enter_async_context(
                open_pool(dsn, installation=settings.installation, max_size=1)
            )
            tables = await stack.enter_async_context(tables_snapshot(pool))
        run = await _Run.begin(settings, bootstrap, tables, on_progress)
        return await run.report()


@dataclass(slots=True)
class _Tally:
    """What is added up on the way."""

    raw_records: int = 0
    items: int = 0
    item_outcomes: Counter[str] = field(default_factory=Counter)
    events: int = 0
    event_outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    charges: dict[str, Decimal] = field(default_factory=dict)
    ledger_records: int = 0
    limits: int = 0
    rows: int = 0
    raw_lag: int = 0
    event_lag: int = 0
    ledger_lag: int = 0
    proof_lag: int = 0


class _Run:
    def __init__(
        self,
        settings: Settings,
        bootstrap: str,
        tables: TablesSnapshot | None,
        on_progress: OnProgress,
    ) -> None:
        self._settings = settings
        self._topics: Topics = topics_of(settings)
        self._bootstrap = bootstrap
        self._tables = tables
        self._on_progress = on_progress
        self._findings = Findings()
        self._not_checked: list[str] = []
        self._handed_on = HandedOn()
        self._proofs: dict[str, list[StageProofs]] = {NORMALISE: [], RATE: []}
        self._tally = _Tally()
        self._loaded: Mapping[TopicPartition, Loaded] = {}
        self._settled: dict[TopicPartition, int] = {}  # records below have all theirs elsewhere
        self._ends: dict[TopicPartition, int] = {}
        self._genesis: tuple[str, str] | None = None  # cluster, genesis id, by the topics
        self._done = 0

    @classmethod
    async def begin(
        cls,
        settings: Settings,
        bootstrap: str,
        tables: TablesSnapshot | None,
        on_progress: OnProgress,
    ) -> _Run:
        """Return a run whose ends are fixed.

        The order makes every record that a proof speaks of readable: first the ends of the proofs
        that are held to other topics, then those of the topics, then the proofs' ends again, so
        that a record behind the first ones is not taken for one without a proof.
        """
        run = cls(settings, bootstrap, tables, on_progress)
        if tables is not None:
            run._loaded = {
                TopicPartition(row.topic, row.partition): row for row in await tables.progress()
            }
        topics = run._topics
        run._settled.update(await run._settle(topics.ledger))
        run._settled.update(await run._settle(topics.proofs))
        for topic in (topics.normalised, topics.suspense, topics.proofs, topics.ledger, topics.raw):
            run._ends.update(await run._settle(topic))
        return run

    async def _settle(self, topic: Topic) -> Mapping[TopicPartition, int]:
        return await settled_ends(
            self._bootstrap,
            _partitions(topic),
            wait_s=self._settings.open_transaction_wait_ms / 1000,
        )

    async def report(self) -> Report:
        topics, tally = self._topics, self._tally
        for number in range(topics.raw.partitions):
            await self._normalise(number)
        for number in range(topics.ledger.partitions):
            await self._rate(number)
        suspense_lag = await self._suspense()
        lag = Lag(
            raw_records=tally.raw_lag,
            events=tally.event_lag,
            suspense_records=suspense_lag,
            ledger_records=tally.ledger_lag,
            proofs=tally.proof_lag,
        )
        totals = Totals(
            raw_records=tally.raw_records,
            items=tally.items,
            item_outcomes=dict(sorted(tally.item_outcomes.items())),
            events=tally.events,
            event_outcomes=dict(sorted(tally.event_outcomes.items())),
            refusals=dict(sorted(tally.refusals.items())),
            charges={name: to_text(sum_) for name, sum_ in sorted(tally.charges.items())},
            ledger_records=tally.ledger_records,
            limits_reached=tally.limits,
        )
        if self._tables is not None:
            lag, totals = await self._whole_tables(self._tables, lag, totals)
        return Report(
            installation=self._settings.installation,
            findings=self._findings.in_order(),
            mismatches=self._findings.count,
            lag=lag,
            totals=totals,
            checked=tuple(
                check
                for check in Check
                if self._tables is not None or not check.startswith("postgres.")
            ),
            not_checked=tuple(self._not_checked)
            if self._tables is not None
            else (*self._not_checked, "Postgres: no database given"),
        )

    # --- raw and proofs of normalise ---------------------------------------------------------

    async def _normalise(self, number: int) -> None:
        topics, tally = self._topics, self._tally
        place = TopicPartition(topics.proofs.name, number)
        source = TopicPartition(topics.raw.name, number)
        chain = Chain(
            self._findings,
            topic=place.topic,
            partition=number,
            installation=self._settings.installation,
            source_topic=source.topic,
            chain_check=Check.NORMALISE_CHAIN,
            outcome_check=Check.NORMALISE_OUTCOMES,
        )
        index = StageProofs(source.topic, number)
        self._proofs[NORMALISE].append(index)
        rows = self._proof_rows(NORMALISE, source)
        loaded = self._loaded.get(place)
        async with self._open(place) as proofs, self._open(source) as raw:
            async for chunk in proofs.chunks():
                for record in chunk:
                    proof = proof_from_msgpack(record.value)
                    self._note_genesis(proof)
                    if not chain.follow(proof, offset=record.offset):
                        continue
                    settled = record.offset < self._settled[place]
                    index.put(proof, settled=settled)
                    self._handed_on.put(proof, settled=settled)
                    await self._raw_records(raw, proof)
                    tally.items += proof.items
                    tally.item_outcomes.update(proof.outcomes)
                    tally.refusals.update(proof.refusals)
                    if loaded is not None and record.offset < loaded.next_position:
                        await self._proof_row(rows, proof, place, record.offset)
                    elif loaded is not None:
                        tally.proof_lag += 1
                self._progressed(place.topic, len(chunk))
            chain.end()
            await self._rows_beyond(rows, Check.POSTGRES_PROOFS, place)
            async for chunk in raw.chunks():
                tally.raw_lag += len(chunk)
                self._progressed(source.topic, len(chunk))

    async def _raw_records(self, raw: PartitionReader, proof: Proof) -> None:
        """Count the raw records of a proof's range: offsets may have holes."""
        found = 0
        async for chunk in raw.chunks(below=proof.next):
            found += sum(record.offset >= proof.first for record in chunk)
            self._progressed(self._topics.raw.name, len(chunk))
        self._tally.raw_records += proof.records
        if proof.first < raw.begin:
            return  # trimmed behind the proof, as it may be
        if found != proof.records:
            self._findings.add(
                Finding(
                    check=Check.RAW_RECORDS,
                    topic=proof.source_topic,
                    partition=proof.source_partition,
                    batches=(proof.batch, proof.batch),
                    offsets=(proof.first, proof.next),
                    expected=f"{found:,} records",
                    found=f"{proof.records:,} read by normalise",
                )
            )

    # --- normalised and ledger ---------------------------------------------------------------

    async def _rate(self, number: int) -> None:
        topics, tally = self._topics, self._tally
        place = TopicPartition(topics.ledger.name, number)
        source = TopicPartition(topics.normalised.name, number)
        chain = Chain(
            self._findings,
            topic=place.topic,
            partition=number,
            installation=self._settings.installation,
            source_topic=source.topic,
            chain_check=Check.RATE_CHAIN,
            outcome_check=Check.RATE_OUTCOMES,
        )
        index = StageProofs(source.topic, number)
        self._proofs[RATE].append(index)
        proof_rows = self._proof_rows(RATE, source)
        tables = _LedgerTables.of(self._tables, self._findings, place)
        loaded = self._loaded.get(place)
        with Repeats() as repeats:
            partition = LedgerPartition(
                self._findings, repeats, topic=place.topic, partition=number
            )
            async with self._open(place) as ledger, self._open(source) as normalised:
                events = Events(
                    self._findings,
                    self._handed_on,
                    topic=source.topic,
                    partition=number,
                    begin=normalised.begin,
                )
                async for chunk in ledger.chunks():
                    for record in chunk:
                        value = said(record.value)
                        if not isinstance(value, Proof):
                            partition.add(value, record.offset)
                            if loaded is not None and record.offset >= loaded.next_position:
                                tally.ledger_lag += 1
                            continue
                        moves_on = chain.follow(value, offset=record.offset)
                        closed = partition.prove(value, record.offset)
                        if not moves_on:
                            continue
                        settled = record.offset < self._settled[place]
                        index.put(value, settled=settled)
                        if settled:
                            await self._events(normalised, events, value)
                        tally.events += value.records
                        tally.event_outcomes.update(value.outcomes)
                        tally.refusals.update(value.refusals)
                        if loaded is not None and record.offset < loaded.next_position:
                            await self._proof_row(proof_rows, value, place, record.offset)
                            if tables is not None:
                                await tables.compare(closed)
                        elif loaded is not None:
                            tally.ledger_lag += 1
                    self._progressed(place.topic, len(chunk))
                chain.end()
                partition.end()
                async for chunk in normalised.chunks():
                    events.take(chunk)
                    self._progressed(source.topic, len(chunk))
                tally.event_lag += events.end()
            if tables is not None:
                await tables.end()
                tally.rows += tables.rows
            await self._rows_beyond(proof_rows, Check.POSTGRES_PROOFS, place)
        if loaded is not None and chain.last is not None:
            self._position(loaded, index, place)
        tally.ledger_records += partition.records
        tally.limits += partition.limits
        for currency, amount in partition.charges.items():
            tally.charges[currency] = EXACT.add(tally.charges.get(currency, ZERO), amount)

    async def _events(
        self, normalised: PartitionReader, events: Events, proof: Proof
    ) -> None:
        async for chunk in normalised.chunks(below=proof.next):
            events.take(chunk)
            self._progressed(proof.source_topic, len(chunk))
        if proof.first < normalised.begin:
            events.trust(proof)
        else:
            events.compare(proof)

    # --- suspense ----------------------------------------------------------------------------

    async def _suspense(self) -> int:
        topic = self._topics.suspense
        suspense = Suspense(self._findings, self._proofs, topic=topic.name)
        for place in _partitions(topic):
            loaded = self._loaded.get(place)
            async with self._open(place) as reader:
                async for chunk in reader.chunks():
                    suspense.take(
                        chunk,
                        partition=place.partition,
                        loaded=None if loaded is None else loaded.next_position,
                    )
                    self._progressed(topic.name, len(chunk))
        suspense.compare_with_proofs()
        if self._tables is not None:
            for stage, partitions in self._proofs.items():
                for proofs in partitions:
                    sums: dict[int, Sum] = {}
                    rows = self._tables.suspense(
                        stage=stage, source_topic=proofs.topic, source_partition=proofs.partition
                    )
                    async for few in rows:
                        suspense.compare_with_rows(proofs, few, sums)
                    suspense.end_of_rows(stage, proofs, sums)
        return suspense.not_loaded

    # --- Postgres ----------------------------------------------------------------------------

    async def _whole_tables(
        self, tables: TablesSnapshot, lag: Lag, totals: Totals
    ) -> tuple[Lag, Totals]:
        """Check what statements over whole tables can tell; return lag and totals with it."""
        await self._identity(tables)
        for guard in await tables.guard_mismatches(most=_MOST):
            self._findings.add(
                Finding(
                    check=Check.POSTGRES_GUARD,
                    topic=self._topics.ledger.name,
                    partition=guard.ledger_partition,
                    offsets=(guard.ledger_offset, guard.ledger_offset + 1),
                    expected=f"row and guard of charge {guard.charge_id}, of one position",
                    found=_found(row=guard.has_row, guard=guard.has_guard),
                )
            )
        for wrong in await tables.invoice_mismatches(most=_MOST):
            self._findings.add(
                Finding(
                    check=Check.POSTGRES_INVOICES,
                    topic=f"invoice {wrong.number}",
                    partition=-1,
                    expected=f"{wrong.what}: {wrong.expected}",
                    found=wrong.found,
                )
            )
        invoices = await tables.invoices()
        return (
            _replaced(lag, invoice_requests=invoices.pending),
            _replaced(
                totals,
                rated_rows=self._tally.rows,
                invoices=invoices.count,
                invoiced={name: to_text(sum_) for name, sum_ in invoices.totals.items()},
            ),
        )
