"""What is true of each generated record, for a verifier that knows nothing of the pipeline."""

from __future__ import annotations

import msgspec


class Truth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `truth.jsonl`: a record, what it states, and what should become of it.

    ``outcome`` is ``usage`` (a usage event; whether it is rated or filtered is the catalogue's
    matter), ``duplicate`` or ``suspended``, then with ``reason``. Of a pair in conflict, and of
    copies, the first in the order of this file is the one that counts.
    """

    record: int  # from 1, in the order in which the records were written
    file: str
    line: int  # of a charging file the item: its header is the first
    source: str
    kind: str
    outcome: str
    reason: str | None = None
    broken: str | None = None
    copy_of: int | None = None
    record_id: str
    identifier: str
    account_id: str | None = None
    subscription_id: str | None = None
    product: str
    started_at_ms: int
    ended_at_ms: int
    quantities: dict[str, str]  # by unit: B, Wh, s, record
    destination: str | None = None


class FileTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One file of usage."""

    file: str
    source: str
    lines: int  # of a charging file its items, of which the header is one
    records: int
    bytes: int


class SourceTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One network element: what a reader of its files must be told."""

    source: str
    folder: str
    format: str
    zone: str | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`truth.json`: what was asked for, and what there is."""

    scenario: str
    seed: int
    start: str
    days: int
    records: int
    accounts: int
    kinds: dict[str, int]
    outcomes: dict[str, int]
    reasons: dict[str, int]
    broken: dict[str, int]
    sources: tuple[SourceTruth, ...]
    files: tuple[FileTruth, ...]


TRUTH_JSON = msgspec.json.Encoder()
