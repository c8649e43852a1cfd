"""Laws of cutting a file into blocks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas import raw
from sources.block import Block
from sources.lines import cut_lines

# Few line lengths around the limits, so that they are met often.
LONG = raw.MAX_RECORD_BYTES
line_lengths = st.sampled_from([0, 1, 7, 200, 3000, LONG // 2, LONG - 2, LONG - 1, LONG, LONG + 1])
lines = st.lists(
    st.tuples(line_lengths, st.integers(min_value=1, max_value=1200)).map(
        # Many short lines, few long ones: a file of at most some megabytes.
        lambda pair: [b"x" * pair[0] + b"\n"] * min(pair[1], 1 + 200_000 // (pair[0] + 1))
    ),
    max_size=6,
).map(lambda groups: [line for group in groups for line in group])
endings = st.sampled_from([b"", b"unfinished", b"\r"])


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def file_bytes(blocks: list[Block], data: bytes) -> bytes:
    """Return the blocks joined; what an oversize block left out is taken from the file."""
    joined = b""
    for block in blocks:
        whole = data[len(joined) : len(joined) + block.whole_bytes]
        assert whole.startswith(block.value)
        joined += whole if block.oversize else block.value
    return joined


@given(lines, endings)
def test_the_blocks_joined_are_the_file(lines: list[bytes], ending: bytes) -> None:
    data = b"".join(lines) + ending
    blocks = list(cut_lines(chunked(data, LONG)))
    assert file_bytes(blocks, data) == data
    assert sum(block.items for block in blocks) == len(lines) + bool(ending)


@given(lines, endings)
def test_every_block_is_within_the_limits_and_of_whole_lines(
    lines: list[bytes], ending: bytes
) -> None:
    blocks = list(cut_lines(chunked(b"".join(lines) + ending, LONG)))
    for number, block in enumerate(blocks):
        assert 0 < len(block.value) <= raw.MAX_RECORD_BYTES
        assert 0 < block.items <= raw.MAX_RECORD_ITEMS
        assert block.oversize == (block.whole_bytes > raw.MAX_RECORD_BYTES)
        is_last = number == len(blocks) - 1
        assert block.oversize or block.value.endswith(b"\n") or is_last


@given(lines, endings, st.sampled_from([1000, LONG - 1, LONG, LONG + 1, 3 * LONG]))
def test_where_the_chunks_were_cut_does_not_matter(
    lines: list[bytes], ending: bytes, size: int
) -> None:
    data = b"".join(lines) + ending
    assert list(cut_lines(chunked(data, size))) == list(cut_lines([data] if data else []))


@given(lines)
def test_the_digest_of_a_block_is_that_of_its_whole_bytes(lines: list[bytes]) -> None:
    data = b"".join(lines)
    position = 0
    for block in cut_lines(chunked(data, LONG)):
        whole = data[position : position + block.whole_bytes]
        assert block.digest == raw.digest_block(whole)
        position += block.whole_bytes
