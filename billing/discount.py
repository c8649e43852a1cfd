"""A discount of a whole invoice, spread over its lines."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from schemas.decimals import EXACT, ZERO

_ONE = Decimal(1)


def spread(discount: Decimal, lines: Sequence[Decimal], *, unit: Decimal = _ONE) -> list[Decimal]:
    """Return what of a discount falls on each line, in whole ``unit`` (a cent: 0.01); the parts add
    up to the discount exactly, or to the lines where it is larger.

    In proportion to the lines above zero, each part cut off; what is left goes, one unit each, to
    the parts that lost most by that (the largest remainders), the first of equal ones first.
    """
    assert discount >= ZERO
    weights = [max(line, ZERO) for line in lines]
    total = sum(weights, ZERO)
    units = EXACT.divide_int(min(discount, total), unit)
    if not total:
        return [ZERO for _ in lines]
    shares = [EXACT.divmod(EXACT.multiply(units, weight), total) for weight in weights]
    left = int(units - sum((whole for whole, _ in shares), ZERO))
    order = sorted(range(len(lines)), key=lambda place: (-shares[place][1], place))
    more = set(order[:left])
    return [
        EXACT.multiply(whole + (1 if place in more else 0), unit)
        for place, (whole, _) in enumerate(shares)
    ]
