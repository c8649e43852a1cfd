"""How many months a subscription has been there: what is given at its beginning asks for it."""

from __future__ import annotations

from functools import lru_cache

from schemas.period import from_ms, zone_info


@lru_cache(maxsize=4096)
def month_of_subscription(began_ms: int, at_ms: int, *, zone: str) -> int:
    """Return which calendar month of a subscription an instant lies in: 1 is the one in which it
    began, however late in it. ``zone``: of the account."""
    began, at = (from_ms(each_ms).astimezone(zone_info(zone)) for each_ms in (began_ms, at_ms))
    return max((at.year - began.year) * 12 + at.month - began.month, 0) + 1
