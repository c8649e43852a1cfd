"""The compared program in Java: its jars fetched, its two files compiled, when it is first asked for."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare.children import run_child
from benchmarks.compare.programs import HERE
from pipeline.embedded.jars import ensure_jars, read_list
from pipeline.embedded.options import options_of_this_process
from pipeline.errors import RatemillError

Tell = Callable[[str], None]

SOURCES = HERE / "kafka_streams"
JARS = SOURCES / "jars.txt"
MAIN = "RatingApp"
_JVM = ("-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")


async def java_command(data: Path, *, tell: Tell) -> list[str]:
    """Return the command that runs the program, but for its task.

    `RatemillError` where there is no JDK; Java 17 is the oldest that can compile it.
    """
    javac, java = jdk()
    options = options_of_this_process()
    cache = data / "compare" / "kafka-streams"
    jars = await ensure_jars(
        read_list(JARS), cache, repository=options.maven_repository, on_progress=tell
    )
    class_path = ":".join(map(str, jars))
    classes = cache / f"classes-{_digest(javac)}"
    if not (classes / f"{MAIN}.class").exists():
        tell(f"Compiling the Kafka Streams program into {classes}, once")
        await _compile(javac, class_path, classes)
    return [java, *_JVM, "-cp", f"{classes}:{class_path}", MAIN]


def jdk() -> tuple[str, str]:
    """Return the compiler and the Java beside it, as the PATH gives them."""
    javac = shutil.which("javac")
    java = None if javac is None else Path(javac).resolve().with_name("java")
    if javac is None or java is None or not java.exists():
        raise RatemillError(
            "There is no javac on the PATH, and the Kafka Streams program has to be compiled. "
            "Nothing was started. Operator action: install a JDK of version 17 or later (on Debian "
            "the package default-jdk-headless), or put its bin folder on the PATH."
        )
    return str(Path(javac).resolve()), str(java)


def _digest(javac: str) -> str:
    parts = [path.read_bytes() for path in (*sorted(SOURCES.glob("*.java")), JARS)]
    return hashlib.blake2b(b"\0".join([*parts, javac.encode()]), digest_size=6).hexdigest()


async def _compile(javac: str, class_path: str, classes: Path) -> None:
    sources = [str(path) for path in sorted(SOURCES.glob("*.java"))]
    unfinished = classes.with_name(f"{classes.name}.unfinished")
    await asyncio.to_thread(shutil.rmtree, unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    command = [javac, "-encoding", "UTF-8", "-d", str(unfinished), "-cp", class_path, *sources]
    await run_child(command, "install a JDK of version 17 or later, and call again")
    unfinished.rename(classes)
