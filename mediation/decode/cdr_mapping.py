"""The rules of 3GPP charging records, as their mapping states them: one rule per type of record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from mediation.decode.cdr_values import INTEGER, KINDS, TIME
from mediation.decode.delimited_mapping import read_decimal
from mediation.decode.document import CODE, Part, refuse_unknown
from mediation.decode.written_number import is_number, remove_and_strip, text_keys

KEYS = ("records", "ignore")
_REQUIRED = ("tag", "fields", "started_at", "identity", "identifiers", "product", "quantities")
_OPTIONAL = (
    "list",
    "identity_needs",
    "usage_kind",
    "ended_at",
    "origin",
    "destination",
    "service_class",
    "attributes",
    "ignore",
)
RECORD_KEYS = (*_REQUIRED, *_OPTIONAL)
_MOST_TAG = 2**20
_TAG = re.compile(r"[0-9]{1,7}(\.[0-9]{1,7}){0,3}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

Path = tuple[int, ...]
"""Numbers of context-specific tags, from the outside in."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a record, or of each member of its list."""

    name: str
    path: Path
    kind: str  # one of `KINDS`
    milliseconds: Path | None = None  # of a time: where the part of its second stands
    of_member: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity: a constant, the sum of some fields, or the time between two of them."""

    unit: str
    fields: tuple[str, ...]
    constant: Decimal | None = None
    factor: Decimal | None = None
    optional: bool = False
    ends: str | None = None  # then ``fields`` is the one it begins with


@dataclass(frozen=True, slots=True)
class Text:
    """A text: of the first of some fields, without the first of ``strip`` it begins with."""

    fields: tuple[str, ...]
    strip: tuple[str, ...] = ()
    number: ClassVar[bool] = True  # no field: those decide what makes two records the same

    @property
    def remove(self) -> tuple[str, ...]:
        """Return the characters that are taken out before, wherever they stand."""
        return ()


@dataclass(frozen=True, slots=True)
class RemovingText(Text):
    """A text of which some characters are taken out: a kind of its own, as for CloudEvents."""

    removed: tuple[str, ...] = ()

    @property
    def remove(self) -> tuple[str, ...]:
        """Return the characters that are taken out before, wherever they stand."""
        return self.removed


class AddressText(Text):
    """A text that is no number, as for CloudEvents."""

    number: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Product:
    """A product, the same for each record or by the text of a field."""

    constant: str | None
    field: str | None = None
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordRule:
    """What a record of one type is."""

    name: str
    tag: int
    fields: tuple[Field, ...]
    list_path: Path | None
    member_fields: tuple[Field, ...]
    split_by: tuple[str, ...]  # fields of the list: an event for each value of the first there is
    started_at: tuple[str, ...]
    ended_at: tuple[str, ...]
    identity: tuple[str, ...]
    identity_needs: tuple[str, ...]  # of these, those without which two records look like one
    identifiers: tuple[str, ...]
    product: Product
    usage_kind: str
    quantities: tuple[Quantity, ...]
    origin: Text | None
    destination: Text | None
    service_class: Text | None
    attributes: tuple[tuple[str, str], ...]
    ignore: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class CdrMapping:
    """Which records of a network element are usage, and how."""

    name: str
    version: int
    digest: str
    records: tuple[RecordRule, ...]
    ignore: tuple[int, ...]  # tags of records that are left out


def cdr_mapping(
    root: Part, fields: dict[str, Part], *, name: str, version: int, digest: str
) -> CdrMapping:
    """Return the rules; what is wrong is noted at its line."""
    refuse_unknown(fields, KEYS)
    if "records" not in fields:
        root.problem("a key records", found="none")
    parts = fields["records"].fields("a mapping of records") if "records" in fields else {}
    if "records" in fields and not parts:
        fields["records"].problem("at least one type of record", found="none")
    rules: list[RecordRule] = []
    for record_name, part in parts.items():
        if not CODE.fullmatch(record_name):
            part.problem("a name of a-z, 0-9, '-', '_' and '.'", found=repr(record_name))
        rule = _Record(part, record_name).rule()
        if rule.tag in [other.tag for other in rules]:
            part.problem("each tag once", found=f"{rule.tag} a second time")
        rules.append(rule)
    ignored = fields["ignore"].parts("a list of tags") if "ignore" in fields else []
    return CdrMapping(
        name=name,
        version=version,
        digest=digest,
        records=tuple(rules),
        ignore=tuple(_tag(part) for part in ignored),
    )


class _Record:
    """One type of record while it is read: the fields that its other keys may name."""

    def __init__(self, part: Part, name: str) -> None:
        self._part = part
        self._name = name
        self._keys = part.known(required=_REQUIRED, optional=_OPTIONAL)
        keys = self._keys
        listed = (
            keys["list"].known(required=["tag", "fields"], optional=["by"])
            if "list" in keys
            else {}
        )
        self._list = listed
        self.fields = _fields(keys["fields"], of_member=False) if "fields" in keys else ()
        self.members = _fields(listed["fields"], of_member=True) if "fields" in listed else ()
        self._known: Mapping[str, Field] = {
            field.name: field for field in (*self.members, *self.fields)
        }
        if len(self._known) < len(self.fields) + len(self.members):
            part.problem("each field once, of the record and of its list together")
        self._list_path = _path(listed["tag"]) if "tag" in listed else None
        of_record = _paths_of(self.fields) | ({self._list_path} if self._list_path else set())
        for paths in (of_record, _paths_of(self.members)):
            clash = _paths_clash(paths - {()})
            if clash is not None:
                part.problem("no field inside another", found=".".join(map(str, clash)))
        if self._list_path in _paths_of(self.fields):
            part.problem("no field at the tag of the list")

    def rule(self) -> RecordRule:
        keys = self._keys
        by = self._list["by"].parts("a list of fields") if "by" in self._list else []
        split_by = tuple(self._field(each) for each in by)
        if not all(self._of_member(name) for name in split_by):
            self._list["by"].problem("fields of the list")
        attributes = keys["attributes"].fields() if "attributes" in keys else {}
        for name, part in attributes.items():
            if not CODE.fullmatch(name):
                part.problem("a name of a-z, 0-9, '-', '_' and '.'", found=repr(name))
        units = keys["quantities"].fields("a mapping of units") if "quantities" in keys else {}
        if "quantities" in keys and not units:
            keys["quantities"].problem("at least one unit", found="none")
        ignore = keys["ignore"].fields("a mapping of fields") if "ignore" in keys else {}
        for name, part in ignore.items():
            if name not in self._known or self._of_member(name):
                part.problem("a field of the record", found=repr(name))
        started, ended = self._times("started_at"), self._times("ended_at")
        for name in set(started) & set(ended):
            if self._of_member(name):
                # Of many members the first time begins the usage, the last one ends it.
                keys["ended_at"].problem("another field of the list than started_at has")
        identity = self._names("identity")
        if any(self._of_member(name) for name in identity):
            keys["identity"].problem("fields of the record")
        needs = self._names("identity_needs")
        if any(name not in identity for name in needs):
            keys["identity_needs"].problem("fields of the identity")
        return RecordRule(
            name=self._name,
            tag=_tag(keys["tag"]) if "tag" in keys else 0,
            fields=self.fields,
            list_path=self._list_path,
            member_fields=self.members,
            split_by=split_by,
            started_at=started,
            ended_at=ended,
            identity=identity,
            identity_needs=needs,
            identifiers=self._names("identifiers"),
            product=self._product(keys["product"]) if "product" in keys else Product(""),
            usage_kind=keys["usage_kind"].usage_kind() if "usage_kind" in keys else "event",
            quantities=tuple(
                self._quantity(unit, part, split=bool(split_by)) for unit, part in units.items()
            ),
            origin=self._text("origin"),
            destination=self._text("destination"),
            service_class=self._text("service_class"),
            attributes=tuple((name, self._field(part)) for name, part in attributes.items()),
            ignore=tuple((name, tuple(part.texts())) for name, part in ignore.items()),
        )

    def _of_member(self, name: str) -> bool:
        field = self._known.get(name)
        return field is not None and field.of_member

    def _field(self, part: Part, kind: str | None = None) -> str:
        known = [name for name, field in self._known.items() if kind in (None, field.kind)]
        expected = f"one of the fields {', '.join(known)}"
        text = part.text(expected)
        if text and text not in known:
            part.problem(expected)
        return text

    def _names(self, key: str, kind: str | None = None) -> tuple[str, ...]:
        if key not in self._keys:
            return ()
        parts = self._keys[key].parts("a list of fields")
        if not parts:
            self._keys[key].problem("at least one field", found="an empty list")
        return tuple(self._field(part, kind) for part in parts)

    def _times(self, key: str) -> tuple[str, ...]:
        return self._names(key, TIME)

    def _text(self, key: str) -> Text | None:
        if key not in self._keys:
            return None
        part = self._keys[key]
        if part.is_text or part.is_list:
            return Text(self._names(key))
        keys = part.known(required=["field"], optional=text_keys(key))
        parts = keys["field"].parts("a list of fields") if "field" in keys else []
        fields = tuple(self._field(each) for each in parts)
        remove, strip = remove_and_strip(keys)
        if not is_number(keys):
            return AddressText(fields, strip)
        return RemovingText(fields, strip, remove) if remove else Text(fields, strip)

    def _product(self, part: Part) -> Product:
        if part.is_text:
            return Product(part.code())
        keys = part.known(required=["field", "table"], optional=["otherwise"])
        table = keys["table"].fields("a mapping of texts to codes") if "table" in keys else {}
        return Product(
            keys["otherwise"].code() if "otherwise" in keys else None,
            self._field(keys["field"]) if "field" in keys else None,
            tuple((text, each.code()) for text, each in table.items()),
        )

    def _quantity(self, unit: str, part: Part, *, split: bool) -> Quantity:
        if part.is_text:
            return Quantity(unit, self._counted([part], split=split))
        keys = part.known(optional=["sum", "constant", "from", "to", "multiply_by", "optional"])
        ways = [way for way in ("sum", "constant", "from") if way in keys]
        if len(ways) != 1 or ("from" in keys) != ("to" in keys):
            part.problem("one of sum, constant, or from and to", found=" and ".join(keys) or "none")
            return Quantity(unit, ())
        factor = read_decimal(keys["multiply_by"]) if "multiply_by" in keys else None
        optional = "optional" in keys and keys["optional"].choice(("yes", "no")) == "yes"
        if "constant" in keys:
            return Quantity(unit, (), constant=read_decimal(keys["constant"]))
        if "from" in keys:
            begins, ends = self._field(keys["from"], TIME), self._field(keys["to"], TIME)
            if self._of_member(begins) or self._of_member(ends):
                part.problem("times of the record")
            return Quantity(unit, (begins,), factor=factor, optional=optional, ends=ends)
        fields = self._counted(keys["sum"].parts("a list of fields"), split=split)
        return Quantity(unit, fields, factor=factor, optional=optional)

    def _counted(self, parts: list[Part], *, split: bool) -> tuple[str, ...]:
        names = tuple(self._field(part, INTEGER) for part in parts)
        for name, part in zip(names, parts, strict=True):
            if split and name in self._known and not self._of_member(name):
                part.problem(
                    "a field of the list: one of the whole record would count in each of its events"
                )
        return names


def _fields(part: Part, *, of_member: bool) -> tuple[Field, ...]:
    fields: list[Field] = []
    for name, each in part.fields("a mapping of fields").items():
        if not _NAME.fullmatch(name):
            each.problem("a name of a-z, 0-9 and '_'", found=repr(name))
        keys = each.known(required=["tag", "is"], optional=["milliseconds"])
        kind = keys["is"].choice(tuple(KINDS)) if "is" in keys else INTEGER
        if "milliseconds" in keys and kind != TIME:
            keys["milliseconds"].problem("a field that is a time")
        fields.append(
            Field(
                name=name,
                path=_path(keys["tag"]) if "tag" in keys else (),
                kind=kind,
                milliseconds=_path(keys["milliseconds"]) if "milliseconds" in keys else None,
                of_member=of_member,
            )
        )
    return tuple(fields)


def _paths_clash(paths: set[Path]) -> Path | None:
    """Return a path that another one lies inside of: a value is read whole or looked into."""
    for path in sorted(paths):
        if any(other != path and other[: len(path)] == path for other in paths):
            return path
    return None


def _paths_of(fields: tuple[Field, ...]) -> set[Path]:
    paths = {field.path for field in fields}
    return paths | {field.milliseconds for field in fields if field.milliseconds is not None}


def _tag(part: Part) -> int:
    return part.whole_number(at_least=0, at_most=_MOST_TAG)


def _path(part: Part) -> Path:
    expected = "a tag such as 34, or a path of them such as 7.1"
    text = part.text(expected)
    if text and not _TAG.fullmatch(text):
        part.problem(expected)
        return ()
    return tuple(int(number) for number in text.split(".")) if text else ()
