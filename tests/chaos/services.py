"""A Kafka and a PostgreSQL of a run's own, which may be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from pipeline.embedded import Endpoints, Services, ensure_services
from pipeline.embedded.options import options_of_this_process
from pipeline.embedded.run_file import ServiceName
from tests.chaos.problem import Problem

LOOPBACK = "127.0.0.1"
OURS = "chaos_"  # how the names of the runs' installations begin


class Pair:
    """Broker and database of one run; both are gone after it, with all that they stored."""

    def __init__(self, data: Path, services: Services, *, inside: int, outside: int) -> None:
        self.data = data
        self._services = services
        self.inside = inside  # the port at which the broker listens for the proxy
        self.outside = outside  # the port that it advertises there: the proxy's

    @property
    def endpoints(self) -> Endpoints:
        """Return the addresses without a proxy."""
        return self._services.endpoints

    def pid(self, name: ServiceName) -> int:
        """Return the process of a service."""
        running = json.loads((self.data / "run" / "services.json").read_text())
        return int(running[name]["process"]["pid"])

    async def kill(self, *names: ServiceName) -> None:
        """Return when the services are dead, as after a loss of power: by signal 9."""
        for name in names:
            os.kill(self.pid(name), signal.SIGKILL)
        while not set(self._services.dead()) >= set(names):  # noqa: ASYNC110  (it sets no event)
            await asyncio.sleep(0.02)

    @asynccontextmanager
    async def stopped(self, name: ServiceName) -> AsyncIterator[None]:
        """Yield while every process of a service is stopped."""
        pids = [self.pid(name), *_children(self.pid(name))]
        try:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def revive(self) -> None:
        """Return when both answer again."""
        await self._services.revive()

    def wipe_kafka(self) -> None:
        """Remove everything that a dead broker has stored, its cluster id too."""
        shutil.rmtree(self.data / "kafka")


def _children(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in path.read_text().split()]
    return found


@asynccontextmanager
async def own_pair(
    *,
    kafka_settings: Mapping[str, str] | None = None,
    proxied: bool = False,
    hurt: bool = False,
) -> AsyncIterator[Pair]:
    """Yield a running pair; where RATEMILL_... names services, those, if they are empty.

    ``proxied``: the broker has a second way in, at which it names the proxy's port to its clients.
    ``hurt``: the services themselves are killed, stopped or wiped, so they must be the run's own.
    """
    given = os.environ.get("RATEMILL_KAFKA_BOOTSTRAP"), os.environ.get("RATEMILL_POSTGRES_DSN")
    if (hurt or proxied or kafka_settings) and any(given):
        raise Problem(
            "This row needs a broker and a database of its own, which it may kill or set up. "
            "Operator action: unset RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN for it."
        )
    if given[0] is not None:
        await refuse_foreign_topics(given[0])
    inside, outside = free_ports(2)
    more = dict(kafka_settings or {})
    if proxied:
        more |= _second_way_in(inside, outside)
    async with AsyncExitStack() as stack:
        data = _data_folder()
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        services = await ensure_services(
            data,
            kafka_bootstrap=given[0],
            postgres_dsn=given[1],
            on_progress=lambda _: None,
            detach=False,
            options=replace(options_of_this_process(), kafka_settings=more),
        )
        await stack.enter_async_context(services)
        yield Pair(data, services, inside=inside, outside=outside)


def _data_folder() -> Path:
    data = Path(tempfile.mkdtemp(prefix="ratemill-chaos-"))
    data.chmod(0o755)  # the database's user must reach it
    return data


def _second_way_in(inside: int, outside: int) -> dict[str, str]:
    return {
        "listeners": f"PLAINTEXT://{LOOPBACK}:{{port}},PROXIED://{LOOPBACK}:{inside},"
        f"CONTROLLER://{LOOPBACK}:{{controller_port}}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{{port}},PROXIED://{LOOPBACK}:{outside}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,"
        "CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
    }


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that are free now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


async def refuse_foreign_topics(bootstrap: str) -> None:
    """Return if the broker holds nothing but what earlier runs made."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        topics = await admin.list_topics()
    finally:
        await admin.close()
    foreign = sorted(one for one in topics if not one.startswith((OURS, "__")))
    if foreign:
        raise Problem(
            f"The broker at {bootstrap} holds topics that no chaos run made, {foreign[0]} for one. "
            "Operator action: unset RATEMILL_KAFKA_BOOTSTRAP, then each run starts a broker of its "
            "own; or name a broker that is empty."
        )
