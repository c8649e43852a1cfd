"""The process that keeps an installation running on this machine; there is one at most."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import typer

from pipeline.app import STAGES, run_folder
from pipeline.cli.database_place import DatabasePlace, database_place
from pipeline.cli.live import StageView, show_until_cancelled
from pipeline.cli.output import tell
from pipeline.cli.stack import Stack, log_folder, running_stack
from pipeline.cli.workers import until_announced
from pipeline.embedded import Endpoints, Services, stop_services
from pipeline.embedded.layout import layout_of
from pipeline.embedded.processes import ProcessId, alive, end, identify
from pipeline.errors import RatemillError
from pipeline.settings import Settings

_POLL_S = 0.1
_REVIVE_EVERY_S = 2.0
_ANNOUNCED_WITHIN_S = 60.0  # a worker needs some seconds to import what it runs
_STOP_GRACE_S = 60.0  # its workers get 15 s, then Kafka and PostgreSQL 20 s each


class AlreadyRuns(RatemillError):
    """Another process keeps this installation running."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An installation that runs, as its keeper wrote it down."""

    installation: str
    pid: int
    started: str  # with the pid it says which process; see `ProcessId`
    ready: bool
    data: str
    logs: str
    kafka_bootstrap: str = ""
    postgres: str = ""  # host:port/database, without the password
    ends_by_itself: bool = False  # a demo
    postgres_user: str = ""
    postgres_password_file: str = ""  # of the embedded one


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """What `ratemill down` found and ended."""

    installation: str
    workers: bool
    services: bool
    still_used_by: tuple[str, ...]


class Claim:
    """The right to keep an installation running; held by a lock that ends with the process."""

    def __init__(self, settings: Settings, *, ends_by_itself: bool) -> None:
        self._path = _record_path(settings.data, settings.installation)
        self._settings = settings
        self._ends_by_itself = ends_by_itself

    def write(self, endpoints: Endpoints | None) -> Running:
        """Write down who we are, and where the services are once everything runs."""
        me = identify(os.getpid())
        assert me is not None
        place = database_place(self._settings, endpoints.postgres_dsn) if endpoints else None
        running = Running(
            installation=self._settings.installation,
            pid=me.pid,
            started=me.started,
            ready=endpoints is not None,
            data=str(self._settings.data),
            logs=str(log_folder(self._settings)),
            kafka_bootstrap=endpoints.kafka_bootstrap if endpoints else "",
            postgres=place.address if place else "",
            ends_by_itself=self._ends_by_itself,
            postgres_user=place.user if place else "",
            postgres_password_file=place.password_file if place else "",
        )
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.encode(running))
        unfinished.replace(self._path)
        return running

    def withdraw(self) -> None:
        """Remove what was written."""
        self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(settings: Settings, *, ends_by_itself: bool = False) -> Iterator[Claim]:
    """Yield the claim on an installation; `AlreadyRuns` where another process holds it."""
    folder = run_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(
                f"{settings.installation} runs already in {settings.data}. Operator action: "
                "`ratemill status` shows it, `ratemill down` stops it."
            ) from None
        claim = Claim(settings, ends_by_itself=ends_by_itself)
        claim.write(None)
        try:
            yield claim
        finally:
            claim.withdraw()
    finally:
        os.close(handle)


async def keep_in_foreground(settings: Settings) -> None:
    """Start the installation and show what it does, until cancelled."""
    try:
        with claimed(settings) as claim:
            async with running_stack(settings, tell=tell, watch=settings.watch) as stack:
                await _all_announced(settings)
                tell(described(claim.write(stack.endpoints)))
                tell("Ctrl-C stops it; `ratemill up --detach` leaves it running.")
                await _watch(stack, settings)
    except AlreadyRuns as already:
        running = running_installation(settings)
        tell(described(running) if running else str(already))


async def keep_detached(settings: Settings) -> None:
    """Start the installation and keep it running, until cancelled."""
    with claimed(settings) as claim:
        async with running_stack(settings, tell=tell, watch=settings.watch) as stack:
            await _all_announced(settings)
            claim.write(stack.endpoints)
            await keep_alive(stack.services)


async def _all_announced(settings: Settings) -> None:
    """Return when each stage has a worker that answers; one that does not come is told, and tried on."""
    if settings.metrics_port < 0:
        return  # then workers have nothing to announce
    missing = await until_announced(run_folder(settings), STAGES, wait_s=_ANNOUNCED_WITHIN_S)
    if missing:
        tell(
            f"No worker of {', '.join(missing)} runs after {_ANNOUNCED_WITHIN_S:.0f} s; it is started "
            f"again and again. Operator action: read the end of {log_folder(settings)}/"
            f"{missing[0]}.log."
        )


async def _watch(stack: Stack, settings: Settings) -> None:
    view = StageView(run_folder(settings))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_alive(stack.services))
        tasks.create_task(show_until_cancelled(view, f"{settings.installation}: Ctrl-C stops it"))


async def keep_alive(services: Services) -> None:
    """Start embedded services again when they die, until cancelled."""
    while True:
        await asyncio.sleep(_REVIVE_EVERY_S)
        for name in await services.revive():
            tell(f"{name} had ended; it was started again.")


