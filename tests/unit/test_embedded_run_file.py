"""The record of what runs is private, and a stale one names nobody."""

import os

import pytest

from pipeline.embedded import EmbeddedError
from pipeline.embedded.locks import held
from pipeline.embedded.processes import ProcessId, identify
from pipeline.embedded.run_file import Entry, RunFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "services.json"


def entry(process):
    return Entry(process, "127.0.0.1:9092", ready=True)


def me():
    return identify(os.getpid())


def test_what_was_put_is_found(path):
    RunFile(path).put("kafka", entry(me()))
    assert RunFile(path).living() == {"kafka": entry(me())}


def test_an_entry_of_a_dead_process_is_stale_but_readable(path):
    stale = entry(ProcessId(os.getpid(), "an earlier start"))
    RunFile(path).put("kafka", stale)
    RunFile(path).put("postgres", entry(me()))
    assert RunFile(path).living() == {"postgres": entry(me())}
    assert RunFile(path).read()["kafka"] == stale


def test_removing_one_keeps_the_other(path):
    RunFile(path).put("kafka", entry(me()))
    RunFile(path).put("postgres", entry(me()))
    RunFile(path).remove("kafka")
    assert list(RunFile(path).read()) == ["postgres"]


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"kafka": 1}'])
def test_a_file_that_is_missing_or_of_another_version_names_nobody(path, content):
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    assert RunFile(path).living() == {}


def test_only_its_owner_may_read_it(path):
    RunFile(path).put("kafka", entry(me()))
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_lock_that_another_holds_is_waited_for_then_named(tmp_path):
    lock, waited = tmp_path / "lock", []

    async def second():
        async with held(lock, timeout_s=0.1, on_wait=lambda: waited.append(1)):
            pass

    async with held(lock, timeout_s=0, on_wait=lambda: None):
        with pytest.raises(EmbeddedError, match="Operator action:"):
            await second()
    await second()
    assert waited == [1]
