"""The Kafka and the PostgreSQL that a pipeline uses: the operator's, or ones of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.embedded.layout import Layout, layout_of
from pipeline.embedded.options import EmbeddedOptions, options_of_this_process
from pipeline.embedded.postgres_cluster import dsn
from pipeline.embedded.run_file import SERVICES, ServiceName
from pipeline.embedded.start import Starter, end_everything


@dataclass(frozen=True)
class Endpoints:
    kafka_bootstrap: str
    postgres_dsn: str  # holds a password: never into a log
    embedded: bool


class Services:
    """A running pair. Leaving `async with` ends what this object started, unless detached."""

    def __init__(self, starter: Starter, given: Mapping[ServiceName, str]) -> None:
        self._starter = starter
        self._given = given

    @property
    def endpoints(self) -> Endpoints:
        return _endpoints(self._starter.layout, self._given)

    async def stop(self) -> None:
        """End what this object started; services found running are left to their owner."""
        await self._starter.end_mine()

    def dead(self) -> tuple[ServiceName, ...]:
        """Return the embedded services that do not run any more."""
        living = self._starter.layout.run_file.living()
        return tuple(name for name in self._starter.wanted if name not in living)

    async def revive(self) -> tuple[ServiceName, ...]:
        """Start again what has died and return its names; ports stay, so clients reconnect."""
        dead = self.dead()
        if dead:
            await self._starter.run()
        return dead

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._starter.detach:
            await self.stop()


async def ensure_services(
    data: Path,
    *,
    kafka_bootstrap: str | None,
    postgres_dsn: str | None,
    on_progress: Callable[[str], None],
    detach: bool,
    options: EmbeddedOptions | None = None,
) -> Services:
    """Return services that answer; starts only what neither is given nor runs in this folder.

    Detached services outlive this process; the others end with it, even if it is killed. For the
    system "it" is the thread that started them: call this from the main one.
    """
    given = _given(kafka_bootstrap, postgres_dsn)
    starter = Starter(
        layout=layout_of(data),
        wanted=tuple(name for name in SERVICES if name not in given),
        options=options or options_of_this_process(),
        on_progress=on_progress,
        detach=detach,
    )
    await starter.run()
    return Services(starter, given)


async def running_services(
    data: Path, *, kafka_bootstrap: str | None = None, postgres_dsn: str | None = None
) -> Endpoints | None:
    """Return where the services of this folder are, or nothing unless all of them answered."""
    layout, given = layout_of(data), _given(kafka_bootstrap, postgres_dsn)
    ready = {name for name, entry in layout.run_file.living().items() if entry.ready}
    return _endpoints(layout, given) if ready | set(given) >= set(SERVICES) else None


async def stop_services(data: Path) -> bool:
    """End the services of this folder, whoever started them; return whether any ran."""
    return await end_everything(layout_of(data))


def _given(kafka_bootstrap: str | None, postgres_dsn: str | None) -> dict[ServiceName, str]:
    both: dict[ServiceName, str | None] = {"kafka": kafka_bootstrap, "postgres": postgres_dsn}
    return {name: place for name, place in both.items() if place}


def _endpoints(layout: Layout, given: Mapping[ServiceName, str]) -> Endpoints:
    """Return the given places, completed with the recorded ones, of dead services too."""
    record = layout.run_file.read() if len(given) < len(SERVICES) else {}
    return Endpoints(
        kafka_bootstrap=given.get("kafka") or record["kafka"].address,
        postgres_dsn=given.get("postgres") or dsn(layout.postgres, record["postgres"].address),
        embedded=bool(record),
    )
