"""Snapshots of a real RocksDB: when one is taken, what it holds, what is refused."""

import asyncio
import datetime as dt
import os
import shutil

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from pipeline.clock import ManualClock
from pipeline.metrics import StageMetrics
from pipeline.settings import Settings
from pipeline.snapshot_files import (
    SnapshotDamaged,
    _sealed,
    check_files,
    copy_in,
    newest,
    positions,
    snapshot_at,
    write_snapshot,
)
from pipeline.snapshot_restore import restore_newest
from pipeline.snapshots import Snapshots
from pipeline.state import FORMAT, Folded, Interrupted, StateStore, content_of
from schemas.proof import NORMALISE, Proof, sealed

HOUR = dt.timedelta(hours=1)


def proof_of(batch):
    return sealed(
        Proof(
            stage=NORMALISE,
            installation="test",
            genesis_id="g",
            cluster_id="c",
            source_topic="raw",
            source_partition=3,
            batch=batch,
            first=0,
            next=100 * batch,
        )
    )


class World:
    """One partition whose batches change ten keys each, at changelog offsets 10, 20, ..."""

    def __init__(self, folder, **settings):
        self.clock = ManualClock(dt.datetime(2026, 3, 1, tzinfo=dt.UTC))
        self.registry = CollectorRegistry()
        self.metrics = StageMetrics("normalise", self.registry)
        self.slot = folder / "slot-0"
        self.settings = Settings(installation="test", data=folder, **settings)
        self.store = StateStore(self.slot / "normalise-3")
        self.batches = 0
        self.snapshots = self.owner()

    def owner(self):
        return Snapshots(
            self.settings,
            stage="normalise",
            partition=3,
            state_folder=self.slot,
            clock=self.clock,
            metrics=self.metrics,
        )

    @property
    def proof(self):
        return proof_of(self.batches)

    def batch(self):
        self.batches += 1
        n = self.batches
        changes = [(b"i%d" % key, b"%d" % n) for key in range(10 * n, 10 * n + 10)]
        folded = Folded(FORMAT, "c", "g", 10 * n + 1, self.proof.chain)
        self.store.write(changes, folded)
        self.snapshots.step(self.store, self.proof, changes=10)

    async def until_taken(self, position):
        async with asyncio.timeout(5):
            while position not in positions(self.snapshots.folder):
                self.snapshots.step(self.store, self.proof)
                await asyncio.sleep(0.001)
            await self.settle()

    async def settle(self):
        """Until nothing is under way any more."""
        async with asyncio.timeout(5):
            while self.snapshots._copying is not None or self.snapshots._flushing:
                self.snapshots.step(self.store, self.proof)
                await asyncio.sleep(0.001)

    def count(self, result):
        labels = {"stage": "normalise", "partition": "3", "result": result}
        return self.registry.get_sample_value("ratemill_snapshots_total", labels)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path, snapshot_changes=20, snapshot_interval_ms=3_600_000)
    yield world
    world.snapshots.stop()
    world.store.close()


async def taken(world):
    """The next snapshot: its time has come."""
    world.batch()
    world.batch()
    world.clock.advance(HOUR)
    await world.until_taken(10 * world.batches + 1)
    return newest(world.snapshots.folder)[0]


