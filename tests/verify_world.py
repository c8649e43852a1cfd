"""An installation that went through both stages and load, batch by batch, with a hand on each batch.

The steps, the transactions, the load and the invoices are the product's; the loop around them is
this file's, so that a test can doctor what a batch appends.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from mediation.normalise import NormaliseStep
from pipeline.cli.starts import starts_of
from pipeline.genesis import LEDGER_PROOF_HEADERS, apply_topics
from pipeline.kafka import admin_client, idempotent_producer, reading
from pipeline.loading import LedgerGathering, ProofGathering, SuspenseGathering
from pipeline.proofs import read_last_proof, wait_until_closed
from pipeline.rate_step import RateStep
from pipeline.settings import Settings
from pipeline.topics import Topic, partition_of, topics_of
from pipeline.transaction import Transaction
from pipeline.verify import Report, verify
from pipeline.verify.reading import Ends
from rating.catalogue import compile
from rating.catalogue.document import (
    CatalogueDocument,
    Graduated,
    Plan,
    PlanPrice,
    PriceVersion,
    Product,
)
from rating.price.graduated import Tier
from schemas.flow import Append, Channel, SourceRecord
from schemas.limit import ChargeLimit
from schemas.proof import (
    NORMALISE,
    RATE,
    Proof,
    proof_from_json,
    proof_from_msgpack,
    proof_to_json,
    proof_to_msgpack,
)
from schemas.raw import ClosePeriodCommand, command_to_json
from schemas.reference import ReferenceData
from sinks.connection import open_pool
from sinks.installation import Identity, register
from sinks.invoices import build_pending_invoices
from sinks.migrate import migrate
from sinks.progress import read_progress
from tests import mediation_world

YEARS_MS = 20 * 365 * mediation_world.DAY_MS
BATCH_RECORDS = 10
STREAMS = (b"fleet-a", b"fleet-b")  # of raw partitions 0 and 1

CATALOGUE = CatalogueDocument(
    products=(
        Product(code="iot-data", name="Data", product_type="data", usage_kind="data", unit="B"),
    ),
    plans=(
        Plan(
            code="basic",
            name="Basic",
            currency="EUR",
            prices=(
                PlanPrice(
                    code="traffic",
                    product="iot-data",
                    versions=(
                        PriceVersion(
                            model=Graduated(
                                tiers=(
                                    Tier(Decimal(50), Decimal("0.03")),
                                    Tier(None, Decimal("0.01")),
                                ),
                                per_units=Decimal(7),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    ),
    limits=(ChargeLimit(limit_id="every-15", scope="account", records=15),),
)

Doctor = Callable[[list[Append], Proof], Sequence[tuple[list[Append], Proof | None]]]
"""What is written in place of a batch: transactions, each with its appends and its proof."""


Skip = Callable[[SourceRecord], bool]
"""Which source records the loop passes over, as a broken stage would."""


def as_decided(appends: list[Append], proof: Proof) -> Sequence[tuple[list[Append], Proof | None]]:
    return [(appends, proof)]


class VerifyWorld:
    def __init__(self, settings: Settings, bootstrap: str, dsn: str | None) -> None:
        self.settings = settings
        self.bootstrap = bootstrap
        self.dsn = dsn
        self.topics = topics_of(settings)
        self._states: dict[tuple[str, int], dict[bytes, bytes]] = {}
        self._proofs: dict[tuple[str, int], Proof] = {}
        reference = ReferenceData()
        reference.apply(mediation_world.accounts(), version=1)
        self.normalise_step = NormaliseStep(
            mappings=mediation_world.MAPPINGS,
            reference=reference,
            partition_of=lambda key: partition_of(key.encode(), 2),
            raw_partition_of=lambda key: partition_of(key, 2),
            horizon_ms=YEARS_MS,
            future_ms=YEARS_MS,
        )
        self.rate_step = RateStep(catalogue=compile(CATALOGUE, 1), reference=reference)

    @classmethod
    async def create(cls, prefix: str, *, bootstrap: str, dsn: str | None) -> "VerifyWorld":
        """Return a new installation; without a database it has topics alone."""
        settings = Settings(installation=prefix, raw_partitions=2, rating_partitions=2)
        applied = await apply_topics(settings, bootstrap=bootstrap)
        if dsn is None:
            return cls(settings, bootstrap, dsn)
        await migrate(dsn, installation=prefix)
        async with open_pool(dsn, installation=prefix, max_size=1) as pool:
            await register(
                pool,
                Identity(prefix, applied.cluster_id, applied.genesis_id),
                await starts_of(settings, bootstrap=bootstrap),
            )
        return cls(settings, bootstrap, dsn)

    # What comes in.

    async def publish(
        self, values: Sequence[bytes], *, partition: int, **named: str | None
    ) -> None:
        stream = STREAMS[partition]
        headers = list(mediation_world.headers(stream=stream.decode(), **named))
        producer = idempotent_producer(self.bootstrap, client_id="test")
        await producer.start()
        try:
            for value in values:
                await producer.send(
                    self.topics.raw.name, value, key=stream, partition=partition, headers=headers
                )
            await producer.flush()
        finally:
            await producer.stop()

    async def publish_usage(self, *, first: int = 0) -> None:
        """Publish 60 records a partition: new ones, copies, unknown subscribers, no price."""
        for partition in (0, 1):
            await self.publish(
                [_line(first + 1000 * partition + number) for number in range(60)],
                partition=partition,
            )

    async def close_periods(self, *, end_ms: int) -> None:
        """Publish the command to close a period, for each account."""
        for number, account in enumerate(mediation_world.IDENTIFIERS):
            close = ClosePeriodCommand(
                tenant="acme", account_id=account, period_start_ms=0, period_end_ms=end_ms
            )
            about = {"record": "command", "command_id": f"close-{number}", "format": None}
            await self.publish([command_to_json(close)], partition=0, **about)

    # What becomes of it.

    async def run(self) -> None:
        """Take all that was published the whole way."""
        await self.normalise()
        await self.rate()
        await self.load()

    async def normalise(self, doctor: Doctor = as_decided, *, skip: Skip | None = None) -> None:
        topics = {
            Channel.NORMALISED: self.topics.normalised.name,
            Channel.SUSPENSE: self.topics.suspense.name,
            Channel.PROOFS: self.topics.proofs.name,
        }
        for partition in (0, 1):
            await self._stage(
                self.normalise_step,
                TopicPartition(self.topics.raw.name, partition),
                TopicPartition(self.topics.proofs.name, partition),
                topics,
                doctor,
                skip=skip,
            )

    async def rate(
        self,
        doctor: Doctor = as_decided,
        *,
        skip: Skip | None = None,
        only_batches: int | None = None,
    ) -> None:
        topics = {
            Channel.LEDGER: self.topics.ledger.name,
            Channel.SUSPENSE: self.topics.suspense.name,
        }
        for partition in (0, 1):
            await self._stage(
                self.rate_step,
                TopicPartition(self.topics.normalised.name, partition),
                TopicPartition(self.topics.ledger.name, partition),
                topics,
                doctor,
                skip=skip,
                only_batches=only_batches,
            )

    async def _stage(
        self, step, source, changelog, topics, doctor, *, skip=None, only_batches=None
    ) -> None:
        key = (step.stage, source.partition)
        state = self._states.setdefault(key, {})
        proof = self._proofs.get(key) or await self._genesis(changelog)
        records = await self.read(source, begin=proof.next)
        written: list[Append] = []  # of all batches: one transaction, for the sake of speed
        for start in range(0, len(records), BATCH_RECORDS)[:only_batches]:
            batch = records[start : start + BATCH_RECORDS]
            taken = [each for each in batch if skip is None or not skip(each)]
            prepared = step.prepare(taken)
            decided = step.decide(prepared, state, previous=proof)
            proof = decided.proof
            for name, value in decided.changes:
                if value is None:
                    state.pop(name, None)
                else:
                    state[name] = value
            for appends, said in doctor(decided.appends, proof):
                written += appends if said is None else [*appends, _proof_append(said)]
        if written:
            await self._write(written, topics, step.stage, source.partition)
        self._proofs[key] = proof

    async def _write(self, appends, topics, stage: str, partition: int) -> None:
        transaction = await Transaction.fence(
            self.bootstrap,
            transactional_id=f"{self.settings.installation}.{stage}.{partition}",
            transaction_timeout_ms=10_000,
            topics=topics,
        )
        try:
            await transaction.write(appends[:-1], last=appends[-1])
        finally:
            await transaction.retire()

    async def _genesis(self, changelog: TopicPartition) -> Proof:
        is_ledger = changelog.topic == self.topics.ledger.name
        # The answer to a commit comes before its markers: until then it holds no proof.
        await wait_until_closed(self.bootstrap, changelog, client_id="test", wait_s=30)
        last = await read_last_proof(
            self.bootstrap,
            changelog,
            decode=proof_from_json if is_ledger else proof_from_msgpack,
            client_id="test",
        )
        return last.proof

    def normalised(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topics.normalised.name, partition)

    async def trim(self, topic: Topic, *, partition: int, before: int) -> None:
        """Delete the records below an offset; -1: all."""
        place = TopicPartition(topic.name, partition)
        async with admin_client(self.bootstrap) as admin:
            await admin.delete_records({place: RecordsToDelete(before)})

    async def read(self, place: TopicPartition, *, begin: int = 0) -> list[SourceRecord]:
        found = []
        async with (
            Ends(self.bootstrap, wait_s=10) as ends,
            reading(self.bootstrap, place, client_id="test", source=True) as consumer,
        ):
            end = (await ends.settled([place]))[place]
            consumer.seek(place, begin)
            while await consumer.position(place) < end:
                found += (await consumer.getmany(place, timeout_ms=200)).get(place, ())
        return found

    async def load(self) -> None:
        """Load all there is and build the invoices that were asked for."""
        name = self.settings.installation
        assert self.dsn is not None
        async with open_pool(self.dsn, installation=name, max_size=2) as pool:
            for topic, gather in (
                (self.topics.proofs, lambda progress: ProofGathering(pool)),
                (
                    self.topics.ledger,
                    lambda progress: LedgerGathering(pool, progress, on_request=lambda: None),
                ),
                (self.topics.suspense, lambda progress: SuspenseGathering(pool)),
            ):
                for number in range(topic.partitions):
                    progress = await read_progress(
                        pool, installation=name, topic=topic.name, partition=number
                    )
                    gathering = gather(progress)
                    place = TopicPartition(topic.name, number)
                    for record in await self.read(place, begin=progress.next_position):
                        gathering.add(record)
                    if gathering.ready:
                        await gathering.write(progress)
            await build_pending_invoices(pool)

    async def verify(self) -> Report:
        return await verify(self.settings, self.bootstrap, self.dsn)


def _line(number: int) -> bytes:
    if number % 13 == 7:
        number -= 1  # a copy of the one before
    if number % 17 == 3:
        return mediation_world.event_json(number, subject="nobody")
    if number % 19 == 5:
        unpriced = mediation_world.event_json(number, subject="dev-2")
        return unpriced.replace(b"sensor.data", b"device.message")
    subject = "dev-1" if number % 3 else "dev-2"
    return mediation_world.event_json(number, subject=subject, size=1 + number % 5)


def _proof_append(proof: Proof) -> Append:
    if proof.stage == NORMALISE:
        return Append(Channel.PROOFS, proof.source_partition, None, proof_to_msgpack(proof), ())
    assert proof.stage == RATE
    return Append(
        Channel.LEDGER,
        proof.source_partition,
        None,
        proof_to_json(proof),
        LEDGER_PROOF_HEADERS,
    )


def changed(append: Append, **fields: object) -> Append:
    """Return a ledger append with other values of some fields."""
    document = msgspec.json.decode(append.value)
    return append._replace(value=msgspec.json.encode(document | fields))
