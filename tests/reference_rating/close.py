"""What the close of a month still asks for: a least, what is missing of a commitment, a first fee."""

import calendar
import datetime as dt
from fractions import Fraction

from tests.reference_rating import months
from tests.reference_rating.catalogue import version_on
from tests.reference_rating.conditions import holds
from tests.reference_rating.numbers import rounded, roundings

NONE = Fraction(0)
OF_EVENTS = ("event", "quantity", "destination", "origin", "service_class")


def close(reference, members, event, month):
    """Return what a month still comes to, by subscription and price, where it is not nothing.

    ``members``: since when each subscription is there; ``event``: whose attributes are asked for.
    """
    catalogue, plan = reference.catalogue, event["plan"]
    found = {}
    for subscription, since in members.items():
        whose = {**event, "subscription": subscription, "of": event["of all"][subscription]}
        days = [day for day in _days_of(month) if since is None or day >= since]
        for product in catalogue.sections["products"]:
            open_days = days
            for code, price in catalogue.prices(plan, product):
                is_theirs = _is_of_all_usage(price) and holds(price.get("when"), whose)
                mine = open_days if is_theirs or "destinations" in price else []
                if is_theirs:
                    open_days = []
                asked = _asked(reference, subscription, product, code, price, mine, month)
                if asked:
                    found[subscription, f"{plan}/{code}"] = asked
    return found


def _days_of(month):
    year, number = map(int, month.split("-"))
    last = calendar.monthrange(year, number)[1]
    return [dt.date(year, number, day).isoformat() for day in range(1, last + 1)]


def _is_of_all_usage(price):
    """Return whether a price takes all usage of those of whom its condition holds."""
    asks_of_events = any(word in price.get("when", "") for word in OF_EVENTS)
    return "destinations" not in price and not asks_of_events


def _asked(reference, subscription, product, code, price, days, month):
    days = [day for day in days if version_on(price, day) is not None]
    if not days:
        return NONE
    price = version_on(price, days[-1])
    key = (subscription, code, month)
    charged = reference.counted["cap", *key]
    due = charged
    unit = reference.catalogue.product(product)["unit"]
    used_nothing = not reference.counted["units", *key]
    if price.get("first_fee_without_usage") == "yes" and used_nothing and not charged:
        fee = Fraction(price["tiers"][0].get("fee", "0"))
        due += rounded(months.adjusted(price, fee, unit), roundings(price))
    least = price.get("least", {})
    asked = Fraction(least["month"]) if "month" in least else None
    if least.get("by_days") == "yes":
        asked = asked * len(days) / len(_days_of(month))
    if price.get("commitment", {}).get("true_up") == "yes":
        asked = months.promised_amount(price, unit)
    return (due if asked is None else max(due, rounded(asked, roundings(price)))) - charged