class TestTaking:
    async def test_one_is_taken_after_so_many_changes(self, world):
        world.batch()
        world.batch()
        await world.until_taken(21)
        (snapshot,) = newest(world.snapshots.folder)
        manifest = snapshot.manifest
        assert (manifest.installation, manifest.stage, manifest.partition) == (
            "test",
            "normalise",
            3,
        )
        assert (manifest.folded, manifest.batch) == (world.store.folded, 2)
        assert manifest.source_next == 200
        assert manifest.keys == 21, "our own among them"
        check_files(snapshot)
        assert world.count("taken") == 1
        assert not (world.slot / "checkpoints" / "normalise-3").exists()

    async def test_its_files_are_no_links_to_those_of_the_worker(self, world):
        snapshot = await taken(world)
        for path in (snapshot.folder / "state").iterdir():
            assert path.stat().st_nlink == 1, path

    async def test_batches_go_on_meanwhile_and_are_not_in_it(self, world):
        world.batch()
        world.batch()
        for _ in range(5):
            world.batch()
        await world.settle()
        (snapshot, *_) = newest(world.snapshots.folder)
        found = content_of(snapshot.folder / "state")
        assert found.folded == snapshot.manifest.folded
        assert found.keys == snapshot.manifest.batch * 10 + 1

    async def test_the_two_newest_are_kept(self, world):
        for _ in range(4):
            await taken(world)
        assert positions(world.snapshots.folder) == [81, 61]

    async def test_a_damaged_one_is_no_reason_to_remove_a_whole_one(self, world):
        await taken(world)
        flip(first_table(await taken(world)))
        await taken(world)
        assert positions(world.snapshots.folder) == [61, 41, 21]
        await taken(world)
        assert positions(world.snapshots.folder) == [81, 61]

    async def test_a_large_state_is_copied_as_often_as_half_of_it_changed(self, world):
        for _ in range(5):
            await taken(world)
        for _ in range(3):
            world.batch()
        await world.settle()
        assert positions(world.snapshots.folder)[0] == 101
        for _ in range(15):
            world.batch()
        await world.settle()
        assert positions(world.snapshots.folder)[0] > 131

    async def test_a_slow_partition_is_copied_after_the_interval_over_restarts(self, world):
        world.batch()
        world.clock.advance(HOUR / 2)
        world.snapshots = world.owner()
        world.snapshots.step(world.store, world.proof)
        world.clock.advance(HOUR / 2)
        await world.until_taken(11)
        world.clock.advance(HOUR)
        world.snapshots = world.owner()
        for _ in range(3):
            world.snapshots.step(world.store, world.proof)
        assert not world.snapshots._flushing, "nothing changed since"

    async def test_none_are_taken_where_they_are_switched_off(self, tmp_path):
        world = World(tmp_path, snapshot_changes=0)
        for _ in range(5):
            world.batch()
        assert not world.snapshots.folder.exists()
        world.store.close()

    async def test_a_folder_that_cannot_be_written_stops_nothing_and_is_tried_again(
        self, world, caplog
    ):
        folder = world.snapshots.folder
        folder.parent.mkdir(parents=True)
        folder.write_text("in the way")
        world.batch()
        world.batch()
        await world.settle()
        assert world.count("failed") == 1
        folder.unlink()
        world.batch()
        await world.settle()
        assert positions(folder) == [], "not at once"
        world.clock.advance(HOUR)
        await world.until_taken(31)

    async def test_one_that_is_given_up_leaves_nothing_behind(self, world):
        world.snapshots.stop()
        world.batch()
        world.batch()
        await world.settle()
        assert positions(world.snapshots.folder) == []
        assert list(world.snapshots.folder.glob(".tmp-*")) == []

    async def test_what_a_dead_worker_left_is_removed_a_day_later(self, world):
        left = world.snapshots.folder / ".tmp-dead"
        left.mkdir(parents=True)
        now_s = world.clock.now().timestamp()
        os.utime(left, (now_s, now_s))
        await taken(world)
        assert left.exists()
        world.clock.advance(25 * HOUR)
        world.batch()
        await world.until_taken(31)
        assert not left.exists()


def flip(path, *, at=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if at is None else at] ^= 1
    path.write_bytes(content)


def first_table(snapshot):
    return min((snapshot.folder / "state").glob("*.sst"))