async def until_no_demo_runs(data: Path) -> None:
    """Return when no other demo in the folder uses the services that we are about to stop.

    `ratemill up` is not waited for: it may run for months, and starts them again itself.
    """
    told = False
    while others := [one for one in running_installations(data) if one.ends_by_itself]:
        if not told:
            names = ", ".join(one.installation for one in others)
            tell(f"Kafka and PostgreSQL are still used by {names}: waiting for it to end.")
            told = True
        await asyncio.sleep(_POLL_S)


async def start_detached(settings: Settings, *, debug: bool) -> Running:
    """Return the installation once everything runs; it outlives this process."""
    running = running_installation(settings)
    if running is not None:
        return await _until_ready(settings, running)
    log = log_folder(settings) / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        told = output.tell()
        keeper = subprocess.Popen(  # noqa: ASYNC220  (it outlives this event loop)
            [sys.executable, "-P", "-m", "pipeline.cli", *_options(settings, debug), "supervise"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **settings.environment()},
            start_new_session=True,  # a Ctrl-C here is not meant for it once it runs
        )
    try:
        with log.open("rb") as words:
            words.seek(told)
            return await _until_started(settings, keeper, words)
    except BaseException:
        if keeper.poll() is None:
            keeper.terminate()
            keeper.wait()
        raise


def _options(settings: Settings, debug: bool) -> list[str]:
    flags = ["--debug"] if debug else []
    return [*flags, "--installation", settings.installation, "--data", str(settings.data)]


async def _until_started(
    settings: Settings, keeper: subprocess.Popen[bytes], words: IO[bytes]
) -> Running:
    while True:
        ended = keeper.poll()
        for line in words.read().decode(errors="replace").splitlines():
            tell(line)
        if ended is not None:
            raise typer.Exit(ended)  # it has told why
        running = running_installation(settings)
        if running is not None and running.ready and running.pid == keeper.pid:
            return running
        await asyncio.sleep(_POLL_S)


async def _until_ready(settings: Settings, running: Running) -> Running:
    if running.ready:
        tell(f"{settings.installation} runs already.")
    else:
        tell("Another process is starting it, waiting for that.")
    while not running.ready:
        await asyncio.sleep(_POLL_S)
        found = running_installation(settings)
        if found is None:
            raise RatemillError(
                f"The other start of {settings.installation} gave up. Operator action: read "
                f"{running.logs}/up.log, then start it again."
            )
        running = found
    return running


async def stop(settings: Settings) -> Stopped:
    """End the installation's keeper, and the services where nobody else in the folder runs."""
    running = running_installation(settings)
    if running is not None:
        process = ProcessId(running.pid, running.started)
        await end(process, (signal.SIGTERM,), grace_s=_STOP_GRACE_S)
        _record_path(settings.data, settings.installation).unlink(missing_ok=True)
    others = tuple(one.installation for one in running_installations(settings.data))
    services = not others and await stop_services(settings.data)
    # The keeper has ended its own services itself.
    ended_with_it = running is not None and not others and not _own_services(settings)
    return Stopped(
        installation=settings.installation,
        workers=running is not None,
        services=services or ended_with_it,
        still_used_by=others,
    )


def _own_services(settings: Settings) -> bool:
    return bool(settings.kafka_bootstrap and settings.postgres_dsn)


def running_installation(settings: Settings) -> Running | None:
    """Return this installation if a living process keeps it running."""
    return _read(_record_path(settings.data, settings.installation))


def running_installations(data: Path) -> list[Running]:
    """Return every installation of the folder that runs."""
    found = (_read(path) for path in sorted((data / "run").glob("*/keeper.json")))
    return [one for one in found if one is not None]


def nothing_of(installation: str, data: Path, others: tuple[str, ...]) -> str:
    """Return that nothing of an installation runs in the folder, and what does."""
    if others:
        services = ", with services of this folder" if layout_of(data).run_file.living() else ""
        return (
            f"Nothing of {installation} runs in {data}. {runs_there(others)}{services}: `ratemill "
            f"--data {shlex.quote(str(data))} --installation {others[0]} down` stops it."
        )
    return f"Nothing runs in {data}."


def runs_there(names: tuple[str, ...]) -> str:
    """Return ``eu runs there``, or ``eu and us run there``."""
    *most, last = names
    return f"{', '.join(most)} and {last} run there" if most else f"{last} runs there"


def described(running: Running) -> str:
    """Return where everything of a running installation is, in lines."""
    place = DatabasePlace(running.postgres, running.postgres_user, running.postgres_password_file)
    return "\n".join(
        (
            f"{running.installation} runs (process {running.pid}).",
            f"  Kafka     {running.kafka_bootstrap}",
            f"  Postgres  {place}",
            f"  Schema    {running.installation}",
            f"  Data      {running.data}",
            f"  Logs      {running.logs}",
        )
    )


def _record_path(data: Path, installation: str) -> Path:
    return data / "run" / installation / "keeper.json"


def _read(path: Path) -> Running | None:
    try:
        running = msgspec.json.decode(path.read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return running if alive(ProcessId(running.pid, running.started)) else None
