"""What all passes of one reconciliation share: fixed ends, findings, sums, the tables' snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal

from aiokafka import TopicPartition

from pipeline.proofs import read_last_proof
from pipeline.settings import Settings
from pipeline.topics import Topic, Topics, topics_of
from pipeline.verify.index import HandedOn, StageProofs
from pipeline.verify.reading import Ends, PartitionReader, check_topics, partition_reader
from pipeline.verify.report import Findings
from pipeline.verify.settled import SettledSuspense
from schemas.decimals import EXACT, ZERO
from schemas.proof import NORMALISE, RATE, Proof, proof_from_msgpack
from sinks.progress import Progress
from sinks.reconcile import TablesSnapshot


@dataclass(frozen=True, slots=True)
class VerifyProgress:
    """How far a reconciliation is: what it reads now, and offsets done of all."""

    reading: str
    done: int
    of: int


OnProgress = Callable[[VerifyProgress], None]


@dataclass(slots=True)
class Tally:
    """What is added up on the way."""

    raw_records: int = 0
    items: int = 0
    item_outcomes: Counter[str] = field(default_factory=Counter)
    events: int = 0
    event_outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    recycled_items: Counter[str] = field(default_factory=Counter)
    recycled_events: Counter[str] = field(default_factory=Counter)
    charges: dict[str, Decimal] = field(default_factory=dict)
    ledger_records: int = 0
    limits_reached: int = 0
    rated_rows: int = 0
    raw_lag: int = 0
    event_lag: int = 0
    ledger_lag: int = 0
    suspense_lag: int = 0
    proof_lag: int = 0

    def charge(self, sums: Mapping[str, Decimal]) -> None:
        """Add sums by currency."""
        for currency, amount in sums.items():
            self.charges[currency] = EXACT.add(self.charges.get(currency, ZERO), amount)


class Context:
    """One reconciliation, its ends fixed."""

    def __init__(
        self,
        settings: Settings,
        *,
        bootstrap: str,
        tables: TablesSnapshot | None,
        loaded: Mapping[TopicPartition, Progress],
        on_progress: OnProgress,
    ) -> None:
        self.installation = settings.installation
        self.topics: Topics = topics_of(settings)
        self.tables = tables
        self.loaded = loaded
        self.findings = Findings()
        self.not_checked: list[str] = []
        self.tally = Tally()
        self.settled_suspense = SettledSuspense(self.findings, topic=self.topics.proofs.name)
        self.handed_on = HandedOn()
        self.proofs: dict[str, list[StageProofs]] = {NORMALISE: [], RATE: []}
        self.genesis: Proof | None = None
        self._bootstrap = bootstrap
        self._wait_s = settings.open_transaction_wait_ms / 1000
        self._settled: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._on_progress = on_progress
        self._done = 0

    async def fix_ends(self) -> None:
        """Fix how far each partition is read.

        The order makes all that a proof speaks of readable: first the ends below which proofs are
        held to other topics, then the ends of those topics, then the proofs' ends again, so that
        what is newer than the first ones is not taken for something without a proof.
        """
        topics = self.topics
        await check_topics(self._bootstrap, topics.all())
        ledger, proofs = partitions_of(topics.ledger), partitions_of(topics.proofs)
        between = [*partitions_of(topics.normalised), *partitions_of(topics.suspense)]
        async with Ends(self._bootstrap, wait_s=self._wait_s) as ends:
            self._settled.update(await ends.settled(ledger))
            self._settled.update(await ends.settled(proofs))
            self._ends.update(await ends.settled(between))
            self._ends.update(await ends.settled([*proofs, *ledger, *partitions_of(topics.raw)]))

    def open(self, place: TopicPartition) -> AbstractAsyncContextManager[PartitionReader]:
        """Return a reader of one partition up to its fixed end."""
        return partition_reader(self._bootstrap, place, end=self._ends[place])

    async def proved_upto(self, number: int) -> int:
        """Return the first raw offset of a partition that no proof covers, as of now."""
        place = partitions_of(self.topics.proofs)[number]
        last = await read_last_proof(
            self._bootstrap, place, decode=proof_from_msgpack, client_id="ratemill.verify"
        )
        return last.proof.next

    def settled(self, place: TopicPartition, offset: int) -> bool:
        """Return whether all that a proof speaks of can be read."""
        return offset < self._settled[place]

    def is_loaded(self, place: TopicPartition, offset: int) -> bool:
        """Return whether a record must be in Postgres."""
        row = self.loaded.get(place)
        return row is not None and offset < row.next_position

    def progressed(self, topic: str, records: int) -> None:
        """Say that records of a topic were read."""
        self._done += records
        self._on_progress(VerifyProgress(topic, self._done, sum(self._ends.values())))


def partitions_of(topic: Topic) -> list[TopicPartition]:
    """Return the partitions of a topic as it is declared."""
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]
