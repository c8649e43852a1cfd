"""An installation with worker processes, as `ratemill up` runs them: fed and looked at by a test."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import asyncpg
from aiokafka import ConsumerRecord, TopicPartition

from pipeline.cli.program import run
from pipeline.cli.stack import log_folder, running_workers
from pipeline.demo.through import until_through
from pipeline.embedded import Endpoints, Supervisor
from pipeline.kafka import idempotent_producer, reading
from pipeline.proofs import end_of
from pipeline.settings import Settings
from pipeline.topics import Topic, partition_of, topics_of
from schemas.ledger import LedgerRecord, from_wire
from sinks.connection import connect_as_owner, open_pool
from sinks.installation import drop_installation

YEARS_MS = 20 * 365 * 86_400_000  # usage of a fixed date is never too old
WITHIN_S = 60.0
_LOOK_EVERY_S = 0.05

CATALOGUE = {
    "plans.yaml": """
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  iot-data: {type: data, usage_kind: data, unit: B}
cards:
  germany: {file: germany.csv, currency: EUR, unit: s}
plans:
  home:
    name: Home
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: germany}}
  traffic:
    name: Traffic
    currency: EUR
    prices:
      data:
        product: iot-data
        price:
          model: graduated
          per: 1 B
          tiers: [{upto: 100 B, amount: 0.01}, {amount: 0.02}]
limits:
  four-records: {scope: "product:iot-data", records: 4}
""",
    "germany.csv": "prefix,destination,price,per_units,first_units,following_units\n"
    "49,Germany,0.06,60,60,1\n",
}

ACCOUNTS = """
{"id": "home", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "home-1", "identifier": "2001", "plan": "home", "valid_from": "2020-01-01"}]}
{"id": "fleet", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "fleet-1", "identifier": "dev-1", "plan": "traffic", "valid_from": "2020-01-01"}]}
{"id": "farm", "zone": "Europe/Berlin", "currency": "EUR", "subscriptions":
  [{"id": "farm-1", "identifier": "dev-2", "plan": "traffic", "valid_from": "2020-01-01"}]}
