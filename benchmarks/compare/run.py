"""One comparison: our stages over the workload, then the program over the events that rate has read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.compare.environment import command_of
from benchmarks.compare.programs import Program
from benchmarks.compare.task import Answer, Task
from benchmarks.compare.topics import check_same, make_topics, our_sum, send_events, their_sum
from pipeline.bench.compared import Compared
from pipeline.bench.end_to_end import end_to_end, reconcile
from pipeline.bench.ground import Ground, bench_folder, own_installation, own_services
from pipeline.bench.live import live_installation
from pipeline.bench.machine import hardware
from pipeline.bench.outside import run_outside
from pipeline.bench.refusals import check_room
from pipeline.bench.result import Findings, rounded
from pipeline.bench.run import ACCOUNTS, PARTITIONS, PREFIXES, document_of, made_workload
from pipeline.bench.workload import Parameters, start_of
from pipeline.clock import Clock
from pipeline.embedded.layout import layout_of
from pipeline.errors import RatemillError
from pipeline.settings import Settings

Tell = Callable[[str], None]

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 120.0  # and so much more for each event:
_PATIENCE_S_PER_EVENT = 0.002


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked to compare."""

    program: Program
    events: int
    seed: int = 1
    accounts: int = ACCOUNTS
    prefixes: int = PREFIXES

    @property
    def command(self) -> str:
        """Return the call that measures the same."""
        words = ["python", "-m", "benchmarks.compare", self.program.name]
        words += ["--events", str(self.events), "--seed", str(self.seed)]
        if (self.accounts, self.prefixes) != (ACCOUNTS, PREFIXES):
            words += ["--accounts", str(self.accounts), "--prefixes", str(self.prefixes)]
        return " ".join(words)


async def run_comparison(
    settings: Settings, wanted: Wanted, *, clock: Clock, tell: Tell
) -> Compared:
    """Return the figures; `RatemillError` where the program comes to other charges than ours.

    Broker and database are started for it and are gone at the end, as after a Ctrl-C.
    """
    program = wanted.program
    load_before = os.getloadavg()[0]
    check_room(settings.data, events=wanted.events)
    command = await command_of(program, settings.data, tell=tell)
    with bench_folder(settings.data) as folder:
        parameters = Parameters(
            events=wanted.events,
            seed=wanted.seed,
            accounts=wanted.accounts,
            prefixes=wanted.prefixes,
            start=start_of(clock.now().date()).isoformat(),
        )
        tell(f"Making the workload of {wanted.events:,} events, or taking it from {folder}")
        workload = await made_workload(parameters, folder, tell)
        run = settings.model_copy(
            update={
                "data": folder / f"run-{clock.now():%y%m%d%H%M%S}",
                "kafka_bootstrap": None,  # services of others are not touched
                "postgres_dsn": None,
                "raw_partitions": PARTITIONS,
                "rating_partitions": PARTITIONS,
            }
        )
        async with own_services(run, tell=tell) as endpoints:
            document = document_of(workload)
            ground = Ground(run, endpoints, workload, document, Findings(), clock, tell)
            figures = await _figures(ground, program, command)
            figures["load_before"] = load_before
    return Compared(
        program=program.name,
        figures={name: rounded(value) for name, value in figures.items()},
        hardware=hardware(settings.data),
        command=wanted.command,
        measured_at=f"{clock.now():%Y-%m-%d %H:%M} UTC",
    )


async def _figures(ground: Ground, program: Program, command: Sequence[str]) -> dict[str, float]:
    bootstrap = ground.endpoints.kafka_bootstrap
    task = _task(ground, program)
    async with own_installation(ground, "compare") as settings:
        async with live_installation(ground, settings) as live:
            await end_to_end(live)
        if not await reconcile(live):
            raise RatemillError(
                "Our own side does not reconcile, and nothing was compared. Operator action: "
                "report this, it is a bug of ours."
            )
        topics = (task.events_topic, task.charges_topic)
        await make_topics(bootstrap, *topics, partitions=PARTITIONS)
        events = await send_events(settings, bootstrap, ground.workload, task.events_topic)
        wanted = await our_sum(settings, bootstrap)
    warm_up = events // program.warm_up_share if program.warm_up_share else 0
    counted = events - warm_up
    task = msgspec.structs.replace(task, events=events, warm_up=warm_up)
    ground.tell(f"Rating {events:,} events in {program.title}, {program.guarantee}")
    before = ground.services_used()
    answer = await _run(task, command, layout_of(ground.settings.data).logs / "compare.log")
    broker_s = ground.services_used()["kafka"].cpu_s - before["kafka"].cpu_s
    found = await their_sum(bootstrap, task.charges_topic, partitions=PARTITIONS)
    check_same(program.title, found, wanted)
    ours = ground.findings.figures["cpu_rate_us_per_event"]
    # That is for each event sent; rate has not read those that normalise refused.
    ours_us = ours * ground.workload.facts.items / events
    theirs_us = answer.cpu_s * 1e6 / counted
    return {
        "events": events,
        "events_counted": counted,
        "charges": found.charges,
        "theirs_us_per_event": theirs_us,
        "ours_us_per_event": ours_us,
        "times_our_cpu": theirs_us / ours_us,
        "theirs_events_per_s": counted / answer.took_s,
        "theirs_kafka_us_per_event": broker_s * 1e6 / events,
    }


def _task(ground: Ground, program: Program) -> Task:
    name = ground.name(program.name)
    scratch = ground.scratch(program.name)
    state = scratch / "state"
    state.mkdir()
    return Task(
        name=name,
        bootstrap=ground.endpoints.kafka_bootstrap,
        events_topic=f"{name}.events",
        charges_topic=f"{name}.charges",
        events=0,
        warm_up=0,
        catalogue=str(ground.workload.catalogue),
        scratch=str(state),
        figures=str(scratch / "figures.json"),
    )


async def _run(task: Task, command: Sequence[str], log: Path) -> Answer:
    """Return what the program wrote; its process has ended by then, and when this is cancelled."""
    description = Path(task.figures).with_name("task.json")
    description.write_bytes(msgspec.json.encode(task))
    patience_s = _PATIENCE_S + task.events * _PATIENCE_S_PER_EVENT
    await run_outside([*command, str(description)], log=log, modules=_ROOT, patience_s=patience_s)
    return _answer(task, log, patience_s)


def _answer(task: Task, log: Path, patience_s: float) -> Answer:
    try:
        answer = msgspec.json.decode(Path(task.figures).read_bytes(), type=Answer)
    except OSError as error:
        said = log.read_text(errors="replace").strip().splitlines()
        raise RatemillError(
            f"The program wrote no figures within {patience_s:.0f} s. It said last: "
            f"{said[-1] if said else 'nothing'}. Operator action: look at that; if it was only slow, "
            "ask for fewer with --events."
        ) from error
    if answer.events != task.events:
        raise RatemillError(
            f"The program has read {answer.events:,} events of {task.events:,}: that is not the "
            "same work, and no figure of it is kept. Operator action: correct it."
        )
    return answer
