"""The month that a period is, in SQL."""

from __future__ import annotations


def month_of(column: str) -> str:
    """Return the expression for the month of a period, such as 2026-10, in the account's zone.

    A period begins at midnight of that zone: within half a day of it in UTC.
    """
    return f"to_char(({column} AT TIME ZONE 'UTC') + interval '15 days', 'YYYY-MM')"
