"""What every decoder gives: for each item a decoded one, a refusal, or that it is ignored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

import msgspec

from schemas.refusal import RefusalReason, Refused

MAX_TEXT = 256
"""Characters of an id, a number or an attribute; more is a broken record, not a name."""


class DecodedItem(msgspec.Struct, frozen=True, gc=False):
    """One item as its source states it, in our words; whose it is, is not known yet."""

    record_id: str
    identifiers: tuple[str, ...]  # of the subscriber: the first that the reference data knows
    started_at_ms: int | None  # None: the mapping takes the time the broker received it
    ended_at_ms: int | None
    product: str
    usage_kind: str
    quantities: dict[str, Decimal]  # by unit; exact, never negative
    origin: str | None
    destination: str | None
    service_class: str | None
    attributes: dict[str, str]
    content: bytes  # the source fields that decide the charge, self-delimiting
    content_version: int  # of the choice of those fields, 0 to 65,535


class Ignored(NamedTuple):
    """An item that a rule of the mapping leaves out."""

    why: str


Outcome = DecodedItem | Refused | Ignored

Item = tuple[int, bytes, Outcome]
"""Its index in the raw record, from 0; its own bytes; what it is."""


class MadeCompiled(Iterable[Item]):
    """Items that something compiled may make events of while it reads them.

    A base class, not a protocol: whether items are such is asked for every raw record, and an
    `isinstance` by the members of a class took a twelfth of what a record of one event costs.
    """

    @abstractmethod
    def made_compiled(self, maker: object, *about: object) -> list[object] | None:
        """Return what ``maker.items``, of `native.ordinary.Maker`, would return of them; or None:
        nothing compiled reads them. ``about`` is what that takes besides."""


class Decoder(Protocol):
    """A mapping, compiled. Immutable; the same bytes and headers always give the same items."""

    @property
    def name(self) -> str:
        """Return the mapping's name, ``asterisk``."""
        ...

    @property
    def version(self) -> int: ...

    @property
    def names_columns(self) -> bool:
        """Return whether the first line of a file says what its columns are."""
        ...

    @property
    def reads_cdr_files(self) -> bool:
        """Return whether its files are of 3GPP TS 32.297, rather than of lines."""
        ...

    @property
    def digest(self) -> str:
        """Return 16 hex digits of the whole mapping, with what it extends."""
        ...

    def each(self, value: bytes, headers: Mapping[str, bytes]) -> Iterable[Item]:
        """Return the items of `decode` one after the other, for whoever keeps none of them."""
        ...

    def decode(self, value: bytes, headers: Mapping[str, bytes]) -> list[Item]:
        """Return the items of a raw record's value. Never raises, whatever the bytes are."""
        ...


def format_name(decoder: Decoder) -> str:
    """Return ``asterisk@1``: how events and suspense name the mapping that read them."""
    return f"{decoder.name}@{decoder.version}"


def content_of(decoder: Decoder) -> str:
    """Return ``1:8f0c...``, version and digest: how proofs say which mapping it was, to the letter."""
    return f"{decoder.version}:{decoder.digest}"


def check_text(text: str, field: str) -> Refused | None:
    """Return why a text cannot be kept, or None. Postgres stores no NUL."""
    if len(text) > MAX_TEXT:
        return Refused(RefusalReason.INVALID_FIELD, f"{field} has more than {MAX_TEXT} characters")
    if "\0" in text:
        return Refused(RefusalReason.INVALID_FIELD, f"{field} holds a NUL character")
    return None
