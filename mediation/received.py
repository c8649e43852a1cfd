"""What normalise holds of a raw record between reading it and deciding about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from mediation.decode.item import DecodedItem, Decoder, Ignored
from mediation.file_progress import BlockSeen
from schemas.flow import SourceRecord
from schemas.raw import FileEnd, RawCommand
from schemas.refusal import Refused
from schemas.usage import UsageEvent


class Origin(NamedTuple):
    """Who wrote a record, and how: what its headers say, or as much of it as they do."""

    tenant: str = ""
    source: str = ""
    format: str = ""  # "asterisk@1"; as the header states it where no such mapping is loaded
    decoder: Decoder | None = None
    identity_of: Callable[[str], bytes] | None = None  # of a record id; None as the decoder


class Command(NamedTuple):
    """A command, read."""

    command: RawCommand


class End(NamedTuple):
    """The end record of a file, read."""

    end: FileEnd
    file_key: bytes


class Returned(NamedTuple):
    """An event that rate refused, and that came back."""

    event: UsageEvent


class Recycling(NamedTuple):
    """Of which record in suspense a raw record is the next try, and what it carries of it."""

    suspense_id: str
    key: bytes  # state key of the suspense id
    identity_key: bytes  # of the mark that the refused record may have pinned; empty: of none
    first: tuple[int, int] | None  # offset and index of the first copy in this partition
    attempts: int  # before this one
    came_back_ms: int  # when the broker took this copy; the record itself says when the first one


Outcome = DecodedItem | Refused | Ignored | Command | End | Returned


class ReceivedItem(msgspec.Struct, frozen=True, gc=False):
    """One item of a raw record. ``key`` is the state key of its mark, empty where it has none."""

    index: int
    raw: bytes
    outcome: Outcome
    key: bytes = b""
    content_hash: bytes = b""


class Ready(msgspec.Struct, frozen=True, gc=False):
    """Usage in the window, of somebody who is known: an event unless it came before.

    Bytes, not what they are made of: what a batch of thousands holds until it is decided is more
    than a processor keeps at hand, and waiting for memory takes longer than the rest.
    """

    index: int
    raw: bytes
    key: bytes
    mark: bytes  # of an event that passed
    partition: int  # of the rating key, among the normalised ones
    rating_key: bytes
    event: bytes  # as on the wire, but for the number of the batch
    member: bytes  # `sethash.event_digest`


class Received(msgspec.Struct, frozen=True, gc=False):
    """A raw record, read."""

    record: SourceRecord
    origin: Origin
    items: Sequence[ReceivedItem | Ready]
    sequence: int | None = None
    file_key: bytes = b""  # state key of the file that it is a block of
    block: BlockSeen | None = None
    keys: tuple[bytes, ...] = ()  # state keys that it needs besides
    recycling: Recycling | None = None


def arrived_ms(received: Received) -> int:
    """Return when the broker took this copy; of what comes back, the record says when the first."""
    recycling = received.recycling
    return received.record.appended_at_ms if recycling is None else recycling.came_back_ms


def first_copy_of(received: Received, item: ReceivedItem) -> tuple[int, int]:
    """Return the raw offset and index of an item; of what comes back, those of its first copy."""
    recycling = received.recycling
    if recycling is None or recycling.first is None:
        return received.record.offset, item.index
    offset, index = recycling.first
    return offset, index + item.index
