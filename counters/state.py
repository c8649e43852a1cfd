"""The state of rating: its keys, its values, and how a ledger record tells both.

Two kinds of entries, each the last word of the ledger on its subject:

- the **head** of a rating key: last sequence, first open period, all unbilled usage. Every ledger
  record of the rating key states all three, so the newest record alone is the head. That is why
  one look-up per rating key suffices: what a limit sums and an invoice resets lies in the head,
  not in buckets that could be named only after the head was read.
- a **bucket**: one usage counter in one period.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from schemas.decimals import DecimalText
from schemas.flow import StateChange
from schemas.ledger import CounterAfter, Unbilled


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a rating key stands. Never pruned: a sequence would begin anew."""

    sequence: int = 0  # of its last ledger record; 0: it has none
    first_open_period_ms: int = 0  # 0: no period was ever closed
    unbilled: tuple[Unbilled, ...] = ()  # no empty ones; at most products x open periods


class Bucket(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One usage counter in one period."""

    records: int = 0
    quantity: DecimalText = "0"
    amount: DecimalText = "0"


NEW_HEAD = Head()
NEW_BUCKET = Bucket()

_HEAD = b"h"
_BUCKET = b"c"
# Periods before 1970 are negative; shifted, the order of the keys is the order of the periods,
# so that periods behind the horizon are one range.
_PERIOD_SHIFT = 1 << 63


def head_key(rating_key: str) -> bytes:
    """Return the key of the head of a rating key."""
    return _HEAD + rating_key.encode()


def rating_key_of(head_key: bytes) -> bytes:
    """Return the rating key, as the ledger's records are keyed, of the key of its head."""
    return head_key[len(_HEAD) :]


def bucket_key(rating_key: str, counter: str, period_start_ms: int) -> bytes:
    """Return the key of a bucket; the rating key is length-prefixed, so no two of them meet."""
    key = rating_key.encode()
    period = (period_start_ms + _PERIOD_SHIFT).to_bytes(8, "big")
    return b"".join((_BUCKET, period, len(key).to_bytes(4, "big"), key, counter.encode()))


_encode = msgspec.msgpack.Encoder().encode
_decode_head = msgspec.msgpack.Decoder(Head).decode
_decode_bucket = msgspec.msgpack.Decoder(Bucket).decode


def head_to_state(head: Head) -> bytes:
    """Return the value under `head_key`."""
    return _encode(head)


def head_from_state(value: bytes | None) -> Head:
    """Return the head that a value holds; a new one where there is no value."""
    return NEW_HEAD if value is None else _decode_head(value)


def bucket_to_state(bucket: Bucket) -> bytes:
    """Return the value under `bucket_key`."""
    return _encode(bucket)


def bucket_from_state(value: bytes | None) -> Bucket:
    """Return the bucket that a value holds; a new one where there is no value."""
    return NEW_BUCKET if value is None else _decode_bucket(value)


class _Usage(msgspec.Struct, tag_field="kind", tag="usage"):
    """What the state needs of a charge; the other fields are passed over unread. None of these
    has a default: a record without one of them is not a record of the ledger."""

    rating_key: str
    sequence: int
    first_open_period_ms: int
    unbilled: tuple[Unbilled, ...]
    counters_after: tuple[CounterAfter, ...]


class _LimitReached(_Usage, tag="limit_reached"):
    pass


class _PeriodClosed(_Usage, tag="period_closed"):
    pass


class _Proof(msgspec.Struct, tag_field="kind", tag="proof"):
    pass


_decode_record = msgspec.json.Decoder(_Usage | _LimitReached | _PeriodClosed | _Proof).decode


def changes_of_many(values: Iterable[bytes]) -> list[StateChange]:
    """Return the changes of state that ledger records tell in their order, the last word on each
    key alone: what `changes_of` tells of them one by one, and only that is encoded."""
    heads: dict[str, _Usage] = {}
    buckets: dict[tuple[str, str, int], CounterAfter] = {}
    for value in values:
        record = _decode_record(value)
        if isinstance(record, _Proof):
            continue
        key = record.rating_key
        heads[key] = record
        for after in record.counters_after:
            buckets[key, after.counter, after.period_start_ms] = after
    changes: list[StateChange] = [
        (head_key(key), head_to_state(Head(r.sequence, r.first_open_period_ms, r.unbilled)))
        for key, r in heads.items()
    ]
    changes += [
        (bucket_key(*name), bucket_to_state(Bucket(each.records, each.quantity, each.amount)))
        for name, each in buckets.items()
    ]
    return changes


def changes_of(value: bytes) -> Iterator[StateChange]:
    """Return the changes of state that one ledger record (JSON) tells: none for a proof.

    `msgspec.ValidationError` for a kind that is not known: state without it would be wrong, so
    the worker halts.
    """
    record = _decode_record(value)
    if isinstance(record, _Proof):
        return
    head = Head(record.sequence, record.first_open_period_ms, record.unbilled)
    yield head_key(record.rating_key), head_to_state(head)
    for after in record.counters_after:
        key = bucket_key(record.rating_key, after.counter, after.period_start_ms)
        yield key, bucket_to_state(Bucket(after.records, after.quantity, after.amount))
