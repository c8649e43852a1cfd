"""A Kafka and a PostgreSQL of one test file's own: they may be killed without harm to others."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.embedded import Endpoints, Services, ensure_services
from pipeline.embedded.run_file import SERVICES, ServiceName
from tests.integration.live_installation import eventually


class OwnServices:
    """A pair that is killed and started again, at the same addresses."""

    def __init__(self, data: Path, services: Services) -> None:
        self.data = data
        self._services = services

    @property
    def endpoints(self) -> Endpoints:
        return self._services.endpoints

    async def kill(self, *names: ServiceName) -> None:
        """Return when the services are dead, as after a loss of power: by signal 9."""
        running = json.loads((self.data / "run" / "services.json").read_text())
        for name in names:
            os.kill(running[name]["process"]["pid"], signal.SIGKILL)

        async def all_dead() -> bool:
            return set(self._services.dead()) >= set(names)

        await eventually(all_dead, what=f"{names} ended")

    async def revive(self) -> None:
        """Return when both answer again."""
        await self._services.revive()

    def wipe_kafka(self) -> None:
        """Remove everything that a dead broker has stored, its cluster id too."""
        shutil.rmtree(self.data / "kafka")


@contextmanager
def own_services() -> Iterator[OwnServices]:
    """Yield a running pair; it is gone afterwards, with all that it stored."""
    # Not pytest's own folder: the database's user must reach it.
    data = Path(tempfile.mkdtemp(prefix="ratemill-outage-"))
    data.chmod(0o755)
    services = asyncio.run(
        ensure_services(
            data,
            kafka_bootstrap=None,
            postgres_dsn=None,
            on_progress=lambda _: None,
            detach=False,
        )
    )
    try:
        yield OwnServices(data, services)
    finally:
        asyncio.run(services.stop())
        shutil.rmtree(data)


__all__ = ["SERVICES", "OwnServices", "own_services"]
