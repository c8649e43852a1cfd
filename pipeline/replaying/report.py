"""What a replay came to, partition by partition."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from schemas import ledger
from schemas.ledger import Charge
from schemas.proof import Proof

MOST_SHOWN = 20  # differences of a partition


class Window(NamedTuple):
    """Which batches are rated once more: by the time at which the broker took them, [since, until)."""

    since_ms: int | None = None
    until_ms: int | None = None

    def has(self, at_ms: int) -> bool:
        """Return whether a batch of this time is in it."""
        return (self.since_ms is None or at_ms >= self.since_ms) and not self.ends_before(at_ms)

    def ends_before(self, at_ms: int) -> bool:
        """Return whether nothing from this time on is in it."""
        return self.until_ms is not None and at_ms >= self.until_ms


class Difference(NamedTuple):
    """A record of the ledger that came out otherwise; of what there is not, the text is empty."""

    batch: int
    record: str  # the charge's id, or the record's kind and number
    was: str
    is_now: str


@dataclass
class Partition:
    """One partition of the ledger: how much of it was rated once more, and what differs."""

    number: int
    batches: int = 0
    records: int = 0
    same_bytes: int = 0  # batches
    same_charges: int = 0  # batches of which only the writing differs: another release
    differing: int = 0  # batches
    left_out: dict[str, int] = field(default_factory=dict)  # batches, by why
    differences: list[Difference] = field(default_factory=list)
    written_hash: str = ""  # of all records of the window as the ledger has them
    replayed_hash: str = ""  # and as they came out

    def __post_init__(self) -> None:
        self._written = hashlib.blake2b(digest_size=16)
        self._replayed = hashlib.blake2b(digest_size=16)

    def leave_out(self, why: str) -> None:
        """Count a batch that could not be rated once more."""
        self.left_out[why] = self.left_out.get(why, 0) + 1

    def compare(self, proof: Proof, written: list[bytes], replayed: list[bytes]) -> None:
        """Count a batch: what the ledger has of it, its proof last, and what came out now."""
        self.batches += 1
        self.records += len(written) - 1
        for digest, values in ((self._written, written), (self._replayed, replayed)):
            for value in values:
                digest.update(hashlib.blake2b(value, digest_size=16).digest())
        self.written_hash = self._written.hexdigest()
        self.replayed_hash = self._replayed.hexdigest()
        if written == replayed:
            self.same_bytes += 1
            return
        found = list(_differences(proof.batch, written[:-1], replayed[:-1]))
        if not found:
            self.same_charges += 1
            return
        self.differing += 1
        self.differences += found[: MOST_SHOWN - len(self.differences)]


@dataclass
class Report:
    """A replay of an installation."""

    installation: str
    partitions: list[Partition]

    @property
    def batches(self) -> int:
        """Return how many batches were rated once more."""
        return sum(each.batches for each in self.partitions)

    @property
    def differing(self) -> int:
        """Return how many batches came to other charges."""
        return sum(each.differing for each in self.partitions)

    @property
    def left_out(self) -> dict[str, int]:
        """Return how many batches were not, by why."""
        found: dict[str, int] = {}
        for each in self.partitions:
            for why, batches in each.left_out.items():
                found[why] = found.get(why, 0) + batches
        return found


def _differences(batch: int, written: list[bytes], replayed: list[bytes]) -> list[Difference]:
    """Return what money or counters of a batch differ in, by the record's own id."""
    was, now = _said(written), _said(replayed)
    return [
        Difference(batch, name, was.get(name, ""), now.get(name, ""))
        for name in {**was, **now}
        if was.get(name) != now.get(name)
    ]


def _said(values: list[bytes]) -> dict[str, str]:
    """Return what counts of ledger records, in words, by their ids."""
    said: dict[str, str] = {}
    for value in values:
        record = ledger.from_wire(value)
        if isinstance(record, Charge):
            said[record.charge_id] = (
                f"{record.amount} {record.currency} for {record.used} {record.unit} "
                f"({record.billed} billed, {record.free} free) by {record.price_id}, "
                f"{record.usage_kind} of {record.account_id}; counters "
                f"{_digest(msgspec.json.encode(record.counters_after))}"
            )
        else:
            assert not isinstance(record, Proof)
            name = f"{type(record).__name__} of {record.rating_key}, {record.sequence}"
            said[name] = ledger.to_wire(record).decode()
    return said


def _digest(value: bytes) -> str:
    return hashlib.blake2b(value, digest_size=4).hexdigest()
