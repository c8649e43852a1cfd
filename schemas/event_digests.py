"""The digests that rate takes of each event, with the fields that many events share written once.

They are those of `schemas.ids` and `schemas.sethash`, byte for byte: a property test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from schemas.ids import ID_BYTES

_LENGTH_BYTES = 4
_LENGTH_OF_ID = ID_BYTES.to_bytes(_LENGTH_BYTES, "big")
# Copying a digest that was begun costs half of making a new one.
_new = blake2b(digest_size=ID_BYTES).copy


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(_LENGTH_BYTES, "big") + value


_begun = blake2b(digest_size=ID_BYTES)
_begun.update(_field(b"usage") + _LENGTH_OF_ID)
_new_charge_id = _begun.copy


class EventDigests:
    """The digests of the events of one run and rating key; identities have `ID_BYTES`."""

    __slots__ = ("_run_and_key",)

    def __init__(self, run: str, rating_key: str) -> None:
        self._run_and_key = _field(run.encode()) + _field(rating_key.encode())

    def member(self, identity: bytes, content_hash: bytes) -> int:
        """Return what `sethash.event_member` returns."""
        assert len(identity) == ID_BYTES
        digest = _new()
        length = len(content_hash).to_bytes(_LENGTH_BYTES, "big")
        digest.update(b"".join((_LENGTH_OF_ID, identity, self._run_and_key, length, content_hash)))
        return int.from_bytes(digest.digest(), "big")

    def charge_id(self, identity: bytes) -> bytes:
        """Return the bytes of which `ids.usage_charge_id` returns the hex digits."""
        assert len(identity) == ID_BYTES
        digest = _new_charge_id()
        digest.update(identity + self._run_and_key)
        return digest.digest()


ChargeMember = Callable[[bytes, str], int]
"""Of the bytes of a charge's id, and of its amount as on the wire."""


def charge_members(currency: str) -> ChargeMember:
    """Return `sethash.charge_member` of the charges in one currency."""
    currency_field = _field(currency.encode())

    def member(charge_id: bytes, amount: str) -> int:
        text = amount.encode()
        length = len(text).to_bytes(_LENGTH_BYTES, "big")
        digest = _new()
        digest.update(b"".join((_LENGTH_OF_ID, charge_id, length, text, currency_field)))
        return int.from_bytes(digest.digest(), "big")

    return member
