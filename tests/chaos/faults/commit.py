"""Faults inside a commit: the request for it, or the answer to it, is caught on its way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.proxy import Link, Proxy, Request
from tests.chaos.workers import kill

When = Literal["before", "after"]
_CATCH_S = 60.0


class CommitTap:
    """Catches the next commit of a stage; the connection that carried it is cut."""

    def __init__(
        self, stage: str, when: When, *, pids: Callable[[], Mapping[int, str]] | None = None
    ) -> None:
        """``before``: the request never arrives; ``after``: it does, and its answer is lost.

        The process that sent it is killed at that moment where ``pids`` are given.
        """
        self._stage = f".{stage}."
        self._when = when
        self._pids = pids
        self._waiting: tuple[Link, int, str] | None = None
        self.caught = asyncio.get_running_loop().create_future()

    async def request(self, link: Link, request: Request) -> bool:
        """Return whether a request goes on."""
        if self._waiting or self.caught.done():
            return True
        if not (request.is_commit and self._stage in request.client_id):
            return True
        if self._when == "after":
            self._waiting = link, request.correlation, request.client_id
            return True
        return not self._catch(link, request.client_id)

    async def response(self, link: Link, correlation: int) -> bool:
        """Return whether an answer goes on."""
        if self._waiting is None or self._waiting[:2] != (link, correlation):
            return True
        client_id, self._waiting = self._waiting[2], None
        return not self._catch(link, client_id)

    def _catch(self, link: Link, client_id: str) -> bool:
        """Return whether it is caught; not where its process is one that has just been replaced."""
        pid = name = None
        if self._pids is not None:
            pids = self._pids()
            pid = process_at(link.client_port, pids)
            if pid is None:
                return False
            name = pids[pid]
            kill(pid)
        self.caught.set_result((client_id, name))
        return True


def process_at(port: int, pids: Mapping[int, str]) -> int | None:
    """Return which of the processes holds the connection from a local port."""
    # Several may have had the port: a connection that is only remembered has no inode.
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
            sockets.add(f"socket:[{fields[9]}]")
    for pid in pids:
        folder = Path(f"/proc/{pid}/fd")
        try:
            if any(_target(handle) in sockets for handle in folder.iterdir()):
                return pid
        except OSError:
            continue
    return None


def _target(handle: Path) -> str:
    try:
        return os.readlink(handle)
    except OSError:
        return ""


def answer_lost(proxy: Proxy, stage: str) -> Fault:
    """Return the fault: the broker has committed, and the worker never hears of it."""

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        client_id, _ = await caught_by(proxy, CommitTap(stage, "after"))
        play.hits.facts["commits whose answer was lost"] += 1
        return Hit(f"answer lost to {stage}", moving=moving.partitions, note=client_id)

    return strike


def kill_in_commit(proxy: Proxy, stage: str, when: When, *, wipe: bool) -> Fault:
    """Return the fault: a worker dies while it commits, and another one takes its partitions over.

    ``wipe``: its state is gone too, and so is everything that a supervisor would start again.
    """

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        tap = CommitTap(stage, when, pids=lambda: play.workers.pids(stage))
        client_id, name = await caught_by(proxy, tap)
        assert name is not None
        partition = f"{stage}/{client_id.rpartition('.')[2]}"
        open_ = await play.transactions.of(stage, {int(partition.rpartition("/")[2])})
        if wipe:
            await play.workers.stop(name)
            play.workers.wipe_state(name)
            async with asyncio.timeout(_CATCH_S):
                while not play.workers.owners(partition, but=name):  # noqa: ASYNC110  (logs)
                    await asyncio.sleep(0.2)
            play.hits.facts["partitions that another worker took over"] += 1
            await play.workers.start(name)
        kind = f"kill {stage} {when} the broker heard of its commit"
        return Hit(kind, moving=moving.partitions, open=open_, note=partition)

    return strike


async def caught_by(proxy: Proxy, tap: CommitTap) -> tuple[str, str | None]:
    """Return whose commit the tap has caught, and the worker that died of it."""
    proxy.tap = tap
    async with asyncio.timeout(_CATCH_S):
        client_id, name = await tap.caught
    proxy.tap = None
    return client_id, name
