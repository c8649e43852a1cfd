"""What the close of a month still asks for: a least, what is missing of a commitment, a first fee."""

import calendar
import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo

from tests.reference_rating import levels, months, samples, usage_discount
from tests.reference_rating.catalogue import version_on
from tests.reference_rating.clock import local, subscription_month
from tests.reference_rating.conditions import holds
from tests.reference_rating.numbers import in_increments, rounded, roundings

NONE = Fraction(0)
OF_EVENTS = ("event", "quantity", "destination", "origin", "service_class")


def close(reference, event, month):
    """Return what a month still comes to, by subscription, price and month, where it is not nothing:
    and what the samples of earlier months do that no close has priced.

    ``event``: whose attributes are asked for, and since when each subscription is there.
    """
    found = {}
    for each in sorted({month, *reference.samples.months()}):
        if each <= month:
            found |= _closed(reference, event, each, only_samples=each < month)
    return found


def _closed(reference, event, month, *, only_samples):
    catalogue, plan = reference.catalogue, event["plan"]
    found = {}
    for subscription, since in event["members"].items():
        whose = {**event, "subscription": subscription, "of": event["of all"][subscription]}
        days = [
            day
            for day in _days_of(month)
            if since is None or day >= local(since, event["zone"]).date().isoformat()
        ]
        whose["started_ms"] = _start_of(_days_of(month)[-1], event["zone"])
        whose["subscription_month"] = subscription_month(whose, reference.first_ms)
        for product in catalogue.sections["products"]:
            open_days = days
            for code, price in catalogue.prices(plan, product):
                is_theirs = _is_of_all_usage(price) and holds(price.get("when"), whose)
                mine = open_days if is_theirs or "destinations" in price else []
                if is_theirs:
                    open_days = []
                asked = _asked(reference, whose, product, code, price, mine, month)
                if not mine:  # what was charged is adjusted, whatever its condition asks
                    asked = _discounted(reference, subscription, code, price, days, month)
                if only_samples and not reference.samples.are_there(subscription, code, month):
                    continue
                if asked:
                    found[subscription, f"{plan}/{code}", month] = asked
    return found


def _days_of(month):
    year, number = map(int, month.split("-"))
    last = calendar.monthrange(year, number)[1]
    return [dt.date(year, number, day).isoformat() for day in range(1, last + 1)]


def _is_of_all_usage(price):
    """Return whether a price takes all usage of those of whom its condition holds."""
    asks_of_events = any(word in price.get("when", "") for word in OF_EVENTS)
    return "destinations" not in price and not asks_of_events


def _start_of(day, zone):
    moment = dt.datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1000


def _asked(reference, event, product, code, price, days, month):
    days = [day for day in days if version_on(price, day) is not None]
    if not days:
        return NONE
    price = version_on(price, days[-1])
    key = (event["subscription"], code, month)
    charged = reference.counted["cap", *key]
    due = charged
    unit = reference.catalogue.product(product)["unit"]
    used = reference.counted["units", *key]
    if levels.is_level(price):  # one below zero is none
        used = max(used, NONE)
    if samples.is_sampled(price):
        used, due = _of_samples(reference, event, price, unit, key, days)
    due += _discounted(reference, event["subscription"], code, {"price": price}, days, month)
    if price.get("first_fee_without_usage") == "yes" and not used and not charged:
        fee = Fraction(price["tiers"][0].get("fee", "0"))
        due += rounded(months.adjusted(price, fee, unit), roundings(price))
    least = price.get("least", {})
    asked = Fraction(least["month"]) if "month" in least else None
    if least.get("by_days") == "yes":
        asked = asked * len(days) / len(_days_of(month))
    if price.get("commitment", {}).get("true_up") == "yes":
        asked = months.promised_amount(price, unit)
    return (due if asked is None else max(due, rounded(asked, roundings(price)))) - charged


def _discounted(reference, subscription, code, price, days, month):
    """Return what a discount by usage still changes of what was charged."""
    days = [day for day in days if version_on(price, day) is not None]
    price = version_on(price, days[-1]) if days else {}
    if not usage_discount.restates(price):
        return NONE
    left = usage_discount.off(reference.catalogue, price, month, reference.counted)
    return usage_discount.missing(price, left, (subscription, code, month), reference.counted)


def _of_samples(reference, event, price, unit, key, days):
    """Return the units that the samples of a month come to, and what they cost."""
    at = [_start_of(day, event["zone"]) for day in days]
    units = reference.samples.units(price, *key, at, event["zone"])
    units = in_increments(units, price.get("increments"))
    if not units:
        return NONE, NONE
    cost = months.adjusted(price, months.month_cost(price, units, unit), unit)
    return units, rounded(cost, roundings(price))
