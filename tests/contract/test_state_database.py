"""What `pipeline.state` relies on of RocksDB, asked of a real one and of the one in memory."""

from unittest import mock

import pytest

from pipeline.state import FORMAT, Folded, StateLocked, StateStore
from tests.simulation.disk import Disk, MemoryBatch, MemoryRdict
from tests.simulation.process import Process
from tests.simulation.schedule import Schedule

AT = Folded(FORMAT, "cluster", "genesis", 7, "chain")


@pytest.fixture(params=["memory", "rocksdb"])
def _kind(request):
    if request.param == "rocksdb":
        yield
        return
    disk = Disk()
    process = Process("contract", Schedule(1), spared=True)
    with (
        mock.patch("pipeline.state.WriteBatch", MemoryBatch),
        mock.patch("pipeline.state.Rdict", lambda path, **named: MemoryRdict(path, disk)),
        mock.patch("tests.simulation.disk.current", return_value=process),
    ):
        yield


pytestmark = pytest.mark.usefixtures("_kind")


def test_what_is_written_is_there_after_it_was_closed(tmp_path):
    store = StateStore(tmp_path / "s")
    store.write([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], AT)
    store.write([(b"b", None), (b"a", b"4")], AT)
    store.close()
    store = StateStore(tmp_path / "s")
    assert store.folded == AT
    assert store.get_many([b"c", b"b", b"a"]) == {b"c": b"3", b"a": b"4"}
    assert list(store.items()) == [(b"a", b"4"), (b"c", b"3")]
    store.close()


def test_of_one_key_in_one_batch_the_last_word_counts(tmp_path):
    store = StateStore(tmp_path / "s")
    store.write([(b"a", b"1"), (b"a", None), (b"b", b"1"), (b"b", b"2")], AT)
    assert store.get_many([b"a", b"b"]) == {b"b": b"2"}
    store.close()


def test_an_open_one_is_locked(tmp_path):
    store = StateStore(tmp_path / "s")
    with pytest.raises(StateLocked):
        StateStore(tmp_path / "s")
    store.close()
    StateStore(tmp_path / "s").close()


def test_a_cleared_one_is_empty(tmp_path):
    store = StateStore(tmp_path / "s")
    store.write([(b"a", b"1")], AT)
    store.clear()
    assert store.folded is None
    assert list(store.items()) == []
    store.write([(b"b", b"2")], AT)
    store.close()
    store = StateStore(tmp_path / "s")
    assert list(store.items()) == [(b"b", b"2")]
    store.close()


def test_a_range_is_read_in_order_and_ends_where_it_is_said(tmp_path):
    store = StateStore(tmp_path / "s")
    store.write([(bytes([n]), b"%d" % n) for n in range(97, 102)], AT)
    assert list(store.scan(b"b", b"d")) == [(b"b", b"98"), (b"c", b"99")]
    assert list(store.scan(b"d", b"z")) == [(b"d", b"100"), (b"e", b"101")]
    assert list(store.scan(b"x", b"z")) == []
    store.prune([(b"b", None)], before=7)
    assert list(store.scan(b"", b"c")) == [
        (b"\x00meta", mock.ANY),
        (b"\x00pruned", mock.ANY),
        (b"a", b"97"),
    ]
    assert (store.pruned_before, store.folded) == (7, AT)
    store.close()


def test_a_new_one_is_empty(tmp_path):
    store = StateStore(tmp_path / "s")
    assert store.folded is None
    assert store.get_many([b"a"]) == {}
    store.close()
