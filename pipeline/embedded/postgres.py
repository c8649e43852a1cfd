"""One real PostgreSQL as a child process, from the two programs of a wheel."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pipeline.embedded import children, ports
from pipeline.embedded.children import Child
from pipeline.embedded.errors import start_failed
from pipeline.embedded.options import EmbeddedOptions
from pipeline.embedded.postgres_cluster import Cluster, ensure_cluster
from pipeline.embedded.postgres_settings import arguments
from pipeline.embedded.processes import ProcessId, end, identify

# INT: connections are ended and a checkpoint is written; QUIT: at once, with recovery next time.
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)
_POLL_S = 0.03
_TRIES = 5  # the children of a killed server hold its memory for up to a second
_PAUSE_S = 0.5


async def start_postgres(
    root: Path,
    log: Path,
    options: EmbeddedOptions,
    *,
    detach: bool,
    on_spawn: Callable[[ProcessId, str], None],
) -> tuple[Child, str]:
    """Return a PostgreSQL that takes connections, and its address. `on_spawn` hears of each process at once."""
    cluster = await ensure_cluster(root, log)
    await _end_forgotten(cluster.data)
    for _ in range(_TRIES):
        (port,) = ports.choose_ports(cluster.ports, count=1)
        postgres = await _start_once(cluster, port, options, detach=detach, on_spawn=on_spawn)
        if postgres:
            return postgres
        if not ports.is_free(port):
            ports.forget_ports(cluster.ports)  # somebody else took it in between
        await asyncio.sleep(_PAUSE_S)
    raise start_failed("PostgreSQL", f"it ended {_TRIES} times", log)


async def _start_once(
    cluster: Cluster,
    port: int,
    options: EmbeddedOptions,
    *,
    detach: bool,
    on_spawn: Callable[[ProcessId, str], None],
) -> tuple[Child, str] | None:
    """Return a PostgreSQL that takes connections on this port, or nothing if it ended."""
    child = children.spawn(
        [str(cluster.programs / "postgres"), "-D", str(cluster.data), *arguments(port=port)],
        cluster.log,
        dies_on=None if detach else STOP_SIGNALS[0],
        user=cluster.user,
    )
    address = f"{ports.LOOPBACK}:{port}"
    with child.killed_on_error():
        on_spawn(child.process, address)
        if await _ready(child, cluster.data, options.start_timeout_s):
            return child, address
        if child.runs():
            why = f"no answer in {options.start_timeout_s} s"
            raise start_failed("PostgreSQL", why, cluster.log)
    return None


async def _ready(child: Child, data: Path, timeout_s: float) -> bool:
    """Return whether the server said "ready" in time; false at once when it ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while child.runs():
                lines = _lock_file(data)
                if lines[:1] == [str(child.process.pid)] and lines[7:8] == ["ready"]:
                    return True
                await asyncio.sleep(_POLL_S)
    return False


async def _end_forgotten(data: Path) -> None:
    """End a server of this folder that nobody knows of, or drop the lock of a dead one.

    PostgreSQL takes any live process with the pid in its lock file for the owner, so after a
    crash and a restart of the machine it may refuse to start for ever.
    """
    lines = _lock_file(data)
    if not lines:
        return
    pid = int(lines[0])
    owner = identify(pid)
    if owner and _works_in(pid, data):
        await end(owner, STOP_SIGNALS, grace_s=20)
    elif _exists(pid):  # of a dead one it can tell itself, and looks for children that outlived it
        (data / "postmaster.pid").unlink()


def _exists(pid: int) -> bool:
    """Return whether PostgreSQL would take it for a live process: a zombie too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _lock_file(data: Path) -> list[str]:
    """Return its lines: pid, folder, start time, port, socket folder, address, memory, status."""
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except FileNotFoundError:
        return []


def _works_in(pid: int, folder: Path) -> bool:
    """Return whether the process has that current folder; yes where the system cannot tell."""
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.resolve()
    except OSError:
        return not Path("/proc/self/cwd").exists()