""".replace("\n  ", " ")


def event_json(
    record_id: str, *, at: str = "2026-01-10T12:00:00Z", subject: str = "dev-1", size: int = 1
) -> bytes:
    """Return a CloudEvent of the shipped IoT mapping: so many bytes of data."""
    event = {
        "specversion": "1.0",
        "id": record_id,
        "source": "fleet",
        "type": "sensor.data",
        "subject": subject,
        "time": at,
        "data": {"bytes": size},
    }
    return json.dumps(event).encode()


class Said(NamedTuple):
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Place(NamedTuple):
    """Where a record lies in a topic."""

    partition: int
    offset: int


async def eventually(
    holds: Callable[[], Awaitable[bool]], *, what: str, within_s: float = WITHIN_S
) -> None:
    """Return as soon as a condition holds; nobody can be told of it, so it is asked for."""
    try:
        async with asyncio.timeout(within_s):
            while not await holds():  # noqa: ASYNC110  (other processes set no event)
                await asyncio.sleep(_LOOK_EVERY_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:.0f} s: {what}") from None


@dataclass(frozen=True)
class LiveInstallation:
    """Topics, tables, catalogue and accounts that are published; workers while `working`."""

    settings: Settings
    endpoints: Endpoints

    @classmethod
    @contextlib.asynccontextmanager
    async def created(
        cls,
        services: Endpoints,
        folder: Path,
        *,
        catalogue: Mapping[str, str] = CATALOGUE,
        accounts: str = ACCOUNTS,
        name: str | None = None,
        **changed: int,
    ) -> AsyncIterator[LiveInstallation]:
        """Yield an installation that no other test uses, set up as a user sets one up."""
        usual = {
            "raw_partitions": 2,
            "rating_partitions": 2,
            "dedup_horizon_ms": YEARS_MS,
            # The least that the broker takes: a test does not wait long for a time-out.
            "session_timeout_ms": 6_000,
            "heartbeat_interval_ms": 500,
            "transaction_timeout_ms": 5_000,
        }
        name = name or f"t{secrets.token_hex(3)}"
        settings = Settings(
            installation=name,
            data=folder,
            kafka_bootstrap=services.kafka_bootstrap,
            postgres_dsn=services.postgres_dsn,
            **(usual | changed),
        )
        here = cls(settings, services)
        for file, text in catalogue.items():
            here.file(f"catalogue/{file}", text.encode())
        known = here.file("accounts.jsonl", accounts.lstrip().encode())
        try:
            for words in (
                ("topics", "apply"),
                ("catalogue", "publish", here.folder / "catalogue"),
                ("reference", "load", known),
            ):
                said = await here.command(*words)
                assert said.code == 0, said
            yield here
        finally:
            await drop_installation(services.postgres_dsn, installation=name)

    @property
    def folder(self) -> Path:
        """Where the user's files lie; the data folder may be of several installations."""
        return self.settings.data / "files" / self.settings.installation

    def file(self, name: str, content: bytes) -> Path:
        """Return a file of the user's, written."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def command(self, *words: object) -> Said:
        """Return what one call of the command line came to."""
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.settings.environment()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = await asyncio.to_thread(run, [str(word) for word in words])
        return Said(code, out.getvalue(), err.getvalue())

    async def ingest(self, path: Path, *more: object, source: str, format_name: str) -> Said:
        """Return what reading a file came to."""
        words = ("ingest", path, "--source", source, "--format", format_name)
        return await self.command(*words, "--tenant", "default", "--json", *more)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[Supervisor]:
        """Yield while a worker process for each stage runs, started again when it dies."""
        async with running_workers(self.settings, self.endpoints, tell=lambda _: None) as workers:
            yield workers

    def log(self, stage: str) -> str:
        """Return what the workers of a stage have logged."""
        path = log_folder(self.settings) / f"{stage}.log"
        return path.read_text() if path.exists() else ""

    async def publish(
        self,
        values: Sequence[bytes],
        *,
        headers: Sequence[tuple[str, bytes]],
        key: bytes | None,
        partition: int | None = None,
    ) -> list[Place]:
        """Return where the raw records lie that somebody else's producer sent."""
        topic = topics_of(self.settings).raw
        if partition is None:
            assert key is not None
            partition = partition_of(key, topic.partitions)
        producer = idempotent_producer(self.endpoints.kafka_bootstrap, client_id="test")
        try:
            await producer.start()
            sent = [
                await producer.send(
                    topic.name, value, key=key, partition=partition, headers=list(headers)
                )
                for value in values
            ]
            return [Place(partition, (await each).offset) for each in sent]
        finally:
            await producer.stop()

    async def through(self) -> None:
        """Return when everything that was published is in Postgres."""
        async with (
            asyncio.timeout(WITHIN_S),
            open_pool(
                self.endpoints.postgres_dsn, installation=self.settings.installation, max_size=1
            ) as pool,
        ):
            await until_through(self.settings, bootstrap=self.endpoints.kafka_bootstrap, pool=pool)

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Return what the tables say; by the rights of their owner."""
        async with connect_as_owner(
            self.endpoints.postgres_dsn, installation=self.settings.installation
        ) as connection:
            return await connection.fetch(query, *values)

    async def execute(self, script: str) -> None:
        """Run statements with the rights of the tables' owner."""
        async with connect_as_owner(
            self.endpoints.postgres_dsn, installation=self.settings.installation
        ) as connection:
            await connection.execute(script)

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return (await self.rows(f"SELECT count(*) FROM {table}"))[0][0]

    async def read(self, topic: Topic) -> dict[Place, ConsumerRecord]:
        """Return every committed record of a topic."""
        found = {}
        for number in range(topic.partitions):
            place = TopicPartition(topic.name, number)
            async with reading(self.endpoints.kafka_bootstrap, place, client_id="test") as consumer:
                end = await end_of(consumer, place)
                consumer.seek(place, 0)
                while await consumer.position(place) < end:
                    fetched = await consumer.getmany(place, timeout_ms=200)
                    for record in fetched.get(place, ()):
                        found[Place(number, record.offset)] = record
        return found

    async def ledger(self) -> list[LedgerRecord]:
        """Return every record of the ledger, proofs too."""
        records = await self.read(topics_of(self.settings).ledger)
        return [from_wire(record.value) for record in records.values()]
