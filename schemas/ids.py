"""The identifiers that are computed from content, never drawn at random.

All are 16 bytes of BLAKE2b over length-prefixed fields, so that no two lists of fields meet in
the same bytes by moving a character from one field to the next. On the wire they are 32 hex
digits. None of them may ever be computed another way: every table and topic is keyed by them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NewType

EventIdentity = NewType("EventIdentity", bytes)
"""What "the same event" means: of (tenant, source, record id)."""

ChargeId = NewType("ChargeId", str)
"""32 hex digits; the key by which every reader of the ledger recognises a charge."""

ID_BYTES = 16

_LONGEST_REMEMBERED = 64


def digest_of(*fields: bytes) -> bytes:
    """Return the 16-byte BLAKE2b digest of the length-prefixed ``fields``."""
    digest = hashlib.blake2b(digest_size=ID_BYTES)
    for field in fields:
        digest.update(len(field).to_bytes(4, "big"))
        digest.update(field)
    return digest.digest()


def event_identity(*, tenant: str, source: str, record_id: str) -> EventIdentity:
    """Return the 16-byte identity of an event; equal fields give equal bytes.

    Each field is length-prefixed, so ("a-b", "c") and ("a", "b-c") differ.
    """
    return EventIdentity(digest_of(tenant.encode(), source.encode(), record_id.encode()))


def event_identities(*, tenant: str, source: str) -> Callable[[str], bytes]:
    """Return what makes `event_identity` of the record ids of one source, in a third of the time."""
    heads = _Heads(_prefixed(tenant.encode()) + _prefixed(source.encode()))

    def identity_of(record_id: str) -> bytes:
        text = record_id.encode()
        digest = heads[len(text)]()
        digest.update(text)
        return digest.digest()

    return identity_of


class _Heads(dict[int, Callable[[], hashlib.blake2b]]):
    """Copies of a hash that has taken all before a last field, by that one's length.

    A hash is copied in half the time in which one is made. Ids have few lengths.
    """

    def __init__(self, fields: bytes) -> None:
        self._fields = fields

    def __missing__(self, length: int) -> Callable[[], hashlib.blake2b]:
        head = hashlib.blake2b(self._fields + length.to_bytes(4, "big"), digest_size=ID_BYTES)
        if length <= _LONGEST_REMEMBERED:
            self[length] = head.copy
        return head.copy


def _prefixed(field: bytes) -> bytes:
    return len(field).to_bytes(4, "big") + field


def usage_charge_id(*, identity: bytes, run: str, rating_key: str) -> ChargeId:
    """Return the id of the charge for one event, one run and one rating key."""
    return ChargeId(digest_of(b"usage", identity, run.encode(), rating_key.encode()).hex())


def adjustment_id(*, charge_id: str, counter: str) -> ChargeId:
    """Return the id of what an event, whose own charge has ``charge_id``, changes of the earlier
    charges under a counter."""
    return ChargeId(digest_of(b"adjustment", bytes.fromhex(charge_id), counter.encode()).hex())


def closing_id(
    *,
    rating_key: str,
    subscription_id: str,
    price_id: str,
    month_start_ms: int,
    again: int = 0,
    corrections: int = 0,
) -> ChargeId:
    """Return the id of what the close of a month asks for under a price: one ever. ``again``: where a later
    close prices it anew, how many records its samples have by then; 0: it is the first. ``corrections``: how
    many the month had before, since what is taken back makes the records as many as they were once."""
    fields = (rating_key.encode(), subscription_id.encode(), price_id.encode())
    numbers = (again, corrections) if corrections else (again,) if again else ()
    by = [str(number).encode() for number in numbers]
    return ChargeId(digest_of(b"closing", *fields, str(month_start_ms).encode(), *by).hex())


def reversal_id(*, corrects: str, job_id: str) -> ChargeId:
    """Return the id of the charge by which a job takes another charge back."""
    return ChargeId(digest_of(b"reversal", bytes.fromhex(corrects), job_id.encode()).hex())


def correction_id(*, rating_key: str, job_id: str, of: tuple[str, ...]) -> ChargeId:
    """Return the id of what a job corrects under a price of a subscription: one for each job. ``of``: all
    that tells such charges apart."""
    fields = (rating_key, job_id, *of)
    return ChargeId(digest_of(b"correction", *[field.encode() for field in fields]).hex())


def limit_reached_id(*, crossing_charge_id: str) -> str:
    """Return the id of the ``limit_reached`` record that follows a charge: one per crossing."""
    return digest_of(b"limit_reached", bytes.fromhex(crossing_charge_id)).hex()


def period_closed_id(*, rating_key: str, period_end_ms: int) -> str:
    """Return the id of the close of one period of one rating key.

    Of its end: each close of a rating key ends later than the one before, whatever its start.
    """
    return digest_of(b"period_closed", rating_key.encode(), str(period_end_ms).encode()).hex()


def suspense_id(*, stage: str, partition: int, offset: int, index: int, run: str) -> str:
    """Return the id of a suspended record: of where it lay, so that a repeat is the same."""
    position = f"{partition}:{offset}:{index}"
    return digest_of(b"suspense", stage.encode(), position.encode(), run.encode()).hex()


def write_off_command_id(*, suspense_id: str) -> str:
    """Return the id of the command that gives up a record that waits in suspense: one ever."""
    return digest_of(b"write_off", bytes.fromhex(suspense_id)).hex()


def recycle_command_id(*, suspense_id: str) -> str:
    """Return the id under which a record comes back from suspense: one ever."""
    return digest_of(b"recycle", bytes.fromhex(suspense_id)).hex()


def close_period_command_id(*, tenant: str, account_id: str, period_start_ms: int) -> str:
    """Return the id of the command that closes one period of one account: one ever."""
    fields = (tenant.encode(), account_id.encode(), str(period_start_ms).encode())
    return digest_of(b"close_period", *fields).hex()


def correct_month_command_id(*, tenant: str, account_id: str, job_id: str) -> str:
    """Return the id of the command that corrects a month of one account for a job."""
    fields = (tenant.encode(), account_id.encode(), job_id.encode())
    return digest_of(b"correct_month", *fields).hex()
