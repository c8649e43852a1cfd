"""The generator's log, read by a reading of its own: what each record is, and what must become of it.

What must become of a copy depends on which one came first, so it is decided over the raw topic as
it lies there: every raw record says in a header which records of the log it holds, in order.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

Ref = tuple[str, str]
"""A record: its source, and the id that the source gave it."""

Place = tuple[int, int, int]
"""Where an item lies in the raw topic: partition, offset, index."""

HEADER = "chaos_truth"
_DAY_MS = 86_400_000
_TOO_OLD = "mediation.older_than_dedup_horizon"
_TOO_NEW = "mediation.too_far_in_future"
_UNKNOWN = "mediation.unknown_subscriber"
# What the generator says of the record itself: such a record has no identity that is remembered.
_OF_THE_BYTES = "broken"


class Usage(NamedTuple):
    """One record that normalise must hand on."""

    ref: Ref
    account: str
    subscription: str
    product: str
    at: dt.datetime  # aware
    quantities: dict[str, Fraction]
    destination: str | None


class Expected(NamedTuple):
    """What must become of one item: usage, a duplicate, or a refusal with its reason."""

    ref: Ref
    outcome: str  # "usage", "duplicate", "suspended"
    reason: str = ""
    usage: Usage | None = None


class RawRecord(NamedTuple):
    """A record of the raw topic, as far as the verifier looks at it."""

    partition: int
    offset: int
    appended_at_ms: int
    numbers: Sequence[int]  # of the log's records, in the order of its items


class Truth:
    """The log of one run: `truth.jsonl`, or what a feed of its own wrote in the same form."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = [line for line in lines if line.strip()]

    @classmethod
    def of(cls, path: Path) -> Truth:
        """Return the truth of a file."""
        with path.open("rb") as lines:
            return cls(lines)

    def __len__(self) -> int:
        return len(self._lines)

    def record(self, number: int) -> dict[str, Any]:
        """Return what the log says of a record; the first has number 1."""
        found: dict[str, Any] = json.loads(self._lines[number - 1])
        return found

    def expected(
        self, raw: Iterable[RawRecord], *, horizon_ms: int, future_ms: int
    ) -> dict[Place, Expected]:
        """Return what must become of every item that lies in the raw topic, in its order.

        All copies of a record lie in one partition; the first one there is the one that counts.
        """
        seen: dict[Ref, str] = {}
        outcomes: dict[Place, Expected] = {}
        for record in raw:
            for index, number in enumerate(record.numbers):
                said = self.record(number)
                place = record.partition, record.offset, index
                outcomes[place] = _outcome(
                    said,
                    seen,
                    oldest_ms=record.appended_at_ms - horizon_ms,
                    newest_ms=record.appended_at_ms + future_ms,
                )
        return outcomes


def _outcome(
    said: Mapping[str, Any], seen: dict[Ref, str], *, oldest_ms: int, newest_ms: int
) -> Expected:
    ref = said["source"], said["record_id"]
    if said["kind"] == _OF_THE_BYTES:
        return Expected(ref, "suspended", said["reason"])
    if said["started_at_ms"] < oldest_ms:
        return Expected(ref, "suspended", _TOO_OLD)
    if said["started_at_ms"] > newest_ms:
        return Expected(ref, "suspended", _TOO_NEW)
    content = _content(said)
    if ref in seen:
        if seen[ref] == content:
            return Expected(ref, "duplicate")
        return Expected(ref, "suspended", "mediation.conflict")
    seen[ref] = content
    if said.get("account_id") is None:
        return Expected(ref, "suspended", _UNKNOWN)
    return Expected(ref, "usage", usage=_usage(said, ref))


def _content(said: Mapping[str, Any]) -> str:
    """Return what two records of one identity are compared by."""
    fields = ("identifier", "product", "started_at_ms", "quantities", "destination")
    return json.dumps([said.get(field) for field in fields], sort_keys=True)


def _usage(said: Mapping[str, Any], ref: Ref) -> Usage:
    started_ms = said["started_at_ms"]
    return Usage(
        ref=ref,
        account=said["account_id"],
        subscription=said["subscription_id"],
        product=said["product"],
        at=dt.datetime.fromtimestamp(started_ms // 1000, dt.UTC)
        + dt.timedelta(milliseconds=started_ms % 1000),
        quantities={unit: Fraction(text) for unit, text in said["quantities"].items()},
        destination=said.get("destination"),
    )
