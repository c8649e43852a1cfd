"""Child processes of this one: started with a log file, run to their end, or left running."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded import leash
from pipeline.embedded.errors import start_failed
from pipeline.embedded.processes import ProcessId, identify

_ROTATE_AT_BYTES = 10_000_000


@dataclass(frozen=True)
class User:
    """Whom a child runs as; None where a `User` may be: as we do."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Child:
    process: ProcessId
    popen: subprocess.Popen[bytes]

    def runs(self) -> bool:
        """Return whether it still runs; asking also takes its exit code from the system."""
        return self.popen.poll() is None

    @contextmanager
    def killed_on_error(self) -> Iterator[None]:
        """Leave no child behind when the block fails or is cancelled, by Ctrl-C for example."""
        try:
            yield
        except BaseException:
            self.popen.kill()
            self.popen.wait()
            raise


def leashed(
    argv: Sequence[str], *, dies_on: signal.Signals | None, user: User | None = None
) -> list[str]:
    """Return the command that runs `argv` as the user; `dies_on` is sent when we die hard."""
    uid, gid = (user.uid, user.gid) if user else (-1, -1)
    words = [os.getpid(), int(dies_on or 0), uid, gid]
    program = shutil.which(argv[0]) or argv[0]
    return [sys.executable, "-I", "-S", leash.__file__, *map(str, words), program, *argv[1:]]


def spawn(
    argv: Sequence[str],
    log: Path,
    *,
    dies_on: signal.Signals | None,
    user: User | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Child:
    """Return the started child. It writes to the log and hears no Ctrl-C of our terminal."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _rotate(log)
    with log.open("ab") as output:
        popen = subprocess.Popen(
            leashed(argv, dies_on=dies_on, user=user),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd or "/",
            start_new_session=True,
        )
    process = identify(popen.pid) or ProcessId(popen.pid, "ended at once")
    return Child(process, popen)


async def run(
    what: str, argv: Sequence[str], log: Path, *, user: User | None = None, stdin: bytes = b""
) -> None:
    """Return when the command has ended well; a cancelled wait leaves nothing running."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, tempfile.TemporaryFile() as words:
        words.write(stdin)
        words.seek(0)
        process = await asyncio.create_subprocess_exec(
            *leashed(argv, dies_on=signal.SIGKILL, user=user),
            stdin=words,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise start_failed(what, f"{Path(argv[0]).name} gave exit code {process.returncode}", log)


def _rotate(log: Path) -> None:
    """Keep one older log, so that a broker that runs for years does not fill the disk with them."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > _ROTATE_AT_BYTES:
            log.replace(log.with_name(log.name + ".1"))
