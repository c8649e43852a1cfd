"""Reads values out of a YAML tree and notes everything that is wrong, with its line.

A value that is refused stands as a placeholder, so that the reading goes on to the next error; a
check with errors gives no document, so no placeholder is ever used.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from rating.catalogue.currencies import CURRENCIES
from rating.catalogue.errors import CatalogueError, quoted, suggestion
from rating.catalogue.yaml_tree import Mapping, Node, Scalar, Sequence
from rating.meant import meant_quantity
from rating.units import convert, convertible
from schemas.decimals import parse_decimal

CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_QUANTITY = re.compile(r"(?:([0-9.]+) )?([A-Za-z][A-Za-z0-9_-]*)")

MAX_PRICE_DIGITS = 24  # more is a slip of the pen, and keeps every product within exact reach

EnumT = TypeVar("EnumT", bound=StrEnum)
_ONE = Decimal(1)
_MOST_LISTED = 30  # names in an error


class YesNo(StrEnum):
    """Whether something is so."""

    YES = "yes"
    NO = "no"


class Reader:
    """One file under reading."""

    def __init__(self, file: str, errors: list[CatalogueError]) -> None:
        self.file = file
        self.errors = errors

    def complain(self, at: Node, field: str, *, expected: str, found: str) -> None:
        """Note one error at the line of a node."""
        self.errors.append(CatalogueError(self.file, at.line, field, expected, found))

    def entries(self, node: Node, field: str) -> Iterator[tuple[Scalar, Node]]:
        """Yield the entries of a mapping whose keys are codes; each code once."""
        if not isinstance(node, Mapping):
            self.complain(node, field, expected="a mapping of codes", found=_kind(node))
            return
        seen: dict[str, int] = {}
        for key, value in node.entries:
            if key.text in seen:
                self._complain_twice(key, field, seen[key.text])
                continue
            seen[key.text] = key.line
            if not CODE.fullmatch(key.text):
                self.complain(
                    key,
                    field,
                    expected="a code of a-z, 0-9, '-', '_' and '.'",
                    found=quoted(key.text),
                )
                continue
            yield key, value

    def record(
        self,
        node: Node,
        field: str,
        *,
        required: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> dict[str, Node] | None:
        """Return the values of a mapping with these keys, or None where it is none. Missing and
        unknown keys are noted; a missing one is not in the result."""
        if not isinstance(node, Mapping):
            self.complain(
                node,
                field or "(file)",
                expected=f"a mapping with {_listed(required or optional)}",
                found=_kind(node),
            )
            return None
        known = [*required, *optional]
        values: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for key, value in node.entries:
            if key.text in lines:
                self._complain_twice(key, field, lines[key.text])
                continue
            lines[key.text] = key.line
            if key.text in known:
                values[key.text] = value
            else:
                self.complain(
                    key,
                    f"{field}.{key.text}" if field else key.text,
                    expected=f"one of the keys {_listed(known)}",
                    found=f"the unknown key {quoted(key.text)}{suggestion(key.text, known)}",
                )
        self.require(node, field, values, required)
        return values

    def require(
        self, node: Node, field: str, values: Collection[str], required: Collection[str]
    ) -> None:
        """Note each key that is needed and is not among those of a mapping."""
        for key_name in required:
            if key_name not in values:
                self.complain(
                    node,
                    f"{field}.{key_name}" if field else key_name,
                    expected=f"the key {key_name}",
                    found="no such key",
                )

    def _complain_twice(self, key: Scalar, field: str, first_line: int) -> None:
        self.complain(
            key,
            f"{field}.{key.text}" if field else key.text,
            expected="each key once",
            found=f"{quoted(key.text)} again, first on line {first_line}",
        )

    def items(self, node: Node | None, field: str) -> tuple[Node, ...]:
        """Return the items of a list that holds at least one."""
        if node is None:
            return ()
        if not isinstance(node, Sequence) or not node.items:
            self.complain(node, field, expected="a list of at least one", found=_kind(node))
            return ()
        return node.items

    def text(self, node: Node | None, field: str, *, expected: str = "a text") -> str:
        """Return a text that is not empty."""
        if node is None:
            return ""
        if not isinstance(node, Scalar) or not node.text.strip():
            self.complain(node, field, expected=expected, found=_kind(node))
            return ""
        return node.text.strip()

    def known(self, node: Node | None, field: str, *, among: Collection[str], what: str) -> str:
        """Return a code that is among those declared."""
        if node is None:
            return ""
        code = self.text(node, field, expected=what)
        if code and code not in among:
            found = quoted(code) + suggestion(code, among)
            self.complain(node, field, expected=f"{what}: {_listed(among)}", found=found)
            return ""
        return code

    def choice(self, node: Node | None, field: str, options: type[EnumT], default: EnumT) -> EnumT:
        """Return one of the options; the default where the key is not there."""
        if node is None:
            return default
        names = [option.name.lower() for option in options]
        text = self.text(node, field, expected=_listed(names))
        if text and text not in names:
            found = quoted(text) + suggestion(text, names)
            self.complain(node, field, expected=_listed(names), found=found)
        return options[text.upper()] if text in names else default

    def currency(self, node: Node | None, field: str) -> str:
        """Return an ISO 4217 code."""
        if node is None:
            return ""
        expected = "a currency of ISO 4217, such as EUR"
        text = self.text(node, field, expected=expected)
        if text and text not in CURRENCIES:
            self.complain(node, field, expected=expected, found=quoted(text))
        return text

    def amount(self, node: Node | None, field: str) -> Decimal:
        """Return a decimal of zero or more, exactly as it is written."""
        return self._decimal(node, field, expected="an amount such as 0.0150", zero_is_fine=True)

    def percent(self, node: Node | None, field: str) -> Decimal:
        """Return a percentage of zero or more, exactly as it is written: 10 is ten percent."""
        return self._decimal(node, field, expected="a percent such as 10", zero_is_fine=True)

    def whole(self, node: Node | None, field: str, *, least: int, most: int) -> int:
        """Return a whole number in [least, most]."""
        if node is None:
            return least
        expected = f"a whole number from {least} to {most}"
        text = self.text(node, field, expected=expected)
        if not text:
            return least
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            self.complain(node, field, expected=expected, found=quoted(text))
            return least
        return int(text)

    def _decimal(
        self, node: Node | None, field: str, *, expected: str, zero_is_fine: bool
    ) -> Decimal:
        if node is None:
            return _ONE
        text = self.text(node, field, expected=expected)
        value = number(text)
        if value is None or not (value or zero_is_fine):
            if text:
                self.complain(node, field, expected=expected, found=quoted(text))
            return _ONE
        return value

    def quantity(self, node: Node | None, field: str, *, unit: str) -> Decimal:
        """Return a quantity above zero such as ``10 GB`` or ``GB``, in ``unit``; exact.

        A number alone is in ``unit``.
        """
        if node is None:
            return _ONE
        expected = f"a quantity above zero that {unit} measures, such as '10 {unit}'"
        text = self.text(node, field, expected=expected)
        if not text or not unit:
            return _ONE
        value, name = number(text), unit
        if value is None and (match := _QUANTITY.fullmatch(text)):
            value, name = number(match[1] or "1"), match[2]
        if not value or not convertible(name, to=unit):
            found = quoted(text) + meant_quantity(text, unit=unit)
            self.complain(node, field, expected=expected, found=found)
            return _ONE
        return convert(value, name, to=unit)

    def date(self, node: Node | None, field: str) -> dt.date | None:
        """Return a date; None where the key is not there."""
        if node is None:
            return None
        expected = "a date such as 2026-10-01"
        text = self.text(node, field, expected=expected)
        value = date_of(text)
        if value is None and text:
            self.complain(node, field, expected=expected, found=quoted(text))
        return value


class Entry(NamedTuple):
    """One code of one section, wherever it stands."""

    reader: Reader
    code: str
    node: Node
    field: str


def number(text: str) -> Decimal | None:
    """Return the decimal that digits with at most one point state, exactly; else None."""
    if not _NUMBER.fullmatch(text) or len(text) > MAX_PRICE_DIGITS:
        return None
    return parse_decimal(text)


def date_of(text: str) -> dt.date | None:
    """Return the date that ``2026-10-01`` states; else None."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    return quoted(node.text)


def _listed(names: Collection[str]) -> str:
    shown = [str(name) for name in names]
    if not shown:
        return "(none is declared)"
    if len(shown) > _MOST_LISTED:
        return ", ".join(shown[:_MOST_LISTED]) + ", ..."
    return ", ".join(shown)
