"""What a stage's pure step takes and gives: source records in, appends and a proof out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from schemas.proof import Proof

Headers = tuple[tuple[str, bytes], ...]


class Channel(StrEnum):
    """Where an append goes; the pipeline knows the topic names."""

    NORMALISED = "normalised"
    LEDGER = "ledger"
    SUSPENSE = "suspense"
    PROOFS = "proofs"


class SourceRecord(NamedTuple):
    """One record as the broker gave it; ``appended_at_ms`` is the broker's append time, UTC."""

    partition: int
    offset: int
    appended_at_ms: int
    key: bytes | None
    value: bytes
    headers: Headers


class Append(NamedTuple):
    """One record to append, in the transaction of its batch."""

    channel: Channel
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers


StateChange = tuple[bytes, bytes | None]
"""A key and its new value; None deletes the key."""


class StateValues(dict[bytes, bytes]):
    """The values of the keys that a batch asked for, and a way to all others: ``scan(prefix)`` gives
    the keys that begin so with their values, before the batch, in the order of the keys."""

    def __init__(
        self,
        found: Mapping[bytes, bytes],
        scan: Callable[[bytes], Iterator[tuple[bytes, bytes]]],
    ) -> None:
        super().__init__(found)
        self.scan = scan


PreparedT = TypeVar("PreparedT", bound="Prepared")


class Prepared(Protocol):
    """A decoded batch that knows which keys of the state it needs."""

    @property
    def state_keys(self) -> Sequence[bytes]: ...


class Decided(NamedTuple):
    """What a batch comes to: its appends in order (the proof is not among them), the proof, and
    the state after it. `changes` equals what `Step.fold` gives for the same appends and proof."""

    appends: list[Append]
    proof: Proof
    changes: list[StateChange]


class Step(Protocol, Generic[PreparedT]):
    """The pure part of a stage. It does no I/O and reads no clock."""

    @property
    def stage(self) -> str:
        """Return ``normalise`` or ``rate``."""
        ...

    def prepare(
        self, records: Sequence[SourceRecord], *, internal_errors: frozenset[int] = frozenset()
    ) -> PreparedT:
        """Return the decoded batch. Records at the offsets of ``internal_errors`` are not looked
        at: they go to suspense as `pipeline.internal_error`."""
        ...

    def decide(self, batch: PreparedT, state: Mapping[bytes, bytes], *, previous: Proof) -> Decided:
        """Return the outcome of a batch, given the state of the keys that it asked for (a key
        that is absent is not in the mapping) and the proof before it. ``state``: `StateValues`, or
        any mapping that holds the whole state."""
        ...

    def fold(self, value: bytes) -> Iterable[StateChange]:
        """Return the changes of state that one record of the changelog tells."""
        ...


PartitionOf = Callable[[str], int]
"""The partition of a rating key among those of the topic that is written to."""
