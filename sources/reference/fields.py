"""The single values of an account: names, codes, numbers. Each refusal says what was expected."""

from __future__ import annotations

import re
from decimal import Decimal

from schemas.decimals import ZERO, parse_decimal
from sources.reference.instants import EXPECTED, instant_ms, known_zone
from sources.reference.tree import Reader, Value

_MAX_NAME = 128  # characters
_MAX_NUMBER = 1_000_000_000
_CURRENCY = re.compile(r"[A-Z]{3}")
_SCOPE = re.compile(r"account|(product|product_type):[a-z0-9][a-z0-9_.-]{0,63}")


def name_of(reader: Reader, value: Value | None, field: str) -> str | None:
    """Return an id, an identifier, a code or a name."""

    def accept(text: str) -> str | None:
        fits = len(text) <= _MAX_NAME and text == text.strip() and text.isprintable()
        return text if fits else None

    expected = f"1 to {_MAX_NAME} characters on one line, without space around them"
    return reader.read(value, field, expected, accept)


def zone_of(reader: Reader, value: Value | None, field: str) -> str | None:
    """Return the name of a zone that there is."""
    expected = "a zone such as Europe/Berlin"
    return reader.read(value, field, expected, lambda text: text if known_zone(text) else None)


def currency_of(reader: Reader, value: Value | None, field: str) -> str | None:
    """Return the code of a currency."""
    expected = "a currency of three capital letters, such as EUR"
    return reader.read(
        value, field, expected, lambda text: text if _CURRENCY.fullmatch(text) else None
    )


def instant_of(reader: Reader, value: Value | None, field: str, *, zone: str) -> int | None:
    """Return an instant in UTC milliseconds; a date begins in ``zone``."""
    return reader.read(value, field, EXPECTED, lambda text: instant_ms(text, zone=zone))


def scope_of(reader: Reader, value: Value | None, field: str) -> str | None:
    """Return what a limit looks at."""
    expected = "account, product:<code> or product_type:<code>"
    return reader.read(
        value, field, expected, lambda text: text if _SCOPE.fullmatch(text) else None
    )


def amount_of(reader: Reader, value: Value | None, field: str) -> Decimal | None:
    """Return an amount above zero."""

    def accept(text: str) -> Decimal | None:
        amount = parse_decimal(text)
        return amount if amount is not None and amount > ZERO else None

    return reader.read(value, field, "an amount above zero, such as 50.00", accept)


def count_of(reader: Reader, value: Value | None, field: str) -> int | None:
    """Return a number of records, at least one."""

    def accept(text: str) -> int | None:
        is_number = re.fullmatch(r"[1-9][0-9]{0,9}", text) and int(text) <= _MAX_NUMBER
        return int(text) if is_number else None

    return reader.read(value, field, f"a whole number from 1 to {_MAX_NUMBER:,}", accept)
