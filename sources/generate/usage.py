"""What a generated record states, and what a source that writes such records can do."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple, Protocol

from schemas.refusal import RefusalReason
from sources.generate.draw import Draw
from sources.generate.population import Service


class Usage(NamedTuple):
    """One record's content. Quantities are by unit, as the shipped mappings have it."""

    record_id: str
    identifier: str
    product: str
    created_at_ms: int  # a call: when it was dialled
    started_at_ms: int
    ended_at_ms: int
    value: str  # the quantity as the record writes it
    quantities: dict[str, str]
    destination: str | None = None


@unique
class Broken(StrEnum):
    """What can be wrong with a record. The values stand in `truth.jsonl`."""

    WRONG_COLUMN_COUNT = "wrong_column_count"
    NOT_JSON = "not_json"
    INVALID_UTF8 = "invalid_utf8"
    MISSING_FIELD = "missing_field"
    NEGATIVE_QUANTITY = "negative_quantity"
    TEXT_FOR_QUANTITY = "text_for_quantity"
    TIME_WITHOUT_ZONE = "time_without_zone"
    YEAR_9999 = "year_9999"
    TOO_LARGE = "too_large"
    DAMAGED_BER = "damaged_ber"
    WRONG_LENGTH = "wrong_length"  # two lengths of a charging record that do not agree
    UNKNOWN_RECORD = "unknown_record"


REASONS: dict[Broken, RefusalReason] = {
    Broken.WRONG_COLUMN_COUNT: RefusalReason.WRONG_COLUMN_COUNT,
    Broken.NOT_JSON: RefusalReason.NOT_JSON,
    Broken.INVALID_UTF8: RefusalReason.INVALID_ENCODING,
    Broken.MISSING_FIELD: RefusalReason.MISSING_FIELD,
    Broken.NEGATIVE_QUANTITY: RefusalReason.NEGATIVE_QUANTITY,
    Broken.TEXT_FOR_QUANTITY: RefusalReason.INVALID_FIELD,
    Broken.TIME_WITHOUT_ZONE: RefusalReason.TIME_WITHOUT_ZONE,
    Broken.YEAR_9999: RefusalReason.TOO_FAR_IN_FUTURE,
    Broken.TOO_LARGE: RefusalReason.TOO_LARGE,
    Broken.DAMAGED_BER: RefusalReason.NOT_BER,
    Broken.WRONG_LENGTH: RefusalReason.NOT_BER,
    Broken.UNKNOWN_RECORD: RefusalReason.UNKNOWN_RECORD,
}

TOO_LARGE_BYTES = 5_000_000
"""Of the one record of a run that is too large."""


class Writer(Protocol):
    """One network element: draws usage and writes it in its format."""

    @property
    def name(self) -> str:
        """Return the name of the source."""
        ...

    @property
    def format(self) -> str:
        """Return the name of the shipped mapping that reads it."""
        ...

    @property
    def suffix(self) -> str:
        """Return how the names of its files end."""
        ...

    @property
    def zone(self) -> str | None:
        """Return the zone of the times that it writes, where they are local."""
        ...

    @property
    def service(self) -> Service:
        """Return the kind of subscription that uses it."""
        ...

    @property
    def breaks(self) -> tuple[Broken, ...]:
        """Return what can be wrong with its records."""
        ...

    def usage(self, identifier: str, at_ms: int, draw: Draw) -> Usage:
        """Return some usage that is written at about an instant."""
        ...

    def line(self, usage: Usage) -> bytes:
        """Return the usage as the element writes it, with the end of the line if it has one."""
        ...

    def altered(self, usage: Usage) -> Usage:
        """Return the same record with another quantity: the same identity, in conflict."""
        ...

    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the usage with something wrong with it, with the end of the line."""
        ...
