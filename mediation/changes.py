"""The state of normalise and its changelog: what a proof's `changes` hold, and their fold.

One entry per key that the batch changed, in order; each begins with a byte that says what it is:

| entry | bytes | then |
|---|---|---|
| 1 mark | 44 | identity (16), `Mark` (27) |
| 2 file progress | 61 | file identity (16), `FileProgress` (44) |
| 3 file done | 17 | file identity (16) |
| 4 settled | 26 | suspense id (16), `SettledAs` (9) |

Keys of the state: ``i`` + identity, ``f`` + file identity, ``s`` + suspense id, and for pruning ``t`` +
day + batch: the identities that the batch marked for that day, one after the other. Suspense ids that
are settled are never pruned: each is let through once, ever.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from mediation.dedup import DAY_MS, MARK_BYTES, Window, mark_from_bytes
from mediation.file_progress import PROGRESS_BYTES
from mediation.settling import SETTLED_BYTES
from native import compiled
from schemas.flow import StateChange
from schemas.ids import ID_BYTES

MARK_KEY = b"i"
FILE_KEY = b"f"
DAY_KEY = b"t"
SETTLED_KEY = b"s"

_MARK, _FILE, _FILE_DONE, _SETTLED = 1, 2, 3, 4
_KEY_END = 1 + ID_BYTES
_MARK_END = _KEY_END + MARK_BYTES
_FILE_END = _KEY_END + PROGRESS_BYTES
_SETTLED_END = _KEY_END + SETTLED_BYTES
_ENTRY = {MARK_KEY[0]: b"\x01", FILE_KEY[0]: b"\x02", SETTLED_KEY[0]: b"\x04"}
_IS_MARK, _IS_FILE = MARK_KEY[0], FILE_KEY[0]
_DAY_AT, _DAY_END = 10, 14  # of the event day in the bytes of a mark
_DAY_BATCH = struct.Struct(">1sIQ")
_DAYS_BEFORE_1970 = 1 << 31  # so that keys sort by day
_native = compiled("deciding")


class UnreadableChanges(ValueError):
    """A proof holds an entry that this build does not know."""


def pack(changed: Mapping[bytes, bytes | None]) -> bytes:
    """Return the entries of a batch; ``changed`` holds marks, file progress and settled suspense ids by
    state key."""
    if _native is not None and type(changed) is dict:
        return cast("bytes", _native.pack(changed))
    return pack_in_python(changed)


def pack_in_python(changed: Mapping[bytes, bytes | None]) -> bytes:
    """Return what `pack` returns, by nothing that is compiled."""
    entries: list[bytes] = []
    for key, value in changed.items():
        if value is None:
            assert key[0] == _IS_FILE, "a mark is never taken back, only replaced"
            entries.append(b"\x03" + key[1:])
        else:
            entries.append(_ENTRY[key[0]] + key[1:] + value)
    return b"".join(entries)


def unpack(packed: bytes) -> Iterator[StateChange]:
    """Yield the changes that `pack` was given."""
    at = 0
    while at < len(packed):
        kind = packed[at]
        if kind == _MARK:
            yield MARK_KEY + packed[at + 1 : at + _KEY_END], packed[at + _KEY_END : at + _MARK_END]
            at += _MARK_END
        elif kind == _FILE:
            yield FILE_KEY + packed[at + 1 : at + _KEY_END], packed[at + _KEY_END : at + _FILE_END]
            at += _FILE_END
        elif kind == _FILE_DONE:
            yield FILE_KEY + packed[at + 1 : at + _KEY_END], None
            at += _KEY_END
        elif kind == _SETTLED:
            key = SETTLED_KEY + packed[at + 1 : at + _KEY_END]
            yield key, packed[at + _KEY_END : at + _SETTLED_END]
            at += _SETTLED_END
        else:
            raise UnreadableChanges(
                f"a proof of normalise holds an entry of kind {kind}; this build knows 1 to 4. "
                "Operator action: start the version of Ratemill that wrote it, or a newer one."
            )


def state_changes(changed: Iterable[StateChange], *, batch: int) -> list[StateChange]:
    """Return the changes of a batch with the index of its marks by day."""
    changes = list(changed)
    days = by_day(changes) if _native is None else _native.by_day(changes)
    for day, identities in days.items():
        number = int.from_bytes(day, "big", signed=True)
        changes.append((day_key(number, batch=batch), identities))
    return changes


def by_day(changes: Iterable[StateChange]) -> dict[bytes, bytes]:
    """Return the identities of marks, one after the other, by the bytes of their day; by nothing that is compiled."""
    days: dict[bytes, list[bytes]] = {}
    for key, value in changes:
        if key[0] == _IS_MARK and value is not None:
            day = value[_DAY_AT:_DAY_END]
            if day not in days:
                days[day] = []
            days[day].append(key[1:])
    return {day: b"".join(identities) for day, identities in days.items()}


def day_key(day: int, *, batch: int) -> bytes:
    """Return the key of the identities that a batch marked for a day; keys sort by day."""
    return _DAY_BATCH.pack(DAY_KEY, day + _DAYS_BEFORE_1970, batch)


def identities_of(indexed: bytes) -> list[bytes]:
    """Return the state keys of the marks that an entry of the index by day names."""
    return [MARK_KEY + indexed[at : at + ID_BYTES] for at in range(0, len(indexed), ID_BYTES)]


def first_kept_day(window: Window, *, appended_at_ms: int) -> int:
    """Return the first day whose marks are kept once a record was appended at an instant: of all
    days before it `Window.may_prune` says yes."""
    return (appended_at_ms - DAY_MS - window.horizon_ms) // DAY_MS


def reaches_pruned(window: Window, *, before: int, appended_at_ms: int) -> bool:
    """Return whether a record may ask for marks of days ``before`` which they were pruned.

    Then its outcome would depend on the pruning: the broker's clock was set back by more than a
    day, or the horizon was raised.
    """
    return before * DAY_MS > appended_at_ms - window.horizon_ms


class Pruned(NamedTuple):
    """What one look at an entry of the index by day comes to."""

    changes: list[StateChange]
    next: int | None  # the first identity of the entry, as it is then, not looked at; None: all are


def prune(
    index_key: bytes,
    indexed: bytes,
    state: Mapping[bytes, bytes],
    *,
    window: Window,
    appended_at_ms: int,
    first: int = 0,
    most: int | None = None,
) -> Pruned:
    """Return the deletions that ``most`` identities of an entry of the index by day come to.

    ``state`` holds the marks of those of `identities_of` from ``first`` on. Pinned ones stay, and
    stay in the index. Pruning is not in the proofs: `Window.remembers` makes it change no outcome.
    """
    keys = identities_of(indexed)
    upto = len(keys) if most is None else min(len(keys), first + most)
    (_, day, _) = _DAY_BATCH.unpack(index_key)
    changes: list[StateChange] = []
    kept: list[bytes] = []
    for key in keys[first:upto]:
        value = state.get(key)
        if value is None:
            continue
        mark = mark_from_bytes(value)
        if mark.event_day != day - _DAYS_BEFORE_1970:
            continue  # marked anew since, and indexed under its new day
        if window.may_prune(mark, appended_at_ms=appended_at_ms):
            changes.append((key, None))
        else:
            kept.append(key[1:])
    if len(kept) != upto - first:
        left = b"".join((indexed[: first * ID_BYTES], b"".join(kept), indexed[upto * ID_BYTES :]))
        changes.append((index_key, left or None))
    return Pruned(changes, None if upto == len(keys) else first + len(kept))
