"""The state's filter, by which a key that was never written costs no read."""

from pipeline.state import FORMAT, Folded, StateStore


def filters_of(path):
    """The filter policies of the newest options that RocksDB wrote down."""
    newest = max(path.glob("OPTIONS-*"), key=lambda file: file.name)
    lines = [line.strip() for line in newest.read_text().splitlines()]
    return [line for line in lines if line.startswith("filter_policy=")]


def test_a_state_that_is_opened_again_keeps_its_filter(tmp_path):
    folded = Folded(FORMAT, "cluster", "genesis", 1, "chain")
    for number in range(3):
        store = StateStore(tmp_path)
        store.write([(b"i%d" % number, b"mark")], folded)
        assert filters_of(tmp_path) == ["filter_policy=bloomfilter"]
        assert store.get_many([b"i0", b"i9"]) == {b"i0": b"mark"}
        store.close()
