"""What an allowance may be so many times of."""

from __future__ import annotations

from rating.conditions.names import Name, NameOf

MEMBERS = "members"
"""The subscriptions of the account that share it."""


def name_of(times: str) -> Name:
    """Return the attribute of account or subscription that is the number, of any but `MEMBERS`."""
    of, _, attribute = times.partition(".")
    return Name(NameOf(of), attribute)
