"""The transactional stage on a real broker: every record once, whatever stops it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from pipeline import transaction
from pipeline.embedded import Endpoints
from pipeline.proofs import wait_until_closed
from pipeline.state import StateStore
from schemas.flow import StateChange
from tests.pipeline.copy_stage import CopyInstallation, copy_settings, until
from tests.pipeline.copy_step import BOOM, CopyStep


def _values(count: int, *, name: str = "v") -> list[bytes]:
    return [b"%s%d" % (name.encode(), number) for number in range(count)]


@pytest.fixture
async def installation(services: Endpoints, prefix: str, tmp_path: Path) -> CopyInstallation:
    return await CopyInstallation.create(
        copy_settings(prefix), bootstrap=services.kafka_bootstrap, folder=tmp_path
    )


async def test_every_record_comes_out_once_in_order_and_is_counted_in_the_state(
    services: Endpoints, prefix: str, tmp_path: Path
) -> None:
    here = await CopyInstallation.create(
        copy_settings(prefix, raw_partitions=2, rating_partitions=2),
        bootstrap=services.kafka_bootstrap,
        folder=tmp_path,
    )
    await here.publish(_values(700), partition=0)
    async with here.member().running():
        await here.publish(_values(300), partition=1)
        await here.done()
    await here.check()
    assert [here.count_in_state(partition=n) for n in (0, 1)] == [700, 300]


async def test_a_refused_append_is_not_committed_and_the_same_records_pass_later(
    installation: CopyInstallation,
) -> None:
    """aiokafka commits a transaction one of whose appends the broker refused, if it is let."""
    here = installation
    await here.configure(here.topics.normalised, max_message_bytes="700")
    await here.publish([b"x" * 200] * 20)
    async with here.member().running() as member:
        await until(lambda: member.doubts("AppendRefused") > 0, what="an append refused")
        assert await here.read(here.topics.normalised) == []
        assert [proof.batch for proof in await here.proofs()] == [0]
        await here.configure(here.topics.normalised)
        await here.done()
    await here.check()
    assert here.count_in_state() == 20


async def test_a_record_that_breaks_the_step_twice_is_suspended_and_its_neighbours_pass(
    installation: CopyInstallation,
) -> None:
    here = installation
    await here.publish([*_values(30), BOOM, *_values(30)])
    async with here.member().running() as member:
        await here.done()
        assert member.doubts("StepFailed") == 2
    await here.check(poisoned=BOOM)
    outcomes = Counter[str]()
    for proof in await here.proofs():
        outcomes.update(proof.outcomes)
    assert outcomes == {"normalised": 60, "suspended": 1}


async def test_a_lost_state_folder_is_rebuilt_equal(installation: CopyInstallation) -> None:
    here = installation
    await here.publish(_values(500))
    async with here.member("a").running():
        await here.done()
    async with here.member("b").running() as member:  # another name, an empty folder
        await here.publish(_values(1, name="last"))
        await here.done()
        assert member.restored() == len(await here.proofs()) - 1
    await here.check()
    assert here.count_in_state("a") == 500
    assert here.count_in_state("b") == 501


async def test_a_restore_longer_than_the_poll_interval_keeps_the_partition(
    services: Endpoints, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The group consumer is polled while the state is rebuilt, so nobody is expelled for it."""
    monkeypatch.setattr("pipeline.restore._POLL_RECORDS", 1)
    pauses = 0

    class SlowFold(CopyStep):
        def fold(self, value: bytes) -> Iterable[StateChange]:
            nonlocal pauses
            pauses += 1
            _burn(0.02)
            return super().fold(value)

    here = await CopyInstallation.create(
        copy_settings(prefix, batch_records=2, max_poll_interval_ms=1_000),
        bootstrap=services.kafka_bootstrap,
        folder=tmp_path,
    )
    await here.publish(_values(130))
    async with here.member("a").running():
        await here.done()
    async with here.member("b", step=SlowFold()).running() as member:
        await here.publish(_values(1, name="last"))
        await here.done()
        assert len(member.owned) == 1, "it lost the partition and took it up again"
    assert pauses * 0.02 > 1.0, "the restore was not longer than the poll interval"
    await here.check()


def _burn(seconds: float) -> None:
    """Block the event loop, as folding does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        pass


async def test_a_worker_paused_past_its_transaction_timeout_takes_its_partition_up_again(
    services: Endpoints, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out of a transaction looks exactly like a fence; nobody else is there to go on."""
    here = await CopyInstallation.create(
        copy_settings(prefix, transaction_timeout_ms=1_000),
        bootstrap=services.kafka_bootstrap,
        folder=tmp_path,
    )
    check = transaction._check
    paused = asyncio.Event()

    async def paused_check(sent: list[tuple[asyncio.Future[object], int]]) -> int:
        offset = await check(sent)
        if not paused.is_set():
            paused.set()
            await wait_until_closed(  # the broker ends it by itself
                here.bootstrap,
                TopicPartition(here.topics.proofs.name, 0),
                client_id="test",
                wait_s=20,
            )
        return offset

    monkeypatch.setattr(transaction, "_check", paused_check)
    await here.publish(_values(100))
    async with here.member().running() as member:
        await here.done()
        assert sum(member.doubts(name) for name in _FENCED) == 1
        assert len(member.owned) == 1
    assert paused.is_set()
    await here.check()
    assert here.count_in_state() == 100


_FENCED = ("ProducerFenced", "InvalidProducerEpoch", "InvalidTxnState", "KafkaError")


@pytest.mark.parametrize("failure", [OSError, RuntimeError], ids=["expected", "a bug of ours"])
async def test_state_behind_a_commit_is_folded_at_the_next_start(
    installation: CopyInstallation, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    """An error that nobody thought of stops its partition too, and not the worker."""
    here = installation
    write = StateStore.write
    failures = iter([True])

    def failing_write(store: StateStore, *args: object) -> None:
        if next(failures, False):
            raise failure("no space left on device")
        write(store, *args)  # type: ignore[arg-type]

    async with here.member().running() as member:
        await here.publish(_values(10))
        await here.done()
        monkeypatch.setattr(StateStore, "write", failing_write)
        await here.publish(_values(10, name="w"))
        await here.done()
        await until(lambda: member.doubts(failure.__name__) == 1, what="a write that failed")
        await here.publish(_values(10, name="x"))
        await here.done()
        assert member.restored() > 0
    await here.check()
    assert here.count_in_state() == 30


async def test_two_members_share_the_partitions_and_one_takes_over(
    services: Endpoints, prefix: str, tmp_path: Path
) -> None:
    here = await CopyInstallation.create(
        copy_settings(prefix, raw_partitions=4, rating_partitions=4),
        bootstrap=services.kafka_bootstrap,
        folder=tmp_path,
    )
    for partition in range(4):
        await here.publish(_values(200), partition=partition)
    async with here.member("a").running() as first:
        await here.done()
        async with here.member("b").running() as second:
            await until(lambda: len(second.owned) == 2, what="two partitions moved")
            for partition in range(4):
                await here.publish(_values(200, name="w"), partition=partition)
            await here.done()
        await until(lambda: len(first.owned) == 6, what="the two came back")
        for partition in range(4):
            await here.publish(_values(200, name="x"), partition=partition)
        await here.done()
    await here.check()
