"""A discount by what the account used of another product in the same month."""

from fractions import Fraction

from tests.reference_rating.numbers import quantity, rounded, roundings


def off(catalogue, price, month, counted):
    """Return what is left of one, by what was used so far of the other product."""
    rule = price.get("discount_by_usage")
    if rule is None:
        return Fraction(1)
    used = counted[counted.of_product(rule["product"], month)]
    unit = catalogue.product(rule["product"])["unit"]
    percent = Fraction(0)
    for level in rule["reached"]:
        if used >= quantity(level["from"], unit):
            percent = Fraction(level["percent"])
    return 1 - percent / 100


def restates(price):
    """Return whether what was charged before changes with it."""
    rule = price.get("discount_by_usage")
    return rule is not None and rule.get("from_then") != "yes"


def given(price, left, key, amount, restated, counted):
    """Return what an event and its adjustment come to with the discount. It is off rounded amounts;
    ``left``: what it leaves of one; ``key``: of what was counted."""
    if not restates(price):
        return _rounded(price, amount * left), restated
    listed, charged = ("listed", *key), ("charged of listed", *key)
    before = counted[listed] + restated
    after = before + amount
    restated = _rounded(price, before * left) - counted[charged]
    amount = _rounded(price, after * left) - _rounded(price, before * left)
    counted[listed] = after
    counted[charged] += amount + restated
    return amount, restated


def missing(price, left, key, counted):
    """Return what a close changes of what was charged."""
    return _rounded(price, counted["listed", *key] * left) - counted["charged of listed", *key]


def _rounded(price, amount):
    """Return an amount rounded once more, by the last rule."""
    return rounded(amount, [{**roundings(price)[-1], "times": "1"}])
