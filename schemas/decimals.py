"""Decimals on the wire: plain digits, never an exponent, never a binary float."""

from __future__ import annotations

from decimal import (
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
)

DecimalText = str
"""A decimal as text in plain notation: ``"0.1016666667"``, ``"0.0000000000"``, ``"-3"``."""

ZERO = Decimal(0)

MAX_DIGITS = 28  # before and after the point together; more is an error of the source, not usage


def to_text(value: Decimal) -> DecimalText:
    """Return the digits of ``value`` with its places kept and without an exponent."""
    text = str(value)  # a third of the time of format(), and the same unless it has an exponent
    return text if "E" not in text else format(value, "f")


def parse_decimal(text: str) -> Decimal | None:
    """Return the exact decimal that ``text`` states, or None where it states none.

    Refused: what is not finite, more than `MAX_DIGITS` digits, underscores, surrounding space.
    """
    if not text or text != text.strip() or "_" in text or not text.isascii():
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) + max(exponent, 0) > MAX_DIGITS or -exponent > MAX_DIGITS:
        return None
    return value


# A quantity has up to 28 digits, a price up to 28: their product does not fit the 28 of the
# default context. A hundred do for every sum of products here, and Inexact would tell.
EXACT = Context(
    prec=100, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow, FloatOperation]
)
"""Arithmetic that is exact or raises `decimal.Inexact`: ``EXACT.multiply(a, b)``."""
