"""Exact numbers out of what a source wrote."""

from __future__ import annotations

from decimal import Decimal

from schemas.decimals import EXACT, MAX_DIGITS, ZERO, parse_decimal
from schemas.refusal import RefusalReason, Refused

PLAIN_DIGITS = 18  # so many digits are certainly within `MAX_DIGITS`
_ONE = Decimal(1)


def quantity_of(text: str, *, field: str, signed: bool = False) -> Decimal | Refused:
    """Return the quantity that ``text`` states, without an exponent; see `exact_quantity`."""
    if text.isdigit() and text.isascii() and len(text) <= PLAIN_DIGITS:
        return Decimal(text)
    if not text:
        return Refused(RefusalReason.MISSING_FIELD, f"{field} is empty")
    value = parse_decimal(text)
    if value is None:
        return Refused(
            RefusalReason.INVALID_FIELD,
            f"{field} is not a number of at most {MAX_DIGITS} digits",
        )
    return exact_quantity(value, field=field, signed=signed)


def exact_quantity(value: Decimal, *, field: str, signed: bool = False) -> Decimal | Refused:
    """Return a decimal within `MAX_DIGITS` as a quantity without an exponent; not negative unless
    it is ``signed``."""
    if value < ZERO and not signed:
        return Refused(RefusalReason.NEGATIVE_QUANTITY, f"{field} is negative")
    _, _, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if exponent > 0:
        value = EXACT.quantize(value, _ONE)
    return value if value < ZERO else value.copy_abs()  # a source may write -0


def scaled(
    value: Decimal, factor: Decimal, *, field: str, signed: bool = False
) -> Decimal | Refused:
    """Return ``value * factor``, every digit of it; refused where it has too many."""
    product = EXACT.multiply(value, factor)
    if parse_decimal(format(product, "f")) is None:
        return Refused(
            RefusalReason.INVALID_FIELD, f"{field} in our unit has more than {MAX_DIGITS} digits"
        )
    return exact_quantity(product, field=field, signed=signed)
