"""The same work as a stock Faust application: run it, check that it agrees, note what it takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
from aiokafka.admin import NewTopic

from pipeline.bench.faust_expected import single_records
from pipeline.bench.ground import Ground, remove_topics
from pipeline.bench.outside import run_outside
from pipeline.bench.task import FaustTask, Task, measured
from pipeline.embedded.layout import layout_of
from pipeline.errors import RatemillError
from pipeline.kafka import admin_client, idempotent_producer
from schemas.period import to_ms
from sources.records import RawRecord

AGENT = Path(__file__).resolve().parents[2] / "benchmarks" / "faust_agent" / "agent.py"

_EVENTS = 20_000  # at most: it is slow, and its cost per event is the same from the first on
_SHARE = 10  # one event of so many
_TIMEOUT_S = 240


class AgentFigures(msgspec.Struct, frozen=True):
    """What the agent writes when it has read the end."""

    events: int
    cpu_us_per_event: float
    events_per_s: float
    charges: int
    duplicates: int
    refused: int
    amount: str


async def faust(ground: Ground) -> None:
    """Note what the Faust application takes for some of the events, as a multiple of ours."""
    if not AGENT.exists():
        ground.tell("The Faust agent is not measured: benchmarks/ is only in a checkout")
        return
    events = min(_EVENTS, ground.workload.facts.items // _SHARE)
    ground.tell(f"Measuring the same work as a Faust agent, {events:,} events")
    now_ms = to_ms(ground.clock.now())
    scratch = ground.scratch("faust")
    log = layout_of(ground.settings.data).logs / "faust.log"
    task = FaustTask(
        name=ground.name("faust"),
        bootstrap=ground.endpoints.kafka_bootstrap,
        workload=str(ground.workload.folder),
        scratch=str(scratch),
        figures=str(scratch / "figures.json"),
        now_ms=now_ms,
        horizon_ms=ground.settings.dedup_horizon_ms,
        future_ms=ground.settings.future_ms,
    )
    try:
        await _topics(task)
        await _send(task, single_records(ground.workload, events))
        before = ground.services_used()
        found = await _run(task, scratch, log)
        used = ground.services_used()
    finally:
        await remove_topics(task.bootstrap, task.name)
    wanted = await measured(
        Task(
            name="faust_expected",
            workload=str(ground.workload.folder),
            scratch=str(scratch),
            most_events=events,
            now_ms=now_ms,
        ),
        ground.settings,
        ground.endpoints,
        log=log,
    )
    _check(found, wanted)
    note = ground.findings.note
    note(
        faust_agent_us_per_event=found.cpu_us_per_event,
        faust_agent_events_per_s=found.events_per_s,
        faust_agent_events=found.events,
    )
    if "kafka" in used:
        cpu_s = used["kafka"].cpu_s - before["kafka"].cpu_s
        note(faust_agent_kafka_us_per_event=cpu_s * 1e6 / found.events)
    figures = ground.findings.figures
    ours = [figures.get(f"cpu_{stage}_us_per_event") for stage in ("normalise", "rate")]
    if all(ours):
        note(faust_agent_times_our_cpu=found.cpu_us_per_event / sum(one or 0 for one in ours))


def _check(found: AgentFigures, wanted: dict[str, float]) -> None:
    amount = int(Decimal(found.amount) * 10_000)
    if (found.charges, amount) != (wanted["charges"], wanted["amount_in_ten_thousandths"]):
        raise RatemillError(
            f"The Faust agent came to {found.charges:,} charges of {found.amount} in all, Ratemill "
            f"to {wanted['charges']:,} of {wanted['amount_in_ten_thousandths'] / 10_000}: that is "
            "not the same work. Operator action: correct benchmarks/faust_agent/agent.py."
        )


async def _topics(task: FaustTask) -> None:
    names = [f"{task.name}.{name}" for name in ("raw", "events", "charges")]
    async with admin_client(task.bootstrap) as admin:
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])


async def _send(task: FaustTask, records: Iterable[RawRecord]) -> None:
    producer = idempotent_producer(task.bootstrap, client_id="ratemill.bench.faust")
    topic = f"{task.name}.raw"
    await producer.start()
    try:
        for record in records:
            headers = list(record.headers)
            await producer.send(topic, record.value, key=record.key, partition=0, headers=headers)
        await producer.send(topic, b"end", key=b"end", partition=0)
        await producer.flush()
    finally:
        await producer.stop()


async def _run(task: FaustTask, scratch: Path, log: Path) -> AgentFigures:
    """Return what the agent wrote; its process has ended by then, and when this is cancelled."""
    description = scratch / "task.json"
    description.write_bytes(msgspec.json.encode(task))
    command = [sys.executable, str(AGENT), str(description)]
    await run_outside(command, log=log, modules=AGENT.parents[2], patience_s=_TIMEOUT_S)
    try:
        return _read(Path(task.figures))
    except OSError as error:
        raise RatemillError(
            f"The Faust agent wrote no figures within {_TIMEOUT_S} s. Operator action: read "
            f"{log}; the other parts can be measured with --only."
        ) from error


def _read(path: Path) -> AgentFigures:
    return msgspec.json.decode(path.read_bytes(), type=AgentFigures)
