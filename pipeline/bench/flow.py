"""The installation that most parts share: filled end to end, then asked for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from aiokafka.admin import NewTopic

from pipeline.bench.end_to_end import end_to_end, reconcile
from pipeline.bench.ground import Ground, own_installation
from pipeline.bench.latency import latency
from pipeline.bench.live import Live, live_installation
from pipeline.bench.parts import Part
from pipeline.bench.pass_through import out_topic
from pipeline.bench.processes import spent
from pipeline.bench.task import Task, measured
from pipeline.embedded.layout import layout_of
from pipeline.kafka import admin_client
from pipeline.settings import Settings

_IDLE_S = 5.0  # long enough for what the system counts in hundredths of a second
_PASSED_THROUGH = 400_000  # events at most


async def flow(ground: Ground, parts: Collection[Part], *, latency_s: int) -> None:
    """Send the events through an installation, and measure the other parts on it."""
    async with own_installation(ground, "flow") as settings:
        async with live_installation(ground, settings) as live:
            await _idle(live)
            await end_to_end(live)
            if Part.LATENCY in parts:
                await latency(live, ground.workload.messages(), seconds=latency_s)
        if Part.RESTORE in parts:
            ground.tell("Restoring the state of both stages from nothing")
            await _note(ground, settings, "restore")
        if Part.PASS_THROUGH in parts:
            await _pass_through(live, settings)
        ground.findings.reconciled(await reconcile(live))


async def _idle(live: Live) -> None:
    """Note the share of a core that each process takes while there is nothing to do."""
    before, started_s = live.used(), live.ground.now_s()
    await asyncio.sleep(_IDLE_S)
    took_s = live.ground.now_s() - started_s
    for name, used in spent(before, live.used()).items():
        live.ground.findings.note(**{f"idle_{name}_core_percent": used.cpu_s / took_s * 100})


async def _pass_through(live: Live, settings: Settings) -> None:
    ground = live.ground
    ground.tell("Passing the same records through aiokafka, untouched")
    name = out_topic(settings)
    async with admin_client(live.bootstrap) as admin:
        await admin.create_topics([NewTopic(name, settings.rating_partitions, 1)])
    before = ground.services_used()
    figures = await _note(ground, settings, "pass_through", most=_PASSED_THROUGH)
    used = ground.services_used()
    if "kafka" in used:
        cpu_s = used["kafka"].cpu_s - before["kafka"].cpu_s
        kafka_us = cpu_s * 1e6 / figures["pass_through_events"]
        ground.findings.note(pass_through_kafka_us_per_event=kafka_us)
    ours = ground.findings.figures["cpu_ours_us_per_event"]
    ground.findings.note(ours_times_pass_through=ours / figures["pass_through_us_per_event"])


async def _note(
    ground: Ground, settings: Settings, name: str, *, most: int = 0
) -> dict[str, float]:
    figures = await measured(
        Task(name=name, scratch=str(ground.scratch(name)), most_events=most),
        settings,
        ground.endpoints,
        log=layout_of(ground.settings.data).logs / "alone.log",
    )
    ground.findings.note(**figures)
    return figures
