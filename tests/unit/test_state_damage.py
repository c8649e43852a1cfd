"""RocksDB on a disk that is full, or has a byte wrong: it is said, and nothing is half there."""

import resource
import subprocess
import sys

import pytest

from pipeline.snapshot_files import SnapshotDamaged, write_snapshot
from pipeline.state import FORMAT, Folded, StateStore, StateUnavailable, content_of
from tests.unit.test_snapshots import World

KEYS = 5_000


def folded(position):
    return Folded(FORMAT, "c", "g", position, "0" * 32)


@pytest.fixture
def damaged(tmp_path):
    """A state whose table has one byte wrong, in its middle."""
    path = tmp_path / "state"
    store = StateStore(path)
    store.write([(b"k%06d" % n, b"%d" % (n * 7919 % 10_007) * 9) for n in range(KEYS)], folded(7))
    store.checkpoint(tmp_path / "whole")  # and all of it is in tables then
    store.close()
    table = max(path.glob("*.sst"), key=lambda each: each.stat().st_size)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.unlink()  # the copy beside it is a link to it
    table.write_bytes(content)
    return path


def test_a_key_that_cannot_be_read_is_an_error_never_absent(damaged):
    store = StateStore(damaged)
    found = {}

    def read_one_by_one():
        for n in range(KEYS):
            found.update(store.get_many([b"k%06d" % n]))

    with pytest.raises(StateUnavailable, match="delete that folder"):
        read_one_by_one()
    assert found == {b"k%06d" % n: b"%d" % (n * 7919 % 10_007) * 9 for n in range(len(found))}
    store.close()


@pytest.mark.parametrize(
    "read",
    [
        lambda store: list(store.items()),
        lambda store: list(store.scan(b"k", b"l")),
        lambda store: list(store.scan(b"k002000", b"l")),
    ],
    ids=["all keys", "a range", "a range that begins before the damage"],
)
def test_a_scan_that_comes_to_a_damaged_block_is_an_error_never_the_end(damaged, read):
    store = StateStore(damaged)
    with pytest.raises(StateUnavailable, match="Operator action"):
        read(store)
    store.close()


def test_a_damaged_state_becomes_no_snapshot(damaged, tmp_path):
    assert content_of(tmp_path / "whole").keys == KEYS + 1
    with pytest.raises(StateUnavailable):
        content_of(damaged)
    world = World(tmp_path / "world")
    world.batch()
    manifest = world.snapshots._manifest(folded(7), world.proof)
    world.store.close()
    with pytest.raises((StateUnavailable, SnapshotDamaged)):
        write_snapshot(damaged, tmp_path / "snapshots", manifest)
    assert list((tmp_path / "snapshots").iterdir()) == []
    assert write_snapshot(tmp_path / "whole", tmp_path / "snapshots", manifest).manifest.keys == (
        KEYS + 1
    )


# In a process of its own: a limit on the size of files stands for a disk that is full.
FILL = """
import resource, sys
from pathlib import Path
from pipeline.state import FORMAT, Folded, StateStore, StateUnavailable

path, limit = Path(sys.argv[1]), int(sys.argv[2])
store = StateStore(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
written = 0
try:
    while written < 1_000:
        change = (b"k%06d" % written, bytes(10_000))
        store.write([change], Folded(FORMAT, "c", "g", written + 1, "0" * 32))
        written += 1
except StateUnavailable as error:
    assert "make room on the disk" in str(error), error
    refused = True
store.close()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(written)
"""


def test_a_full_disk_is_said_and_what_is_there_belongs_together(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path / "state"), "2000000"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    written = int(ran.stdout)
    assert 0 < written < 1_000, "the limit was never met"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    store = StateStore(tmp_path / "state")
    keys = [key for key, _ in store.items()]
    # A write that was refused may have reached the log; position and keys agree either way.
    assert store.folded is not None
    assert len(keys) == store.folded.next_offset
    assert written <= len(keys) <= written + 1
    store.write([(b"more", b"1")], folded(2_000))
    store.close()
