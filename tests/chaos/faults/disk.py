"""A disk that is full, and a byte on it that is another one: file systems in memory, made for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play
from tests.chaos.workers import kill

_FILLER = "filler"
_STEP_BYTES = 1 << 20
_SEEN_S = 60.0


def why_not() -> str | None:
    """Return why no file system can be made here, or nothing."""
    if os.geteuid() != 0:
        return "it mounts a small tmpfs. Operator action: run it as root"
    if shutil.which("mount") is None:
        return "there is no `mount`. Operator action: install it"
    return None


@contextmanager
def small_disk(folder: Path, *, megabytes: int) -> Iterator[Path]:
    """Yield a folder that is a file system of so many megabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_disk(stage: str, folder: Path, what: str, *, seconds: float, dies: bool) -> Fault:
    """Return the fault: nothing more fits on the disk for a while, and somebody says so.

    ``dies``: a worker of the stage dies too. RocksDB writes into room that it took in advance, so
    it is a start that needs more.
    """

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        before = sum(play.watch.stops().values())
        filler = folder / _FILLER
        fill(filler)
        if dies:
            kill(moving.pid)
        try:
            async with asyncio.timeout(_SEEN_S):
                while await _stops(play) == before:
                    fill(filler)  # what was freed meanwhile
                    await asyncio.sleep(0.2)
            await asyncio.sleep(seconds)  # the fault itself
        finally:
            filler.unlink()
        play.hits.facts[f"sessions that ended since the disk under {what} was full"] += (
            await _stops(play) - before
        )
        return Hit(f"disk full under {what}", moving=moving.partitions)

    return strike


async def _stops(play: Play) -> int:
    await play.watch.look()
    return sum(play.watch.stops().values())


def fill(path: Path) -> None:
    """Write to a file until nothing more fits."""
    with path.open("ab", buffering=0) as file:
        for step in (_STEP_BYTES, 4_096, 64):
            try:
                while file.write(bytes(step)):
                    pass
            except OSError:
                continue


def flip_byte(name: str, *, stage: str, choose: Callable[[list[Path]], Path]) -> Fault:
    """Return the fault: one byte of a table file of RocksDB is another one when it starts again.

    Then somebody does what the log asks for: that folder is deleted, and is rebuilt. The file is the
    newest one of a partition: of an older one a block may never be asked for again, since newer
    ones have the same keys.
    """

    async def strike(play: Play) -> Hit:
        moving = await play.at_work(stage)
        files = await _table_files(play, name)
        chosen = choose([*{file.parent: file for file in files}.values()])
        content = bytearray(chosen.read_bytes())
        place = len(content) // 3  # among the data: index and filter lie at the end
        content[place] ^= 0x10
        chosen.write_bytes(content)
        told = len(play.workers.log(name))
        await play.workers.start(name)
        words = f"RocksDB at {chosen.parent} failed"
        async with asyncio.timeout(_SEEN_S):
            while words not in play.workers.log(name)[told:]:  # noqa: ASYNC110  (a log)
                await asyncio.sleep(0.1)
        await play.workers.stop(name)
        shutil.rmtree(chosen.parent)
        await play.workers.start(name)
        play.hits.facts["damaged states that were noticed, deleted and rebuilt"] += 1
        return Hit("byte flipped in RocksDB", moving=moving.partitions, note=chosen.parent.name)

    return strike


async def _table_files(play: Play, name: str) -> list[Path]:
    """Return the table files of a worker that is ended for it; a second start writes them."""
    for _ in range(2):
        await play.workers.stop(name)
        found = sorted(play.workers.state_folder(name).glob("*-*/*.sst"))
        found = [one for one in found if one.stat().st_size > 2_000]
        if found:
            return found
        await play.workers.start(name)
        await play.at_work(name.partition("-")[0], name=name)
    raise AssertionError(f"{name} has written no table file")
