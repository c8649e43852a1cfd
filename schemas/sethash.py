"""A hash of a set: a sum, so that order does not matter and batches simply add up.

The sum modulo 2^128 of the BLAKE2b-16 of each member (Bellare and Micciancio, "A New Paradigm
for Collision-free Hashing: Incrementality at Reduced Cost", 1997, AdHash). A member counted
twice or left out moves the sum; it guards against faults, not against a forger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MODULUS = 1 << 128
EMPTY = 0


def member(*fields: bytes) -> int:
    """Return what one member adds to the sum; ``fields`` are length-prefixed."""
    digest = hashlib.blake2b(digest_size=16)
    for field in fields:
        digest.update(len(field).to_bytes(4, "big"))
        digest.update(field)
    return int.from_bytes(digest.digest(), "big")


def add(total: int, value: int) -> int:
    """Return the sum with one more member, or with another set's sum."""
    return (total + value) % MODULUS


def add_digests(total: int, digests: Iterable[bytes]) -> int:
    """Return the sum with the members that digests of `event_digest` stand for."""
    return (total + sum(map(int.from_bytes, digests))) % MODULUS


def to_hex(total: int) -> str:
    """Return the sum as 32 hex digits."""
    return f"{total:032x}"


def from_hex(text: str) -> int:
    """Return the sum that `to_hex` wrote."""
    return int(text, 16)


def charge_member(charge_id: str, amount: str, currency: str) -> int:
    """Return the member for one charge: its id, its amount as on the wire, its currency."""
    return member(bytes.fromhex(charge_id), amount.encode(), currency.encode())


def event_member(identity: bytes, run: str, rating_key: str, content_hash: bytes) -> int:
    """Return the member for one event handed from normalise to rate."""
    return member(identity, run.encode(), rating_key.encode(), content_hash)


def owned_by(run: str, rating_key: str) -> bytes:
    """Return what `event_digest` needs of a run and a rating key, made once for all its events."""
    run_bytes, key = run.encode(), rating_key.encode()
    return b"".join((_length(run_bytes), run_bytes, _length(key), key, _CONTENT_HASH_LENGTH))


def event_digest(identity: bytes, owner: bytes, content_hash: bytes) -> bytes:
    """Return the bytes of `event_member`, ``owner`` being of `owned_by`: in half its time."""
    digest = _begun()
    digest.update(identity + owner + content_hash)
    return digest.digest()


def _length(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big")


# A hash is copied in half the time in which one is made.
_begun = hashlib.blake2b(_length(bytes(16)), digest_size=16).copy
_CONTENT_HASH_LENGTH = _length(bytes(8))
