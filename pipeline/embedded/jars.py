"""The jars of the embedded Kafka: a fixed list, fetched once into a cache of our own."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.embedded import download
from pipeline.embedded.errors import DownloadFailed
from pipeline.embedded.locks import held

LIST = Path(__file__).with_name("jars.txt")
_PARALLEL = 8
_LOCK_TIMEOUT_S = 900  # another start fetches 44 MB over a slow line


@dataclass(frozen=True)
class Jar:
    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its place below the base URL of any Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def read_list(path: Path = LIST) -> tuple[Jar, ...]:
    """Return the jars that the list names, in its order; `#` starts a comment line."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    jars = tuple(Jar(*line.replace(":", " ").split()) for line in lines)
    assert jars, f"{path} names no jar"
    return jars


async def ensure_jars(
    jars: Sequence[Jar], cache: Path, *, repository: str, on_progress: Callable[[str], None]
) -> tuple[Path, ...]:
    """Return the path of each jar in the cache; fetches what is missing there or damaged.

    Checked at every start, which costs a tenth of a second and finds half a disk block too.
    """
    folder = cache / "jars"

    def waiting() -> None:
        on_progress("another start is fetching the Kafka jars, waiting for it")

    async with held(cache / "jars.lock", timeout_s=_LOCK_TIMEOUT_S, on_wait=waiting):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [jar for jar in jars if not _is_whole(folder / jar.file_name, jar)]
        if missing:
            await _fetch_all(missing, folder, repository=repository, on_progress=on_progress)
    return tuple(folder / jar.file_name for jar in jars)


async def _fetch_all(
    jars: Sequence[Jar], folder: Path, *, repository: str, on_progress: Callable[[str], None]
) -> None:
    stop = threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="jars") as pool:
        fetches = [
            loop.run_in_executor(pool, _fetch, jar, folder, repository, stop) for jar in jars
        ]
        try:
            for done, fetch in enumerate(asyncio.as_completed(fetches), start=1):
                await fetch
                on_progress(f"fetched {done} of {len(jars)} Kafka jars")
        finally:
            stop.set()  # after the first error or a Ctrl-C the others stop at their next block
            await asyncio.gather(*fetches, return_exceptions=True)


def _fetch(jar: Jar, folder: Path, repository: str, stop: threading.Event) -> None:
    target = folder / jar.file_name
    unfinished = folder / f".{jar.file_name}.{os.getpid()}"
    try:
        download.to_file(f"{repository}/{jar.path}", unfinished, stop=stop)
        if not _is_whole(unfinished, jar):
            raise DownloadFailed(
                f"{repository}/{jar.path} is not the file that was expected (sha256 differs). "
                "Operator action: point RATEMILL_MAVEN_REPOSITORY at a repository that you trust."
            )
        unfinished.replace(target)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _is_whole(path: Path, jar: Jar) -> bool:
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False
