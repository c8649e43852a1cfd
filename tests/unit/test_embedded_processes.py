"""Processes are known by more than their pid, end when told to, and die with their starter."""

import asyncio
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from pipeline.embedded import children
from pipeline.embedded.children import User, leashed, spawn
from pipeline.embedded.errors import EmbeddedError, StartFailed
from pipeline.embedded.processes import ProcessId, alive, end, identify

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True);"
    "time.sleep(60)"
)


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def wait_until(holds, timeout_s=10):
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_living_process_is_itself(sleeper):
    assert alive(identify(sleeper.pid))


def test_a_later_process_with_the_same_pid_is_another(sleeper):
    assert not alive(ProcessId(sleeper.pid, "an earlier start"))


def test_a_zombie_is_nobody(sleeper):
    process = identify(sleeper.pid)
    sleeper.kill()
    wait_until(lambda: not alive(process))
    assert sleeper.returncode is None  # nobody has asked for its exit code yet


def test_a_process_that_is_deaf_to_term_is_killed():
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        asyncio.run(end(identify(process.pid), [signal.SIGTERM], grace_s=0.1))
        assert process.wait() == -signal.SIGKILL


async def test_ending_one_that_is_gone_touches_nobody(sleeper):
    await end(ProcessId(sleeper.pid, "an earlier start"), [signal.SIGTERM], grace_s=0)
    assert sleeper.poll() is None


async def test_a_process_of_another_user_gives_a_clear_error(sleeper, monkeypatch):
    def refuse(_pid, _signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(EmbeddedError, match="another user"):
        await end(identify(sleeper.pid), [signal.SIGTERM], grace_s=0)


def hard_death(dies_on):
    """Return the identity of a child whose parent started it and killed itself at once."""
    parent = (
        "import os, subprocess, sys; from pipeline.embedded.children import leashed; import signal;"
        f"child = subprocess.Popen(leashed(['sleep', '60'], dies_on={dies_on}));"
        "print(child.pid, flush=True); sys.stdin.read(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        child = identify(int(process.stdout.readline()))
        # The helper has become the program before its parent dies.
        name = pathlib.Path(f"/proc/{child.pid}/comm")
        wait_until(lambda: name.read_text() == "sleep\n")
    return child


def test_a_leashed_child_dies_with_its_parent():
    child = hard_death("signal.SIGTERM")
    wait_until(lambda: not alive(child))


def test_a_detached_child_outlives_its_parent():
    child = hard_death("None")
    try:
        assert alive(child)
    finally:
        os.kill(child.pid, signal.SIGKILL)


def test_a_child_whose_parent_is_gone_already_does_not_start():
    argv = leashed(["sleep", "60"], dies_on=signal.SIGTERM)
    argv[4] = "1"  # not who really starts it
    assert subprocess.run(argv, check=False).returncode == 127


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
async def test_a_child_runs_as_the_user_it_was_given(tmp_path):
    log = tmp_path / "log"
    await children.run("id", ["id", "-u"], log, user=User("somebody", 65534, 65534))
    assert log.read_text() == "65534\n"


async def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StartFailed, match="/nowhere/java cannot be started") as failure:
        await children.run("Kafka", ["/nowhere/java"], tmp_path / "log")
    assert "Operator action:" in str(failure.value)


async def test_a_cancelled_run_leaves_nothing(tmp_path):
    log = tmp_path / "log"
    task = asyncio.create_task(children.run("sh", ["sh", "-c", "echo $$; exec sleep 60"], log))
    while not (log.exists() and log.read_text()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert identify(int(log.read_text())) is None


def test_a_large_log_is_set_aside_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr(children, "_ROTATE_AT_BYTES", 3)
    log = tmp_path / "log"
    log.write_text("old words")
    child = spawn(["true"], log, dies_on=None)
    child.popen.wait()
    assert (tmp_path / "log.1").read_text() == "old words"
    assert log.read_text() == ""
