"""A dead worker is started again, a worker that cannot live is not started for ever at once."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from pipeline.embedded import Supervisor, supervisor
from pipeline.embedded.processes import identify

SLEEP = ("sleep", "60")


@pytest.fixture
async def workers(tmp_path):
    told = []
    supervised = Supervisor(tmp_path / "logs", on_event=told.append, stop_grace_s=0.3)
    supervised.told = told
    yield supervised
    await supervised.stop()


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_killed_worker_is_started_again_at_once(workers):
    await workers.start("rate-1", SLEEP, {})
    first = workers.pid("rate-1")
    os.kill(first, signal.SIGKILL)
    await until(lambda: workers.pid("rate-1") not in (first, None))
    assert workers.restarts("rate-1") == 1
    assert workers.told == ["rate-1 ended with signal 9, it is started again"]


async def test_repeated_quick_deaths_are_slowed_down_and_explained(workers, tmp_path):
    await workers.start("rate-1", ("false",), {})
    await until(lambda: any("Operator action:" in text for text in workers.told))
    assert workers.told[-1].startswith("rate-1 ended with exit code 1, 2 times in a row")
    assert str(tmp_path / "logs" / "rate-1.log") in workers.told[-1]
    assert workers.pid("rate-1") is None


async def test_a_worker_that_lived_long_is_not_slowed_down(workers, monkeypatch):
    monkeypatch.setattr(supervisor, "QUICK_DEATH_S", 0)
    await workers.start("rate-1", ("true",), {})
    await until(lambda: workers.restarts("rate-1") >= 4)


async def test_a_start_that_the_system_refuses_is_tried_again(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "_BACK_OFF_S", (0.0,))
    await workers.start("rate-1", SLEEP, {})
    log = tmp_path / "logs" / "rate-1.log"
    log.unlink()
    log.mkdir()
    os.kill(workers.pid("rate-1"), signal.SIGKILL)
    await until(lambda: any("cannot be started" in text for text in workers.told))
    log.rmdir()
    await until(lambda: workers.restarts("rate-1") == 1)


async def test_output_and_environment(workers, tmp_path):
    await workers.start("a", ("sh", "-c", "echo $SLOT; echo bad >&2; sleep 60"), {"SLOT": "7"})
    log = tmp_path / "logs" / "a.log"
    await until(lambda: log.read_text() == "7\nbad\n")


async def test_stop_ends_all_also_one_that_is_deaf_and_what_it_started(workers, tmp_path):
    deaf = 'trap "" TERM; sleep 61 & echo $! $$; wait; sleep 60'
    await workers.start("deaf", ("sh", "-c", deaf), {})
    await workers.start("good", SLEEP, {})
    await until(lambda: (tmp_path / "logs" / "deaf.log").read_text())
    pids = [*map(int, (tmp_path / "logs" / "deaf.log").read_text().split()), workers.pid("good")]
    await workers.stop()
    await until(lambda: not any(map(identify, pids)))
    assert workers.names() == ()


async def test_stop_while_a_worker_waits_for_its_next_start(workers):
    await workers.start("rate-1", ("false",), {})
    await until(lambda: any("Operator action:" in text for text in workers.told))
    await workers.stop()
    assert workers.told[-1].endswith(".log.")


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path):
    program = (
        "import asyncio, pathlib; from pipeline.embedded.supervisor import Supervisor\n"
        "async def main():\n"
        f"    workers = Supervisor(pathlib.Path({str(tmp_path)!r}))\n"
        "    await workers.start('a', ['sleep', '60'], {})\n"
        "    print(workers.pid('a'), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert identify(pid)
        parent.kill()
    asyncio.run(until(lambda: identify(pid) is None))
