"""What is remembered of a suspense id that was settled: it is let through once, or given up once."""

from __future__ import annotations

import struct
from typing import NamedTuple

from schemas.outcome import Settled

_SETTLED = struct.Struct(">BQ")
SETTLED_BYTES = _SETTLED.size
# Values stand in proofs: add, never renumber.
_CODES = {Settled.RECYCLED: 1, Settled.WRITTEN_OFF: 2}
_BY_CODE = {code: settled for settled, code in _CODES.items()}


class SettledAs(NamedTuple):
    """What became of a record in suspense, and the raw offset of what settled it: 9 bytes."""

    settled: Settled
    offset: int


def settled_to_bytes(settled: SettledAs) -> bytes:
    """Return the 9 bytes."""
    return _SETTLED.pack(_CODES[settled.settled], settled.offset)


def settled_from_bytes(value: bytes) -> SettledAs:
    """Return what 9 bytes say."""
    code, offset = _SETTLED.unpack(value)
    return SettledAs(_BY_CODE[code], offset)
