"""Percentiles of the samples of a month: all samples are sorted, and counted off."""

import math
from collections import defaultdict
from fractions import Fraction

from tests.reference_rating.clock import day_of, month_of
from tests.reference_rating.looked_up import Refused
from tests.reference_rating.numbers import to_multiple

NONE = Fraction(0)


def is_sampled(price):
    """Return whether a price is of a percentile."""
    return isinstance(price.get("aggregate"), dict)


def direction_of(event, price):
    """Return `in` or `out`; nothing of a price that asks for no direction."""
    rule = price["aggregate"]
    if "direction_by" not in rule:
        return ""
    direction = event["attributes"].get(rule["direction_by"], "")
    if direction not in ("in", "out"):
        raise Refused("rating.missing_attribute")
    return direction


class Samples:
    """The records of all months, by subscription, price and month."""

    def __init__(self):
        self._of = defaultdict(lambda: defaultdict(list))

    def add(self, event, price, units):
        """Add a record to the interval that it began in."""
        start_ms, _ = month_of(event["started_ms"], event["zone"])
        interval = (event["started_ms"] - start_ms) // _length_ms(price["aggregate"])
        of_month = self._of[event["subscription"], event["price"], event["month"]]
        of_month[direction_of(event, price), interval].append(units)

    def months(self):
        """Return all months that have samples."""
        return {month for _, _, month in self._of}

    def are_there(self, subscription, code, month):
        """Return whether a price has samples in a month."""
        return (subscription, code, month) in self._of

    def units(self, price, subscription, code, month, days, zone):
        """Return the units of a month that have the price. ``days``: on which it was theirs."""
        rule = price["aggregate"]
        found = {
            key: max(units) if rule.get("within") == "largest" else sum(units, NONE)
            for key, units in self._of.get((subscription, code, month), {}).items()
        }
        at_all = set()
        if rule.get("missing") == "zero":
            at_all = _intervals(rule, days, zone)
        sets = {
            each: {interval: units for (of, interval), units in found.items() if of == each}
            for each in ("", "in", "out")
        }
        directions = rule.get("directions", "")
        if directions in ("sum_per_sample", "max_per_sample"):
            joined = {}
            for interval in {*sets["in"], *sets["out"]}:
                both = [sets[each].get(interval, NONE) for each in ("in", "out")]
                joined[interval] = sum(both, NONE) if directions == "sum_per_sample" else max(both)
            wanted = [joined]
        elif directions == "larger":
            wanted = [sets["in"], sets["out"]]
        else:
            wanted = [sets[directions]]
        return max(percentile(rule, {**dict.fromkeys(at_all, NONE), **one}) for one in wanted)


def _length_ms(rule):
    return int(rule.get("interval", "5 min").removesuffix(" min")) * 60_000


def _intervals(rule, days, zone):
    """Return the intervals that begin on these days."""
    found = set()
    for day in days:
        start_ms, end_ms = day_of(day, zone)
        month_ms, _ = month_of(start_ms, zone)
        length = _length_ms(rule)
        first = -((month_ms - start_ms) // length)
        found.update(range(first, -((month_ms - end_ms) // length)))
    return found


def percentile(rule, by_interval):
    samples = sorted(by_interval.values())
    count, percent = len(samples), Fraction(rule["percentile"])
    if not count:
        return NONE
    method = rule.get("method", "discard_floor")
    rank = percent * count / 100
    if method == "linear":
        place = (count - 1) * percent / 100
        below = math.floor(place)
        above = min(below + 1, count - 1)
        return samples[below] + (samples[above] - samples[below]) * (place - below)
    if method == "discard_floor":
        rank = count - math.floor(count * (100 - percent) / 100)
    elif method == "ceil_rank":
        rank = math.ceil(rank)
    elif method == "round_rank":
        rank = to_multiple(rank, Fraction(1), "half_up")
    else:
        assert method == "floor_rank", method
        rank = math.floor(rank)
    rank = max(int(rank), 1)
    return sum(samples[:rank], NONE) if rule.get("bill") == "rest" else samples[rank - 1]
