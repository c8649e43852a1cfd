"""Allowances whose months may be used later: every month is a bucket of its own."""

from fractions import Fraction

from tests.reference_rating.clock import local, month_of
from tests.reference_rating.numbers import quantity


def months(allowance, event, first_ms):
    """Return the months whose buckets a record may take of, in their order, such as 2026-10."""
    own = f"{local(event['started_ms'], event['zone']):%Y-%m}"
    rolls = allowance.get("rolls_over")
    if rolls is None:
        return [own]
    members = event["members"]
    if allowance.get("shared_by") != "account":
        members = {event["subscription"]: members[event["subscription"]]}
    begun = [first_ms.get(name) if since is None else since for name, since in members.items()]
    found = []
    start_ms, _ = month_of(event["started_ms"], event["zone"])
    for _ in range(int(rolls["months"])):
        end_ms = start_ms
        start_ms, _ = month_of(end_ms - 1, event["zone"])
        month = f"{local(start_ms, event['zone']):%Y-%m}"
        was_there = any(since is not None and since < end_ms for since in begun)
        if was_there and month >= rolls.get("since", ""):
            found.append(month)
    found.reverse()  # what expires first comes first
    return [own, *found] if rolls.get("order") == "current_first" else [*found, own]


def left_of(allowance, event, key, month, counted):
    """Return what a record may still take of a month's bucket."""
    left = allowance["size"] - counted[key]
    rolls = allowance.get("rolls_over", {})
    if not _is_own(event, month) and "upto" in rolls:
        left = min(left, _amount(rolls["upto"], allowance, event) - counted["rolled", *key])
    return max(left, Fraction(0))


def count(event, key, month, taken, counted):
    """Count in a month what is taken of it, and what of that a later one had."""
    counted[key] += taken
    if not _is_own(event, month):
        counted["rolled", *key] += taken


def _is_own(event, month):
    return month == f"{local(event['started_ms'], event['zone']):%Y-%m}"


def _amount(text, allowance, event):
    return Fraction(text) if "amount" in allowance else quantity(text, event["unit"])
