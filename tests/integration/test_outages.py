"""Broker and database away: at the start, in the middle of traffic, and come back as another one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from pipeline.backoff import Backoff
from pipeline.cli.exits import Exit
from pipeline.embedded import Supervisor
from pipeline.embedded.run_file import ServiceName
from pipeline.genesis import apply_topics
from pipeline.kafka import admin_client
from schemas import raw
from schemas.ledger import Charge
from tests.integration.live_installation import (
    CATALOGUE,
    LiveInstallation,
    event_json,
    eventually,
)
from tests.integration.own_services import OwnServices, own_services

# Every record counts here, not what it costs: no invoice for every fourth one.
UNLIMITED = CATALOGUE | {"plans.yaml": CATALOGUE["plans.yaml"].partition("limits:")[0]}
STAGES = ("normalise", "rate", "load")
TOLD = {"kafka": "No Kafka broker answers at", "postgres": "Postgres is not available now"}
MOST_CPU = 0.25  # of one core; a worker that waits takes 0.05, one that spins takes all of it
STREAM = b"gateway"
HEADERS = [
    (raw.TENANT, b"default"),
    (raw.SOURCE, b"gateway"),
    (raw.STREAM, STREAM),
    (raw.FORMAT, b"cloudevents-iot"),
    (raw.RECORD, raw.RECORD_MESSAGE),
]


@pytest.fixture(scope="module")
def pair() -> Iterator[OwnServices]:
    with own_services() as pair:
        yield pair


@pytest.fixture
async def here(pair: OwnServices, tmp_path: Path) -> AsyncIterator[LiveInstallation]:
    await pair.revive()  # a test that failed may have left them dead
    async with LiveInstallation.created(pair.endpoints, tmp_path, catalogue=UNLIMITED) as here:
        yield here
        await pair.revive()


async def send(here: LiveInstallation, ids: list[str]) -> None:
    """Send records as a client does that repeats what was not acknowledged."""
    values = [
        event_json(record_id, subject=f"dev-{1 + number % 2}")
        for number, record_id in enumerate(ids)
    ]
    backoff = Backoff()
    while True:
        try:
            await here.publish(values, headers=HEADERS, key=STREAM)
        except (KafkaError, OSError):
            await backoff.wait()
        else:
            return


class Outage:
    """What workers log and burn from now on."""

    def __init__(self, here: LiveInstallation, workers: Supervisor) -> None:
        self._here = here
        self._pids = {stage: workers.pid(stage) for stage in STAGES}
        self._skip = {stage: len(here.log(stage)) for stage in STAGES}
        self.restart_cpu()

    def restart_cpu(self) -> None:
        """Count CPU time from now on."""
        self._since_s = asyncio.get_running_loop().time()
        self._cpu_s = {stage: _cpu_s(pid) for stage, pid in self._pids.items()}

    def lines(self, stage: str, service: ServiceName) -> list[str]:
        """Return what a worker has said of a service that is away."""
        return [line for line in self._new(stage).splitlines() if TOLD[service] in line]

    def _new(self, stage: str) -> str:
        return self._here.log(stage)[self._skip[stage] :]

    async def told(self, service: ServiceName, *, times: int, by: tuple[str, ...]) -> None:
        """Return once each of these workers has said so often that a service is away."""

        async def all_said_it() -> bool:
            return all(len(self.lines(stage, service)) >= times for stage in by)

        await eventually(all_said_it, what=f"{by} told {times} times that {service} is away")

    async def over(self) -> None:
        """Return once each worker has said that the broker answers again."""

        async def all_said_it() -> bool:
            return all("broker_answers_again" in self._new(stage) for stage in STAGES)

        await eventually(all_said_it, what="the broker's return was told")

    def check(self, service: ServiceName, *, by: tuple[str, ...]) -> None:
        """Assert that each said what to do, waited longer each time, and did not spin."""
        waited_s = asyncio.get_running_loop().time() - self._since_s
        for stage in by:
            lines = self.lines(stage, service)
            assert all("Operator action" in line for line in lines)
            if service == "kafka":  # of the database each partition and each side work speaks
                at = [dt.datetime.fromisoformat(line.split()[0]) for line in lines]
                gaps = [after - before for before, after in pairwise(at)]
                assert all(longer > gap for gap, longer in pairwise(gaps)), gaps
        burnt = {
            stage: (_cpu_s(pid) - self._cpu_s[stage]) / waited_s
            for stage, pid in self._pids.items()
        }
        assert max(burnt.values()) < MOST_CPU, burnt


def _cpu_s(pid: int | None) -> float:
    """Return the CPU time of a process, in the kernel and out of it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def check_all_once(here: LiveInstallation, ids: list[str]) -> None:
    """Assert that each record is charged exactly once, in the ledger and in Postgres."""
    expected = sorted(f"fleet/{record_id}" for record_id in ids)
    rows = await here.rows("SELECT record_id FROM rated_usage")
    assert sorted(row["record_id"] for row in rows) == expected
    charges = [one for one in await here.ledger() if isinstance(one, Charge)]
    assert sorted(charge.record_id for charge in charges) == expected
    assert await here.count("charges") == len(expected)
    assert await here.count("suspense") == 0


