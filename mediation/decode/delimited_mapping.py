"""The rules of a delimited text, as its mapping states them: columns by name."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from mediation.decode.document import CODE, Part, refuse_unknown
from mediation.decode.local_time import (
    TimeFormat,
    epoch_time,
    iso_time,
    pattern_time,
    wall_clock,
)
from mediation.decode.written_number import is_number, remove_and_strip, text_keys
from schemas.decimals import parse_decimal

ROW = "row"
_REQUIRED = ("columns", "times", "started_at", "identity", "identifiers", "quantities", "product")
_OPTIONAL = (
    "delimiter",
    "quote",
    "encoding",
    "header",
    "optional_columns",
    "ended_at",
    "usage_kind",
    "origin",
    "destination",
    "service_class",
    "attributes",
    "allowed",
    "ignore",
    "content",
)
KEYS = (*_REQUIRED, *_OPTIONAL)

_NAMED_FORMATS = {"iso": iso_time, "epoch_s": epoch_time(1000), "epoch_ms": epoch_time(1)}


@dataclass(frozen=True, slots=True)
class LearnZone:
    """How a row tells the offset of its own wall clock: by an instant in another column."""

    column: str
    pattern: re.Pattern[str]  # one group: the whole seconds since 1970
    against: str
    within_ms: int


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """One quantity: of a column, or the same for every row."""

    unit: str
    column: str | None
    constant: Decimal | None = None
    factor: Decimal | None = None
    optional: bool = False
    signed: bool = False  # below zero it is a correction, and not refused


@dataclass(frozen=True, slots=True)
class TextRule:
    """A text of a column, without ``remove``, then the first of ``strip`` that it begins with."""

    column: str
    remove: tuple[str, ...] = ()  # characters, wherever they stand
    strip: tuple[str, ...] = ()
    number: bool = True  # else an address: separators among its digits are part of it


@dataclass(frozen=True, slots=True)
class ProductRule:
    """The product: the same for every row, or by the text of a column."""

    constant: str | None
    column: str | None = None
    table: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DelimitedMapping:
    """Everything that a delimited format leaves to its writer."""

    name: str
    version: int
    digest: str
    delimiter: str
    quote: str | None
    encoding: str
    by_header: bool  # the order of the columns stands in the file's first line
    columns: tuple[str, ...]
    optional_columns: tuple[str, ...]
    time_formats: tuple[TimeFormat, ...]
    zone: str | None
    learn_zone: LearnZone | None
    started_at: tuple[str, ...]
    ended_at: tuple[str, ...]
    identity: tuple[tuple[str, ...], ...]
    identity_of_row: bool
    identifiers: tuple[str, ...]
    product: ProductRule
    usage_kind: str
    quantities: tuple[QuantityRule, ...]
    origin: TextRule | None
    destination: TextRule | None
    service_class: TextRule | None
    attributes: tuple[tuple[str, str], ...]
    allowed: tuple[tuple[str, frozenset[str]], ...]
    ignore: tuple[tuple[str, frozenset[str]], ...]
    content: tuple[str, ...]


def delimited_mapping(
    root: Part, fields: dict[str, Part], *, name: str, version: int, digest: str
) -> DelimitedMapping:
    """Return the rules; what is wrong is noted at its line."""
    refuse_unknown(fields, KEYS)
    for key in _REQUIRED:
        if key not in fields:
            root.problem(f"a key {key}", found="none")
    return _Reading(fields).mapping(name=name, version=version, digest=digest)


class _Reading:
    """One mapping under reading; it knows the columns, so that a misspelt one is noted."""

    def __init__(self, fields: dict[str, Part]) -> None:
        self._fields = fields
        self._columns: list[str] = []
        for key in ("columns", "optional_columns"):
            for part in fields[key].parts("a list of column names") if key in fields else ():
                column = part.text("a column name")
                if column in self._columns:
                    part.problem("each column once", found=f"{column!r} a second time")
                self._columns.append(column)
        self._required = len(fields["columns"].parts()) if "columns" in fields else 0

    def mapping(self, *, name: str, version: int, digest: str) -> DelimitedMapping:
        fields = self._fields
        times = self._times()
        product = self._product()
        quantities = self._quantities()
        identity, of_row = self._identity()
        started_at = self._column_list("started_at")
        identifiers = self._column_list("identifiers")
        texts = {key: self._text(key) for key in ("origin", "destination", "service_class")}
        attributes = self._attributes()
        read = {*started_at, *identifiers, *(column for _, column in attributes)}
        read |= {rule.column for rule in quantities if rule.column}
        read |= {rule.column for rule in texts.values() if rule}
        read |= {product.column} if product.column else set()
        return DelimitedMapping(
            name=name,
            version=version,
            digest=digest,
            delimiter=self._delimiter(),
            quote=self._quote(),
            encoding=self._choice("encoding", ("utf-8", "latin-1")),
            by_header=self._choice("header", ("none", "line")) == "line",
            columns=tuple(self._columns[: self._required]),
            optional_columns=tuple(self._columns[self._required :]),
            time_formats=times[0],
            zone=times[1],
            learn_zone=times[2],
            started_at=started_at,
            ended_at=self._column_list("ended_at"),
            identity=identity,
            identity_of_row=of_row,
            identifiers=identifiers,
            product=product,
            usage_kind=fields["usage_kind"].usage_kind() if "usage_kind" in fields else "event",
            quantities=quantities,
            origin=texts["origin"],
            destination=texts["destination"],
            service_class=texts["service_class"],
            attributes=attributes,
            allowed=self._values("allowed"),
            ignore=self._values("ignore"),
            content=self._content(read, quantities),
        )

    def _column(self, part: Part) -> str:
        column = part.text("a column name")
        if column and column not in self._columns:
            part.problem(f"one of the columns {', '.join(self._columns)}")
        return column

    def _column_list(self, key: str) -> tuple[str, ...]:
        if key not in self._fields:
            return ()
        parts = self._fields[key].parts("a list of column names")
        if not parts and key in _REQUIRED:
            self._fields[key].problem("at least one column", found="an empty list")
        return tuple(self._column(part) for part in parts)

    def _choice(self, key: str, options: tuple[str, ...]) -> str:
        return self._fields[key].choice(options) if key in self._fields else options[0]

    def _delimiter(self) -> str:
        if "delimiter" not in self._fields:
            return ","
        part = self._fields["delimiter"]
        text = {"tab": "\t"}.get(part.text(), part.text())
        if len(text) != 1 or not text.isascii() or text in '\n\r\0"':
            part.problem("one ASCII character, or tab")
            return ","
        return text

    def _quote(self) -> str | None:
        if "quote" not in self._fields:
            return '"'
        part = self._fields["quote"]
        text = part.text("one character, or none")
        if text == "none":
            return None
        if len(text) != 1 or not text.isascii() or text in "\n\r\0":
            part.problem("one ASCII character, or none")
            return '"'
        return text

    def _times(self) -> tuple[tuple[TimeFormat, ...], str | None, LearnZone | None]:
        if "times" not in self._fields:
            return (), None, None
        times = self._fields["times"].known(required=["formats"], optional=["zone", "learn_zone"])
        formats = []
        for part in times["formats"].parts() if "formats" in times else ():
            text = part.text()
            found = _NAMED_FORMATS.get(text) or pattern_time(text)
            if found is None:
                part.problem("iso, epoch_s, epoch_ms, or a pattern of %Y %m %d %H %M and maybe %S")
            else:
                formats.append(found)
        zone = times["zone"].text("an IANA zone") if "zone" in times else None
        if zone and wall_clock(zone) is None:
            times["zone"].problem("an IANA zone such as Europe/Berlin")
        learn = self._learn_zone(times["learn_zone"]) if "learn_zone" in times else None
        return tuple(formats), zone, learn

    def _learn_zone(self, part: Part) -> LearnZone:
        fields = part.known(required=["column", "pattern", "against"], optional=["within_s"])
        within_s = (
            fields["within_s"].whole_number(at_least=0, at_most=300)
            if ("within_s" in fields)
            else 10
        )
        return LearnZone(
            column=self._column(fields["column"]) if "column" in fields else "",
            pattern=_pattern(fields["pattern"]) if "pattern" in fields else re.compile("()"),
            against=self._column(fields["against"]) if "against" in fields else "",
            within_ms=within_s * 1000,
        )

    def _identity(self) -> tuple[tuple[tuple[str, ...], ...], bool]:
        if "identity" not in self._fields:
            return (), False
        part = self._fields["identity"]
        ways: list[tuple[str, ...]] = []
        of_row = False
        for way in part.parts("a list of lists of columns, the last may be row"):
            if of_row:
                way.problem("nothing after row: it always holds")
            elif way.is_text and way.text() == ROW:
                of_row = True
            else:
                ways.append(tuple(self._column(column) for column in way.parts()))
        if not ways and not of_row:
            part.problem("columns that identify a record, or row", found="nothing")
        return tuple(ways), of_row

    def _product(self) -> ProductRule:
        if "product" not in self._fields:
            return ProductRule("")
        part = self._fields["product"]
        if part.is_text:
            return ProductRule(part.code())
        fields = part.known(required=["column", "table"], optional=["otherwise"])
        table = fields["table"].fields() if "table" in fields else {}
        return ProductRule(
            constant=fields["otherwise"].code() if "otherwise" in fields else None,
            column=self._column(fields["column"]) if "column" in fields else "",
            table=tuple((text, code.code()) for text, code in table.items()),
        )

    def _quantities(self) -> tuple[QuantityRule, ...]:
        if "quantities" not in self._fields:
            return ()
        rules = []
        for unit, part in self._fields["quantities"].fields("a mapping of units").items():
            rules.append(self._quantity(unit, part))
        if not rules:
            self._fields["quantities"].problem("at least one unit", found="none")
        return tuple(rules)

    def _quantity(self, unit: str, part: Part) -> QuantityRule:
        if part.is_text:
            return QuantityRule(unit, self._column(part))
        fields = part.known(
            optional=["column", "constant", "multiply_by", "optional", "below_zero"]
        )
        if ("column" in fields) == ("constant" in fields):
            part.problem("either column or constant", found="both or neither")
        return QuantityRule(
            unit,
            self._column(fields["column"]) if "column" in fields else None,
            constant=read_decimal(fields["constant"]) if "constant" in fields else None,
            factor=read_decimal(fields["multiply_by"]) if "multiply_by" in fields else None,
            optional="optional" in fields and fields["optional"].choice(("yes", "no")) == "yes",
            signed="below_zero" in fields
            and fields["below_zero"].choice(("keep", "refuse")) == "keep",
        )

    def _text(self, key: str) -> TextRule | None:
        if key not in self._fields:
            return None
        part = self._fields[key]
        if part.is_text:
            return TextRule(self._column(part))
        fields = part.known(required=["column"], optional=text_keys(key))
        return TextRule(
            self._column(fields["column"]) if "column" in fields else "",
            *remove_and_strip(fields),
            number=is_number(fields),
        )

    def _attributes(self) -> tuple[tuple[str, str], ...]:
        if "attributes" not in self._fields:
            return ()
        attributes = []
        for name, part in self._fields["attributes"].fields("a mapping of names").items():
            if not CODE.fullmatch(name):
                part.problem("a name of a-z, 0-9, '-', '_' and '.'", found=repr(name))
            attributes.append((name, self._column(part)))
        return tuple(attributes)

    def _values(self, key: str) -> tuple[tuple[str, frozenset[str]], ...]:
        if key not in self._fields:
            return ()
        rules = []
        for column, part in self._fields[key].fields("a mapping of columns").items():
            if column not in self._columns:
                part.problem(f"one of the columns {', '.join(self._columns)}", found=repr(column))
            rules.append((column, frozenset(part.texts())))
        return tuple(rules)

    def _content(
        self, read: Collection[str], quantities: tuple[QuantityRule, ...]
    ) -> tuple[str, ...]:
        """Return the columns of the content hash: those named, else all that the event is of."""
        if "content" not in self._fields:
            # By name: another order of columns is no other content.
            return tuple(sorted(read))
        named = tuple(sorted(self._column_list("content")))
        missing = {rule.column for rule in quantities if rule.column} - set(named)
        if missing:
            self._fields["content"].problem(
                "every column that a quantity is read from",
                found=f"not {', '.join(sorted(missing))}",
            )
        return named


def _pattern(part: Part) -> re.Pattern[str]:
    try:
        pattern = re.compile(part.text("a regular expression"))
    except re.error as error:
        part.problem("a regular expression", found=f"{error.msg}")
        return re.compile("()")
    if pattern.groups != 1:
        part.problem("one group, around the whole seconds since 1970", f"{pattern.groups}")
    return pattern


def read_decimal(part: Part) -> Decimal:
    """Return the decimal of a value; noted where it is none, or negative."""
    value = parse_decimal(part.text("a decimal number"))
    if value is None or value < 0:
        part.problem("a decimal number, not negative")
        return Decimal(1)
    return value
