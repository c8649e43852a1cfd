"""The rules of CloudEvents, as their mapping states them: one rule per type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from mediation.decode.delimited_mapping import read_decimal
from mediation.decode.document import CODE, Part, refuse_unknown
from mediation.decode.written_number import is_number, remove_and_strip, text_keys

KEYS = ("types", "identifiers", "missing_time")
TYPE_KEYS = (
    "product",
    "usage_kind",
    "quantities",
    "identifiers",
    "ended_at",
    "origin",
    "destination",
    "service_class",
    "attributes",
)
REFUSE = "refuse"
APPEND_TIME = "append_time"

# CloudEvents 1.0: attribute names are of a-z and 0-9.
_PATH = re.compile(r"[a-z0-9]{1,20}|data(\.[^.\s]+)+")

Path = tuple[str, ...]
"""``("subject",)`` or ``("data", "reading", "kwh")``."""


@dataclass(frozen=True, slots=True)
class QuantityPath:
    """One quantity: of a value in the event, or the same for every event."""

    unit: str
    path: Path | None
    constant: Decimal | None = None
    factor: Decimal | None = None
    optional: bool = False
    # No field: those decide what makes two events the same, and taking corrections changes none.
    signed: ClassVar[bool] = False  # below zero it is a correction, and not refused


class SignedPath(QuantityPath):
    """A quantity that may be below zero."""

    signed: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class TextPath:
    """A text of the event, without the first of ``strip`` that it begins with."""

    path: Path
    strip: tuple[str, ...] = ()
    number: ClassVar[bool] = True  # no field, as `QuantityPath.signed`

    @property
    def remove(self) -> tuple[str, ...]:
        """Return the characters that are taken out before, wherever they stand."""
        return ()


@dataclass(frozen=True, slots=True)
class RemovingPath(TextPath):
    """A text of which some characters are taken out.

    A kind of its own: fields decide what makes two events the same, and those of mappings without
    ``remove`` stay what they are.
    """

    removed: tuple[str, ...] = ()

    @property
    def remove(self) -> tuple[str, ...]:
        """Return the characters that are taken out before, wherever they stand."""
        return self.removed


class AddressPath(TextPath):
    """A text that is no number: separators among its digits are part of it."""

    number: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class TypeRule:
    """What an event of one type is."""

    product: str
    usage_kind: str
    quantities: tuple[QuantityPath, ...]
    identifiers: tuple[Path, ...]
    ended_at: Path | None
    origin: TextPath | None
    destination: TextPath | None
    service_class: TextPath | None
    attributes: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True)
class CloudEventsMapping:
    """Everything that CloudEvents leave to their writer."""

    name: str
    version: int
    digest: str
    append_time_if_missing: bool
    types: tuple[tuple[str, TypeRule], ...]


def cloudevents_mapping(
    root: Part, fields: dict[str, Part], *, name: str, version: int, digest: str
) -> CloudEventsMapping:
    """Return the rules; what is wrong is noted at its line."""
    refuse_unknown(fields, KEYS)
    if "types" not in fields:
        root.problem("a key types", found="none")
    identifiers = _paths(fields["identifiers"]) if "identifiers" in fields else (("subject",),)
    types = fields["types"].fields("a mapping of event types") if "types" in fields else {}
    if "types" in fields and not types:
        fields["types"].problem("at least one event type", found="none")
    missing_time = (
        fields["missing_time"].choice((REFUSE, APPEND_TIME)) if "missing_time" in fields else REFUSE
    )
    return CloudEventsMapping(
        name=name,
        version=version,
        digest=digest,
        append_time_if_missing=missing_time == APPEND_TIME,
        types=tuple((event_type, _rule(part, identifiers)) for event_type, part in types.items()),
    )


def _rule(part: Part, identifiers: tuple[Path, ...]) -> TypeRule:
    fields = part.known(
        required=["product", "usage_kind", "quantities"],
        optional=[key for key in TYPE_KEYS if key not in ("product", "usage_kind", "quantities")],
    )
    units = fields["quantities"].fields("a mapping of units") if "quantities" in fields else {}
    attributes = fields["attributes"].fields() if "attributes" in fields else {}
    for name, attribute in attributes.items():
        if not CODE.fullmatch(name):
            attribute.problem("a name of a-z, 0-9, '-', '_' and '.'", found=repr(name))
    return TypeRule(
        product=fields["product"].code() if "product" in fields else "",
        usage_kind=fields["usage_kind"].usage_kind() if "usage_kind" in fields else "",
        quantities=tuple(_quantity(unit, value) for unit, value in units.items()),
        identifiers=_paths(fields["identifiers"]) if "identifiers" in fields else identifiers,
        ended_at=_path(fields["ended_at"]) if "ended_at" in fields else None,
        origin=_text(fields, "origin"),
        destination=_text(fields, "destination"),
        service_class=_text(fields, "service_class"),
        attributes=tuple((name, _path(value)) for name, value in attributes.items()),
    )


def _path(part: Part) -> Path:
    expected = "an attribute such as subject, or a path such as data.reading.kwh"
    text = part.text(expected)
    if text and not _PATH.fullmatch(text):
        part.problem(expected)
    return tuple(text.split("."))


def _paths(part: Part) -> tuple[Path, ...]:
    parts = part.parts("a list of paths")
    if not parts:
        part.problem("at least one path", found="an empty list")
    return tuple(_path(each) for each in parts)


def _quantity(unit: str, part: Part) -> QuantityPath:
    if part.is_text:
        return QuantityPath(unit, _path(part))
    fields = part.known(optional=["path", "constant", "multiply_by", "optional", "below_zero"])
    if ("path" in fields) == ("constant" in fields):
        part.problem("either path or constant", found="both or neither")
    keep = "below_zero" in fields and fields["below_zero"].choice(("keep", "refuse")) == "keep"
    return (SignedPath if keep else QuantityPath)(
        unit,
        _path(fields["path"]) if "path" in fields else None,
        constant=read_decimal(fields["constant"]) if "constant" in fields else None,
        factor=read_decimal(fields["multiply_by"]) if "multiply_by" in fields else None,
        optional="optional" in fields and fields["optional"].choice(("yes", "no")) == "yes",
    )


def _text(fields: dict[str, Part], key: str) -> TextPath | None:
    if key not in fields:
        return None
    part = fields[key]
    if part.is_text:
        return TextPath(_path(part))
    keys = part.known(required=["path"], optional=text_keys(key))
    path = _path(keys["path"]) if "path" in keys else ()
    remove, strip = remove_and_strip(keys)
    if not is_number(keys):
        return AddressPath(path, strip)
    return RemovingPath(path, strip, remove) if remove else TextPath(path, strip)
