"""Chunks of rate cards that are kept compressed are the same chunks."""

import pytest

from pipeline.packed_chunks import PackedChunks


def test_a_chunk_comes_back_as_it_was():
    chunks = PackedChunks()
    chunks.add({"a": b"[]", "b": b'[["49","Germany"]]' * 1_000})
    chunks.add({"a": b"[]", "c": b""})
    assert dict(chunks) == {"a": b"[]", "b": b'[["49","Germany"]]' * 1_000, "c": b""}
    assert "a" in chunks
    assert len(chunks) == 3


def test_a_chunk_that_is_not_there_is_none_of_them():
    assert "a" not in PackedChunks()
    with pytest.raises(KeyError):
        PackedChunks()["a"]
