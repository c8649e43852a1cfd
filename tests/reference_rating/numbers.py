"""Quantities, amounts and roundings as fractions, as docs/catalogue.md says them."""

import functools
import math
from fractions import Fraction

IN_BASE = {
    "s": ("s", 1),
    "min": ("s", 60),
    "h": ("s", 3600),
    "record": ("record", 1),
    "records": ("record", 1),
    "B": ("B", 1),
    "kB": ("B", 10**3),
    "MB": ("B", 10**6),
    "GB": ("B", 10**9),
    "MiB": ("B", 2**20),
}
TEN_PLACES = [{}]


@functools.cache
def quantity(text, unit):
    """Return `10 MB` or `10` in the unit of the product; one unit where nothing is written."""
    if text is None:
        return Fraction(1)
    number, _, written = text.partition(" ")
    if not written or written == unit:
        return Fraction(number)
    base, size = IN_BASE[written]
    assert base == unit, (text, unit)
    return Fraction(number) * size


def to_multiple(value, step, rule):
    """Return the multiple of a step that a rule rounds to; a value below zero is its mirror image."""
    if value < 0:
        return -to_multiple(-value, step, rule)
    steps = value / step
    down = math.floor(steps)
    part = steps - down
    if rule == "up":
        down += part > 0
    elif rule == "half_up":
        down += part >= Fraction(1, 2)
    elif rule == "half_even":
        down += part > Fraction(1, 2) or (part == Fraction(1, 2) and down % 2 == 1)
    else:
        assert rule == "down", rule
    return down * step


def rounded(value, rules):
    """Return an amount as the list of `rounding` rounds it."""
    for rule in rules:
        value *= Fraction(rule.get("times", "1"))
        step = Fraction(1, 10 ** int(rule.get("places", "10")))
        value = to_multiple(value, Fraction(rule.get("to", step)), rule.get("rule", "half_up"))
    return value


def roundings(price):
    """Return the rules of a price as a list."""
    rules = price.get("rounding", {})
    return rules if isinstance(rules, list) else [rules]


def last_rounding(price):
    """Return how a cap is rounded: down, to what the last rule of the price keeps."""
    return [{**(roundings(price) or [{}])[-1], "rule": "down", "times": "1"}]


def in_increments(units, text):
    """Return units in increments such as 60/1: the first whole, then every started one."""
    if not text or not units:
        return units
    first, following = map(Fraction, text.split("/"))
    if units <= first:
        return first
    return first + math.ceil((units - first) / following) * following
