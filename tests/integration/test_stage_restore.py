"""A stage whose state is lost, damaged or trimmed away: from a snapshot, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from pipeline.embedded import Endpoints
from pipeline.snapshot_files import newest, partition_folder, positions
from pipeline.state import StateStore
from tests.pipeline.copy_stage import CopyInstallation, CopyMember, copy_settings, until


@pytest.fixture
async def here(services: Endpoints, prefix: str, tmp_path: Path) -> CopyInstallation:
    settings = copy_settings(
        prefix, data=tmp_path, snapshot_changes=1, snapshot_interval_ms=1_000, batch_records=5
    )
    return await CopyInstallation.create(
        settings, bootstrap=services.kafka_bootstrap, folder=tmp_path
    )


def snapshots(here: CopyInstallation) -> Path:
    return partition_folder(
        here.settings.snapshot_folder(),
        installation=here.settings.installation,
        stage="normalise",
        partition=0,
    )


async def work(here: CopyInstallation, *, until_snapshots: int = 0) -> int:
    """Publish and work through some records, until so many snapshots were taken, and some more;
    return how many changelog records the member restored."""
    await here.publish([b"v"] * 20)
    before = _newest_position(here)
    member = here.member()
    async with member.running():
        await here.done()
        for _ in range(until_snapshots):
            before = await _newer_snapshot(here, before)
            await here.publish([b"v"])
            await here.done()
    return member.restored()


def _newest_position(here: CopyInstallation) -> int:
    return max(positions(snapshots(here)), default=0)


async def _newer_snapshot(here: CopyInstallation, before: int) -> int:
    await until(lambda: _newest_position(here) > before, what="a snapshot")
    return _newest_position(here)


def lose_state(here: CopyInstallation) -> None:
    shutil.rmtree(here.folder / "a" / "normalise-0")


async def stops(member: CopyMember, error: str) -> None:
    async with member.running():
        await until(lambda: member.doubts(error) >= 2, what=f"two stops by {error}")


async def test_a_lost_folder_begins_from_the_newest_snapshot(here: CopyInstallation) -> None:
    await work(here, until_snapshots=1)
    proofs = len(await here.proofs())
    lose_state(here)
    restored = await work(here)
    assert restored < proofs - 1, "not from the beginning"
    await here.check()
    lose_state(here)
    shutil.rmtree(snapshots(here))
    assert await work(here) > restored, "from the beginning, where there is none"
    await here.check()


async def test_another_machine_begins_from_the_newest_snapshot(here: CopyInstallation) -> None:
    await work(here, until_snapshots=1)
    other = here.member("other")
    await here.publish([b"w"] * 5)
    async with other.running():
        await here.done()
    assert other.restored() < len(await here.proofs()) - 2
    await here.check()


async def test_behind_a_trimmed_changelog_a_lost_state_begins_from_the_snapshot(
    here: CopyInstallation,
) -> None:
    await work(here, until_snapshots=2)
    older = newest(snapshots(here))[-1]
    await here.trim(here.topics.proofs, before=older.next_offset - 1)
    lose_state(here)
    await work(here)
    # The newest one is damaged: the older one is good for it too.
    lose_state(here)
    shutil.rmtree(newest(snapshots(here))[0].folder / "state")
    await work(here)
    numbered = [int(r.value.split(b" ")[1]) for r in await here.read(here.topics.normalised)]
    assert numbered == list(range(1, len(numbered) + 1))
    assert len(numbered) == len(here.published[0])


@pytest.mark.parametrize("state", ["lost", "too old"])
async def test_a_state_that_a_trimmed_changelog_does_not_lead_to_halts(
    here: CopyInstallation, state: str
) -> None:
    await work(here)
    if state == "too old":
        shutil.copytree(here.folder / "a", here.folder / "old")
    await work(here)
    shutil.rmtree(snapshots(here), ignore_errors=True)
    proofs = await here.read(here.topics.proofs)
    await here.trim(here.topics.proofs, before=proofs[-1].offset)
    member = here.member("old" if state == "too old" else "new")
    outputs = len(await here.read(here.topics.normalised))
    await here.publish([b"w"])
    await stops(member, "Halted")
    assert len(await here.read(here.topics.normalised)) == outputs


async def test_a_state_that_is_too_old_is_replaced_by_a_newer_snapshot(
    here: CopyInstallation,
) -> None:
    await work(here)
    shutil.copytree(here.folder / "a", here.folder / "old")
    await work(here, until_snapshots=1)
    newer = newest(snapshots(here))[0]
    await here.trim(here.topics.proofs, before=newer.next_offset - 1)
    await here.publish([b"w"] * 5)
    async with here.member("old").running():
        await here.done()
    numbered = [int(r.value.split(b" ")[1]) for r in await here.read(here.topics.normalised)]
    assert numbered == list(range(1, len(here.published[0]) + 1))


async def test_a_snapshot_of_another_installation_is_refused(here: CopyInstallation) -> None:
    await work(here, until_snapshots=1)
    snapshot = newest(snapshots(here))[0]
    foreign = msgspec.structs.replace(snapshot.manifest.folded, genesis_id="0" * 32)
    _forge(snapshot.folder, folded=foreign)
    lose_state(here)
    await here.publish([b"w"])
    await stops(here.member(), "WrongInstallation")


async def test_a_snapshot_that_knows_more_than_the_broker_is_refused(
    here: CopyInstallation,
) -> None:
    await work(here, until_snapshots=1)
    snapshot = newest(snapshots(here))[0]
    ahead = msgspec.structs.replace(
        snapshot.manifest.folded, next_offset=snapshot.next_offset + 1_000
    )
    _forge(snapshot.folder, folded=ahead)
    snapshot.folder.rename(snapshot.folder.with_name(f"{ahead.next_offset:020d}"))
    lose_state(here)
    await here.publish([b"w"])
    await stops(here.member(), "BrokenChain")


def _forge(folder: Path, **changed: object) -> None:
    from pipeline.snapshot_files import _encode, _sealed, snapshot_at

    found = snapshot_at(folder.parent, int(folder.name))
    manifest = _sealed(msgspec.structs.replace(found.manifest, **changed))
    (folder / "manifest.json").write_bytes(_encode(manifest))


async def test_a_flipped_byte_stops_the_partition_until_the_folder_is_deleted(
    here: CopyInstallation, caplog: pytest.LogCaptureFixture
) -> None:
    await work(here)
    folder = here.folder / "a" / "normalise-0"
    store = StateStore(folder)
    assert store.folded is not None
    store.flush_soon()
    await until(lambda: not store.flushing, what="all of it in files")
    store.close()
    for table in folder.glob("*.sst"):
        content = bytearray(table.read_bytes())
        content[10] ^= 1  # in the only block of keys that there is
        table.write_bytes(content)
    outputs = len(await here.read(here.topics.normalised))
    await here.publish([b"w"] * 3)
    await stops(here.member(), "StateUnavailable")
    assert len(await here.read(here.topics.normalised)) == outputs
    lose_state(here)  # what the message says
    async with here.member().running():
        await here.done()
    await here.check()
