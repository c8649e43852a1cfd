"""The watch worker: a Faust agent that follows the proofs of normalise.

Nothing about money passes here. A proof that was counted just before a crash may be counted again,
and a folder that is lost starts anew: decision 30.
"""

from __future__ import annotations

import asyncio
from typing import Any

import faust
import msgspec
import structlog
from faust.app.base import BootStrategy as Boot
from faust.types import TP

from pipeline.app import announce
from pipeline.clock import Clock, SystemClock
from pipeline.health import keep_beating
from pipeline.metrics import StageMetrics
from pipeline.monitor import Monitor
from pipeline.settings import Settings
from pipeline.topics import topics_of
from pipeline.watching import WATCH
from pipeline.watching.consumer import behind, committed_transport
from pipeline.watching.metrics import SourceMetrics
from pipeline.watching.sources import MINUTE_MS, Kept, Place, Watch, Window
from pipeline.watching.tables import LocalTables, local_table
from schemas.proof import proof_from_msgpack

_log = structlog.get_logger(__name__)
_KEEP_S = 3600.0  # windows; a restart needs a quarter of an hour of them
_LOOK_EVERY_S = 1.0
_DAY_MS = 86_400_000
_SMALL = {
    # Little is kept: the framework's own sizes are for gigabytes.
    "write_buffer_size": 1 << 20,
    "block_cache_size": 1 << 20,
    "target_file_size_base": 1 << 20,
    "max_open_files": 64,
}


def build_watch_app(
    settings: Settings, *, bootstrap: str, monitor: Monitor, clock: Clock | None = None
) -> faust.App:
    """Return the Faust app of the watch worker; nothing is started yet."""
    folder = settings.data / "faust" / settings.installation / WATCH
    clock = clock or SystemClock()
    started_ms = int(clock.now().timestamp() * 1000)
    folder.mkdir(parents=True, exist_ok=True)  # the framework makes the last part only

    class App(faust.App):
        """Reads committed proofs by our own client, and has no producer: it writes to no topic."""

        class BootStrategy(Boot):
            enable_kafka_producer = False

        def _new_transport(self) -> Any:  # noqa: ANN401  (the framework's own type)
            return committed_transport(self, settings, bootstrap=bootstrap, started_ms=started_ms)

        async def _on_agent_error(self, agent: object, error: BaseException) -> None:
            # The framework would pass over the proof in silence.
            _log.error("watch_failed", exc_info=error)
            await self.crash(error)

    app = App(
        id=f"{settings.installation}.{WATCH}",
        broker=f"kafka://{bootstrap}",
        store="rocksdb://?driver=rocksdict",
        datadir=folder,
        web_enabled=False,  # health and metrics are our own
        topic_disable_leader=True,
        topic_allow_declare=False,  # topics are declared in topics.py alone
        TableManager=LocalTables,
    )
    follow(app, settings, monitor=monitor, clock=clock)
    announce(settings, WATCH, monitor)
    return app


def follow(app: faust.App, settings: Settings, *, monitor: Monitor, clock: Clock) -> None:
    """Give the app its tables, its agent, and the tasks that show what they hold."""
    topic = topics_of(settings).proofs
    proofs = app.topic(
        topic.name,
        key_type=bytes,
        key_serializer="raw",
        value_type=bytes,
        value_serializer="raw",
    )
    sources = local_table(app, "sources", source=proofs, options=dict(_SMALL))
    options = {**_SMALL, "ttl": int(2 * _KEEP_S)}  # of a past run the framework forgets no window
    minutes = local_table(app, "minutes", source=proofs, options=options)
    windows = minutes.tumbling(MINUTE_MS / 1000, expires=_KEEP_S).relative_to_stream()
    forget_ms = settings.watch_forget_days * _DAY_MS
    watch = Watch(late_ms=settings.watch_late_ms, forget_ms=forget_ms)
    followed: set[int] = set()
    counted: dict[int, int] = {}  # offsets of the last proofs
    told: dict[int, int | None] = {}
    stage = StageMetrics(
        WATCH,
        monitor.registry,
        health=monitor.health,
        clock=clock,
        group=str(app.conf.id),
        source_topic=topic.name,
    )
    shown = SourceMetrics(monitor.registry)

    def take_up(partition: int) -> None:
        if partition in followed:
            return
        kept = dict(sources.rows(partition))
        place = kept.pop("", None)
        watch.restore(
            partition,
            place=msgspec.convert(place, Place) if place else None,
            kept={source: msgspec.convert(one, Kept) for source, one in kept.items()},
            windows=[
                (source, int(span[0] * 1000) // MINUTE_MS, Window(*counts))
                for (source, span), counts in minutes.rows(partition)
            ],
        )
        followed.add(partition)
        stage.owned(partition)
        stage.working(partition)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]
    async def _assigned(_: faust.App, assigned: set[TP], **_more: Any) -> None:  # noqa: ANN401
        numbers = {one.partition for one in assigned if one.topic == topic.name}
        for partition in followed - numbers:
            watch.release(partition)
            stage.released(partition)
            counted.pop(partition, None)
            told.pop(partition, None)
        followed.intersection_update(numbers)
        for partition in sorted(numbers):
            take_up(partition)
        stage.assigned(len(numbers))

    @app.agent(proofs)
    async def _count(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            take_up(message.partition)
            proof = proof_from_msgpack(event.value)
            at_ms = round(message.timestamp * 1000)  # the broker's: LogAppendTime
            for change in watch.fold(proof, partition=message.partition, at_ms=at_ms):
                windows[change.source] = list(change.window)
                sources[change.source] = msgspec.to_builtins(change.kept)
            sources[""] = msgspec.to_builtins(watch.place(message.partition))
            for source, last_ms in watch.forget(message.partition, at_ms=at_ms).items():
                sources.forget(source, partition=message.partition)
                _log.info(
                    "source_forgotten",
                    source=source,
                    partition=message.partition,
                    silent_days=(at_ms - last_ms) // _DAY_MS,
                )
            counted[message.partition] = message.offset

    @app.task  # type: ignore[untyped-decorator]
    async def _look() -> None:
        while not app.should_stop:
            shown.tell(watch.view(at_ms=int(clock.now().timestamp() * 1000)))
            await asyncio.sleep(_LOOK_EVERY_S)

    @app.task  # type: ignore[untyped-decorator]
    async def _lag() -> None:
        while not app.should_stop:
            for partition in sorted(followed):
                at = counted.get(partition)
                waiting = await behind(app.consumer, TP(topic.name, partition), counted=at)
                if waiting is not None and partition in followed:
                    stage.followed(partition, behind=waiting, moved=told.get(partition) != at)
                    told[partition] = at
            await asyncio.sleep(_LOOK_EVERY_S)

    @app.task  # type: ignore[untyped-decorator]
    async def _beat() -> None:
        await keep_beating(monitor.health)
