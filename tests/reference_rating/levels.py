"""Levels over time: what was there of something in a month, and for how long."""

from fractions import Fraction

from tests.reference_rating import months
from tests.reference_rating.clock import day_of, month_of
from tests.reference_rating.numbers import TEN_PLACES, rounded, roundings

NONE = Fraction(0)


def is_level(price):
    """Return whether the records of a price are changes of a level."""
    return price.get("aggregate") in ("time_weighted", "daily")


def grown(counted, event, price, unit, change):
    """Return what a change adds to the average of its month, what it is charged, and what it changes
    of what was charged before."""
    of_level = _average if price["aggregate"] == "time_weighted" else _days
    before, after, cost, added = of_level(counted, event, price, unit, change)
    charged = counted.month(event, "charged units")

    def amount(level, reached=None):
        if not _any(level):
            return NONE
        found = months.adjusted(price, cost(level, reached or level), unit)
        return rounded(found, roundings(price))

    grows, restated = NONE, NONE
    falls = change < 0 or (price["aggregate"] == "daily" and amount(after) < amount(before))
    if falls:
        restated = amount(after) - counted[charged]
    elif price["model"] == "volume" and price["aggregate"] != "daily":
        restated = amount(before, after) - counted[charged]
        grows = amount(after) - amount(before, after)
    else:
        grows = amount(after) - amount(before)
    counted[charged] += grows + restated
    return added, grows, restated


def _rest(average):
    """Return an average as it is billed: less than nothing is nothing."""
    return rounded(max(average, NONE), TEN_PLACES)


def _any(level):
    return any(each > 0 for each in level)


def _average(counted, event, price, unit, change):
    """Return the average of the level in the month, before and after a change from its instant on."""
    start_ms, end_ms = month_of(event["started_ms"], event["zone"])
    added = change * Fraction(end_ms - event["started_ms"], end_ms - start_ms)
    key = counted.month(event, "units")
    before = counted[key]
    counted[key] = before + added

    def cost(level, reached):
        return months.month_cost(price, max(level[0], NONE), unit, reached[0])

    return [before], [before + added], cost, _rest(before + added) - _rest(before)


def _days(counted, event, price, unit, change):
    """Return the level of each day of the month, before and after a change from its day on."""
    at_ms, end_ms = month_of(event["started_ms"], event["zone"])
    today_ms, _ = day_of(event["started_ms"], event["zone"])
    before, after = [], []
    while at_ms < end_ms:
        key = counted.month(event, f"level from {at_ms}")
        before.append(counted[key])
        if at_ms >= today_ms:
            counted[key] += change
        after.append(counted[key])
        _, at_ms = day_of(at_ms, event["zone"])
    days = len(before)
    averages = [_rest(sum(max(one, NONE) for one in level) / days) for level in (before, after)]
    added = averages[1] - averages[0]
    counted[counted.month(event, "units")] += added

    def cost(level, reached):
        found = NONE
        for of_day, reached_on_day in zip(level, reached, strict=True):
            if of_day > 0:
                found += (
                    months.month_cost(_without_fees(price), of_day, unit, reached_on_day) / days
                )
        return found + _fees(price, max(level), max(reached), unit)

    return before, after, cost, added


def _without_fees(price):
    if "tiers" not in price:
        return price
    return {**price, "tiers": [{**tier, "fee": "0"} for tier in price["tiers"]]}


def _fees(price, highest, reached, unit):
    """Return the fees that are due once, for the highest level of a day."""
    if "tiers" not in price or highest <= 0:
        return NONE
    only_fees = {
        **price,
        "tiers": [{"amount": "0", **_kept(tier, "upto", "fee")} for tier in price["tiers"]],
    }
    return months.month_cost(only_fees, highest, unit, reached)


def _kept(tier, *names):
    return {name: tier[name] for name in names if name in tier}
