"""Laws of `native/murmur2.pyx`: a key lies where aiokafka would put it."""

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline import topics

needs_compiled = pytest.mark.skipif(
    topics._native is None, reason="nothing is compiled: no C compiler was there"
)


@needs_compiled
@given(st.binary(max_size=80) | st.text().map(str.encode))
@example(b"")
@example(b"\xff" * 7)
def test_a_hash_is_that_of_aiokafka(key):
    assert topics._native.murmur2(key) == murmur2(key)


def test_no_key_is_an_error():
    with pytest.raises(TypeError):
        topics.partition_of(None, 3)
