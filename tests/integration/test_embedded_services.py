"""A real Kafka and a real PostgreSQL of our own keep what they took, and leave nothing behind."""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from pipeline.embedded import ensure_services, postgres_user, running_services, stop_services
from pipeline.embedded.processes import identify

ELSEWHERE = "127.0.0.1:1"  # a Kafka that is given is not looked at, which makes a start quick


@pytest.fixture
def data():
    """A data folder that the database's user may reach, unlike pytest's own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-embedded-"))
    folder.chmod(0o755)
    yield folder
    asyncio.run(stop_services(folder))
    shutil.rmtree(folder)


async def ensure(data, *, kafka=None, detach=False):
    return await ensure_services(
        data,
        kafka_bootstrap=kafka,
        postgres_dsn=None,
        on_progress=lambda _: None,
        detach=detach,
    )


def pids(data):
    record = json.loads((data / "run" / "services.json").read_text())
    return {name: entry["process"]["pid"] for name, entry in record.items()}


def anybody_in(data):
    """Return the processes whose command line names the folder: services, helpers, backends."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if str(data).encode() in command and entry.parent.name != str(os.getpid()):
            found.append(command.replace(b"\0", b" ")[:200])
    return found


async def write(endpoints, value):
    """Append to a topic in a transaction and insert a row; return when both acknowledged."""
    connection = await asyncpg.connect(endpoints.postgres_dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
    await connection.execute("INSERT INTO kept VALUES ($1)", value)
    await connection.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=endpoints.kafka_bootstrap, transactional_id="writer"
    )
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait("kept", value.encode())
    await producer.stop()


async def read(endpoints):
    """Return what the table and the topic hold."""
    connection = await asyncpg.connect(endpoints.postgres_dsn)
    rows = [row["value"] for row in await connection.fetch("SELECT value FROM kept")]
    await connection.close()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=endpoints.kafka_bootstrap,
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    partition = TopicPartition("kept", 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning()
    end = (await consumer.end_offsets([partition]))[partition]
    records = []
    while await consumer.position(partition) < end:
        for batch in (await consumer.getmany(timeout_ms=100)).values():
            records += [record.value.decode() for record in batch]
    await consumer.stop()
    return rows, records


async def test_what_was_taken_survives_a_restart_and_a_kill(data):
    async with await ensure(data) as services:
        before = services.endpoints
        admin = AIOKafkaAdminClient(bootstrap_servers=before.kafka_bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        await write(before, "before a restart")
    assert anybody_in(data) == []

    async with await ensure(data) as services:
        assert services.endpoints == before
        await write(before, "before a kill")
        for pid in pids(data).values():
            os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while services.dead() != ("kafka", "postgres"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await running_services(data) is None
        assert await services.revive() == ("kafka", "postgres")
        assert services.endpoints == before
        assert await read(before) == (["before a restart", "before a kill"],) * 2
    assert anybody_in(data) == []


async def test_two_folders_at_once_and_a_second_start_in_one(data):
    other = data / "other"
    one, two = await asyncio.gather(ensure(data), ensure(other))
    async with one, two:
        places = {one.endpoints.kafka_bootstrap, two.endpoints.kafka_bootstrap}
        assert len(places) == 2
        assert one.endpoints.postgres_dsn != two.endpoints.postgres_dsn

        async with await ensure(data) as again:
            assert again.endpoints == one.endpoints == await running_services(data)
        assert await running_services(data) == one.endpoints  # whoever only found them left them


async def test_two_starts_at_once_in_one_folder_start_one(data):
    one, two = await asyncio.gather(ensure(data, kafka=ELSEWHERE), ensure(data, kafka=ELSEWHERE))
    async with one, two:
        assert one.endpoints == two.endpoints
        connection = await asyncpg.connect(one.endpoints.postgres_dsn)
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.close()


async def test_with_both_given_nothing_is_started(data):
    services = await ensure_services(
        data,
        kafka_bootstrap=ELSEWHERE,
        postgres_dsn="postgresql://x",
        on_progress=lambda _: None,
        detach=False,
    )
    assert not services.endpoints.embedded
    assert list(data.iterdir()) == []
    assert not await stop_services(data)


PROGRAM = """
import asyncio, os, pathlib, signal, sys
from pipeline.embedded import ensure_services

async def main():
    data, kafka, how = sys.argv[1:]
    services = await ensure_services(
        pathlib.Path(data), kafka_bootstrap=kafka or None, postgres_dsn=None,
        on_progress=lambda _: None, detach=how == "detach",
    )
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def start_elsewhere(data, how, *, kafka=ELSEWHERE):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data), kafka, how],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_until(holds):
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_services_end_with_a_process_that_is_killed(data):
    start_elsewhere(data, "die").wait()
    postgres = pids(data)["postgres"]
    wait_until(lambda: identify(postgres) is None)
    assert asyncio.run(running_services(data, kafka_bootstrap=ELSEWHERE)) is None
    wait_until(lambda: anybody_in(data) == [])


def test_detached_services_outlive_their_starter_and_are_ended_by_another(data):
    assert start_elsewhere(data, "detach").wait() == 0
    assert asyncio.run(running_services(data, kafka_bootstrap=ELSEWHERE))
    assert asyncio.run(stop_services(data))
    assert not asyncio.run(stop_services(data))
    assert anybody_in(data) == []


def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing_running(data):
    with start_elsewhere(data, "detach", kafka="") as starter:
        wait_until(lambda: (data / "run" / "services.json").exists() and "kafka" in pids(data))
        starter.send_signal(signal.SIGINT)
    assert anybody_in(data) == []
    assert asyncio.run(running_services(data)) is None


@pytest.fixture(params=["somebody else", "a zombie"])
def wrong_owner(request):
    """A pid that PostgreSQL takes for the living owner of its lock file."""
    if request.param == "somebody else":
        yield os.getpid()
        return
    with subprocess.Popen(["true"]) as process:
        wait_until(lambda: identify(process.pid) is None)
        yield process.pid


async def test_a_lock_file_with_the_pid_of_a_wrong_owner_does_not_stop_a_start(data, wrong_owner):
    async with await ensure(data, kafka=ELSEWHERE):
        pass
    cluster = pathlib.Path((data / "postgres" / "location").read_text().strip()) / "cluster"
    lock = cluster / "data" / "postmaster.pid"
    lock.write_text(f"{wrong_owner}\n{cluster}/data\n1\n1\n\n127.0.0.1\n1 1\nready\n")
    async with await ensure(data, kafka=ELSEWHERE) as services:
        assert await running_services(data, kafka_bootstrap=ELSEWHERE) == services.endpoints


async def test_a_data_folder_out_of_reach_still_gets_its_database(data, monkeypatch):
    """As root; as anybody else the database runs as ourselves and stays in the folder."""
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", data / "system")
    closed = data / "closed"
    closed.mkdir(mode=0o700)
    async with await ensure(closed, kafka=ELSEWHERE) as services:
        connection = await asyncpg.connect(services.endpoints.postgres_dsn)
        place = pathlib.Path(await connection.fetchval("SHOW data_directory"))
        await connection.close()
    assert place.is_relative_to(data / "system" if os.geteuid() == 0 else closed)
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_a_password_is_needed_and_only_its_owner_may_read_it(data):
    async with await ensure(data, kafka=ELSEWHERE) as services:
        right = services.endpoints.postgres_dsn
        password = (data / "postgres" / "password").read_text()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(right.replace(password, "guess"))
    assert (data / "postgres" / "password").stat().st_mode & 0o777 == 0o600
