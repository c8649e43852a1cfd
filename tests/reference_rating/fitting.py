"""Which allowances a record may take of, and how large they are: asked at the time of the usage."""

import re
from fractions import Fraction

from tests.reference_rating import rolled
from tests.reference_rating.clock import day_of, local, month_of
from tests.reference_rating.conditions import holds
from tests.reference_rating.looked_up import Refused
from tests.reference_rating.numbers import quantity

NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def fitted(catalogue, plan, names, event, unit, first_ms):
    """Return a plan with allowances as they are for a record: each has its months, and its size.

    ``first_ms``: when the first usage of each subscription so far was.
    """
    found = dict(plan["allowances"])
    for name in names:
        allowance = found[name]
        if not _is_for(catalogue, allowance, event):
            found[name] = {**allowance, "size": Fraction(0), "months": []}
            continue
        size = allowance.get("amount")
        size = quantity(allowance["units"], unit) if size is None else Fraction(size)
        size *= _times(allowance, event)
        found[name] = {
            **allowance,
            "size": size,
            "months": rolled.months(allowance, event, first_ms),
        }
    return {**plan, "allowances": found}


def _is_for(catalogue, allowance, event):
    day = local(event["started_ms"], event["zone"]).date().isoformat()
    if day < allowance.get("valid_from", day) or day >= allowance.get("valid_to", "9999"):
        return False
    for bands, wanted in allowance.get("only_in", {}).items():
        if catalogue.clock.band(bands, event["started_ms"], event["zone"]) not in wanted:
            return False
    return holds(allowance.get("when"), event)


def _times(allowance, event):
    """Return how many times an allowance is its units."""
    stated = allowance.get("times")
    if stated is None:
        return 1
    if stated == "members":
        return _members(allowance, event)
    whose, _, name = stated.partition(".")
    text = event["account" if whose == "account" else "of"].get(name, "")
    if not NUMBER.fullmatch(text):
        raise Refused("rating.missing_attribute")
    return Fraction(text)


def _members(allowance, event):
    """Return how many subscriptions were on the plan in some part of the month or the day."""
    of_period = day_of if allowance.get("every") == "day" else month_of
    _, end_ms = of_period(event["started_ms"], event["zone"])
    return sum(since is None or since < end_ms for since in event["members"].values())