class TestRestoring:
    def accept(self, folded):
        assert folded.genesis_id == "g"

    async def restored(self, world, store, *, begin=0, check=None):
        return await restore_newest(
            store,
            world.snapshots.folder,
            name="proofs/3",
            begin=begin,
            check=check or self.accept,
        )

    @pytest.fixture
    def empty(self, tmp_path):
        store = StateStore(tmp_path / "slot-1" / "normalise-3")
        yield store
        store.close()

    async def test_a_lost_state_comes_back_key_by_key(self, world, empty):
        snapshot = await taken(world)
        assert await self.restored(world, empty) == world.store.folded
        assert dict(empty.items()) == dict(world.store.items())
        empty.write([(b"inew", b"1")], empty.folded)
        check_files(snapshot), "opened as a copy, never where it lies"

    @pytest.mark.parametrize(
        "what", ["byte", "cut", "missing", "unreadable", "manifest", "no manifest"]
    )
    async def test_a_damaged_one_is_passed_over_for_the_next_older(self, world, empty, what):
        older = await taken(world)
        snapshot = await taken(world)
        match what:
            case "byte":
                flip(first_table(snapshot))
            case "cut":
                path = first_table(snapshot)
                path.write_bytes(path.read_bytes()[:-1])
            case "missing":
                first_table(snapshot).unlink()
            case "unreadable":  # `OSError` on reading, as a bad sector gives it
                path = first_table(snapshot)
                path.unlink()
                path.mkdir()
            case "manifest":
                path = snapshot.folder / "manifest.json"
                path.write_bytes(path.read_bytes().replace(b'"batch":4', b'"batch":5'))
            case "no manifest":
                (snapshot.folder / "manifest.json").unlink()
        assert await self.restored(world, empty) == older.manifest.folded
        assert len(dict(empty.items())) == 20

    async def test_one_of_another_partition_is_passed_over(self, world, empty):
        """Its genesis is the same; put in the place of the state, it would stay there."""
        older = await taken(world)
        other = await taken(world)
        wrong = msgspec.structs.replace(other.manifest, partition=2)
        (other.folder / "manifest.json").write_bytes(msgspec.json.encode(_sealed(wrong)))
        assert await self.restored(world, empty) == older.manifest.folded
        with pytest.raises(SnapshotDamaged, match="from test/normalise-2"):
            snapshot_at(world.snapshots.folder, other.next_offset)

    async def test_files_are_held_to_the_manifest_byte_by_byte_without_opening_them(self, world):
        """What retention asks before it trims behind a snapshot."""
        snapshot = await taken(world)
        check_files(snapshot)
        flip(first_table(snapshot), at=3)
        with pytest.raises(SnapshotDamaged, match="the manifest says"):
            check_files(snapshot)
        first_table(snapshot).unlink()
        with pytest.raises(SnapshotDamaged, match="cannot be read"):
            check_files(snapshot)

    async def test_one_whose_files_fit_and_whose_keys_do_not_is_damaged(self, world, tmp_path):
        """A writer that hashed what it had read wrongly."""
        snapshot = await taken(world)
        wrong = msgspec.structs.replace(
            snapshot, manifest=msgspec.structs.replace(snapshot.manifest, keys=20)
        )
        with pytest.raises(SnapshotDamaged, match="keys are not those"):
            copy_in(wrong, tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    async def test_where_all_are_damaged_there_is_none(self, world, empty):
        for _ in range(2):
            flip(first_table(await taken(world)))
        assert await self.restored(world, empty) is None

    async def test_one_that_ends_before_the_changelog_begins_is_none(self, world, empty):
        await taken(world)
        assert await self.restored(world, empty, begin=22) is None
        assert await self.restored(world, empty, begin=21) is not None

    async def test_one_of_another_installation_is_an_error_and_changes_nothing(self, world, empty):
        await taken(world)
        empty.write([(b"kept", b"1")], Folded(FORMAT, "c", "h", 1, "0" * 32))

        def refuse(folded):
            raise ValueError(folded.genesis_id)

        with pytest.raises(ValueError, match="g"):
            await self.restored(world, empty, check=refuse)
        assert dict(empty.items()) == {b"kept": b"1"}

    async def test_one_that_was_renamed_to_a_newer_position_is_damaged(self, world):
        snapshot = await taken(world)
        shutil.move(snapshot.folder, snapshot.folder.with_name("9" * 20))
        with pytest.raises(SnapshotDamaged, match="another snapshot"):
            snapshot_at(world.snapshots.folder, int("9" * 20))

    async def test_a_copy_that_is_given_up_leaves_nothing_behind(self, world, tmp_path):
        snapshot = await taken(world)
        with pytest.raises(Interrupted):
            copy_in(snapshot, tmp_path / "copy", goes_on=lambda: False)
        assert not (tmp_path / "copy").exists()


async def test_snapshots_of_another_installation_of_the_same_name_are_left_alone(world, tmp_path):
    snapshot = await taken(world)
    world.store.checkpoint(tmp_path / "checkpoint")
    foreign = msgspec.structs.replace(
        snapshot.manifest, folded=Folded(FORMAT, "c", "h", 99, world.proof.chain)
    )
    with pytest.raises(SnapshotDamaged, match="RATEMILL_SNAPSHOTS"):
        write_snapshot(tmp_path / "checkpoint", world.snapshots.folder, foreign)
    assert positions(world.snapshots.folder) == [21]


def test_a_checkpoint_at_another_position_is_never_named(world, tmp_path):
    world.batch()
    world.store.checkpoint(tmp_path / "checkpoint")
    manifest = world.snapshots._manifest(
        Folded(FORMAT, "c", "g", 99, world.proof.chain), world.proof
    )
    with pytest.raises(SnapshotDamaged, match="not at"):
        write_snapshot(tmp_path / "checkpoint", tmp_path / "here", manifest)
    assert list((tmp_path / "here").iterdir()) == []
