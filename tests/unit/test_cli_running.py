"""Ending in order: signals, the claim on an installation, what a killed keeper leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from pipeline.app import run_folder
from pipeline.cli import status
from pipeline.cli.database_place import database_place
from pipeline.cli.exits import Exit
from pipeline.cli.keeper import (
    AlreadyRuns,
    claimed,
    described,
    running_installation,
    running_installations,
)
from pipeline.cli.output import messages
from pipeline.cli.program import run
from pipeline.cli.running import NOTHING_LEFT, Stopped, run_to_end
from pipeline.cli.session import _no_topic
from pipeline.embedded import Endpoints
from pipeline.settings import Settings

ENDPOINTS = Endpoints("127.0.0.1:9092", "postgresql://u:secret@127.0.0.1:5432/db", embedded=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_signal_lets_the_work_clean_up_and_gives_its_code(number):
    cleaned = []

    async def work():
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(Stopped) as stopped:
        run_to_end(work())
    assert cleaned == [True]
    assert stopped.value.exit_code == 128 + number


def test_a_second_ctrl_c_does_not_break_off_the_clean_up(capsys):
    cleaned = []

    async def work():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(3):
                await asyncio.sleep(0)
            cleaned.append(True)

    with pytest.raises(Stopped):
        run_to_end(work())
    assert cleaned == [True]
    assert "Still stopping" in capsys.readouterr().err


def test_what_the_work_returns_is_returned():
    async def work():
        return 7

    assert run_to_end(work()) == 7


def test_an_installation_is_kept_by_one_process(tmp_path):
    settings = Settings(data=tmp_path, installation="one")
    with claimed(settings) as claim:
        claim.write(ENDPOINTS)
        with pytest.raises(AlreadyRuns, match="ratemill down"), claimed(settings):
            pass
        running = running_installation(settings)
        assert running is not None
        assert (running.pid, running.ready) == (os.getpid(), True)
        assert "secret" not in (run_folder(settings) / "keeper.json").read_text()
        assert f"u@127.0.0.1:5432/db, its password in {tmp_path}/postgres/password" in described(
            running
        )
        assert "secret" not in described(running)
    assert running_installation(settings) is None
    with claimed(settings):
        pass


def test_what_a_killed_keeper_left_behind_is_not_taken_for_a_running_one(tmp_path):
    settings = Settings(data=tmp_path, installation="one")
    with claimed(settings) as claim:
        claim.write(ENDPOINTS)
        path = run_folder(settings) / "keeper.json"
        left = path.read_bytes()
    # The pid lives, but the process under it started at another time.
    path.write_bytes(left.replace(b'"started":"', b'"started":"before '))
    assert running_installation(settings) is None
    path.write_bytes(b"{half")
    assert running_installations(tmp_path) == []


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:secret@db:6000/x", "u@db:6000/x"),
        ("postgresql://u%40corp:s%2Fecret@db/x?sslpassword=secret", "u@corp@db:5432/x"),
        ("postgresql://db/x", "db:5432/x"),
    ],
)
def test_a_database_of_yours_is_named_without_its_password(dsn, shown, tmp_path):
    assert str(database_place(Settings(data=tmp_path, postgres_dsn=dsn), dsn)) == shown


def test_installations_of_one_folder_are_told_apart(tmp_path):
    one, two = (Settings(data=tmp_path, installation=name) for name in ("one", "two"))
    with claimed(one), claimed(two):
        assert [each.installation for each in running_installations(tmp_path)] == ["one", "two"]


def test_down_says_what_runs_where_nothing_of_the_installation_does(tmp_path, capsys):
    code = run(["--data", str(tmp_path), "down"])
    assert (code, capsys.readouterr().err.split()) == (0, f"Nothing runs in {tmp_path}.".split())
    with claimed(Settings(data=tmp_path, installation="demo"), ends_by_itself=True):
        assert run(["--data", str(tmp_path), "down"]) == 0
        said = " ".join(capsys.readouterr().err.split())
    assert f"Nothing of ratemill runs in {tmp_path}. demo runs there" in said
    assert "--installation demo down" in said


def test_a_topic_that_is_missing_is_told_with_the_installations_that_run(tmp_path):
    settings = Settings(data=tmp_path)
    assert "check --installation if" in _no_topic(settings, "t")
    with claimed(Settings(data=tmp_path, installation="eu")):
        assert "eu runs there. Operator" in _no_topic(settings, "t")
        with claimed(Settings(data=tmp_path, installation="us")):
            assert "eu and us run there" in _no_topic(settings, "t")
            assert "name it with --installation eu" in _no_topic(settings, "t")


async def _interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()


def test_only_what_started_something_says_that_nothing_is_left_running():
    for asked, told in (
        ({}, "Stopped before the end."),
        ({"stopped": NOTHING_LEFT}, "Stopped; nothing is left running."),
    ):
        with pytest.raises(Stopped) as stopped:
            run_to_end(_interrupted(), **asked)
        assert stopped.value.told == told


def test_the_end_of_watching_says_that_the_installation_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("RATEMILL_DATA", str(tmp_path))
    monkeypatch.setattr(status, "_watch", lambda settings: _interrupted())
    messages.cache_clear()
    assert run(["status", "--watch"]) == Exit.INTERRUPTED
    said = capsys.readouterr().err
    assert "Watching ended; what runs goes on." in said
    assert "nothing is left" not in said