async def test_workers_that_start_before_broker_and_database_wait_for_them(pair, here):
    ids = [f"e-{number}" for number in range(20)]
    await send(here, ids)
    await pair.kill("kafka", "postgres")
    async with here.working() as workers:
        outage = Outage(here, workers)
        await outage.told("kafka", times=2, by=STAGES)
        outage.restart_cpu()  # starting a process is work
        await outage.told("kafka", times=5, by=STAGES)
        outage.check("kafka", by=STAGES)
        await pair.revive()
        await here.through()
        assert [workers.restarts(stage) for stage in STAGES] == [0, 0, 0]
    await check_all_once(here, ids)


async def test_load_waits_for_its_database_while_the_others_work(pair, here):
    ids = [f"e-{number}" for number in range(20)]
    await pair.kill("postgres")
    async with here.working() as workers:
        outage = Outage(here, workers)
        await outage.told("postgres", times=3, by=("load",))
        await send(here, ids)

        async def rated() -> bool:
            return sum(isinstance(one, Charge) for one in await here.ledger()) == len(ids)

        await eventually(rated, what="normalise and rate do without the database")
        assert all("Operator action" in line for line in outage.lines("load", "postgres"))
        await pair.revive()
        await here.through()
        assert [workers.restarts(stage) for stage in STAGES] == [0, 0, 0]
    await check_all_once(here, ids)


async def test_what_is_lost_under_traffic_comes_back_without_loss_or_double(pair, here):
    ids: list[str] = []
    async with here.working() as workers:
        async with _traffic(here, ids):
            await _moving(here)
            outage = Outage(here, workers)
            await pair.kill("postgres")
            await outage.told("postgres", times=4, by=("load",))
            await pair.revive()
            outage.check("postgres", by=("load",))

            await _moving(here)
            outage = Outage(here, workers)
            await pair.kill("kafka", "postgres")
            await outage.told("kafka", times=4, by=STAGES)
            outage.check("kafka", by=STAGES)
            await pair.revive()
            await outage.over()
            await _moving(here)
        await here.through()
        assert [workers.restarts(stage) for stage in STAGES] == [0, 0, 0]
    await check_all_once(here, ids)


@contextlib.asynccontextmanager
async def _traffic(here: LiveInstallation, ids: list[str]) -> AsyncIterator[None]:
    """Send records all the time; in the end, ``ids`` are those that were acknowledged."""
    enough = asyncio.Event()

    async def keep_sending() -> None:
        while not enough.is_set():
            few = [f"t-{len(ids) + number}" for number in range(10)]
            await send(here, few)
            ids.extend(few)

    task = asyncio.create_task(keep_sending())
    try:
        yield
        enough.set()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _moving(here: LiveInstallation) -> None:
    """Return when rows have been added since now."""
    before = await here.count("rated_usage")

    async def more() -> bool:
        return await here.count("rated_usage") > before

    await eventually(more, what="records go through to the database")


async def test_a_wiped_broker_under_a_kept_database_is_refused(pair, here):
    await send(here, ["kept"])
    async with here.working():
        await here.through()
    await pair.kill("kafka")
    pair.wipe_kafka()
    await pair.revive()
    bootstrap = pair.endpoints.kafka_bootstrap
    settings = here.settings.model_copy(update={"kafka_bootstrap": bootstrap})
    wiped = LiveInstallation(settings, pair.endpoints)

    said = await wiped.command("topics", "apply")
    assert said.code == Exit.REFUSED
    assert "was loaded from the Kafka cluster" in said.err
    assert "if the broker was wiped, restore it" in said.err.replace("\n  ", " ")
    async with admin_client(bootstrap) as admin:
        assert not [
            one for one in await admin.list_topics() if one.startswith(settings.installation)
        ]

    # Even where somebody made the topics all the same, nothing reaches the tables.
    await apply_topics(settings, bootstrap=bootstrap)
    async with wiped.working():

        async def refused() -> bool:
            return "The database belongs to installation" in wiped.log("load")

        await eventually(refused, what="load refuses to start")
    assert "Operator action" in wiped.log("load")
    assert await wiped.count("rated_usage") == 1
