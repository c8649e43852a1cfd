"""Rating once more, from docs/catalogue.md and docs/pricing.md alone: slow, in fractions, step by step.

It shares no code with `rating/` and reads the same files by itself.
"""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from tests.reference_rating import free as freely
from tests.reference_rating import levels, months, samples, usage_discount
from tests.reference_rating import others as others_of
from tests.reference_rating.call import charge as call_charge
from tests.reference_rating.call import of_rates
from tests.reference_rating.catalogue import version_on, versions_of
from tests.reference_rating.clock import local, subscription_month
from tests.reference_rating.conditions import holds
from tests.reference_rating.counted import Counted
from tests.reference_rating.fitting import fitted
from tests.reference_rating.looked_up import Refused, instant_in, instant_of, row_of, split_cost
from tests.reference_rating.numbers import last_rounding, quantity, rounded, roundings, to_multiple
from tests.reference_rating.samples import Samples
from tests.reference_rating.words import words_of

NONE = Fraction(0)


class Outcome(NamedTuple):
    """What became of an event: amounts and units, all fractions."""

    reason: str = ""  # why there is no charge
    price: str = ""
    used: Fraction = NONE
    billed: Fraction = NONE
    free: Fraction = NONE
    amount: Fraction = NONE
    restated: Fraction = NONE  # what earlier charges change by
    others: tuple = ()  # what it comes to under other plans


class Reference:
    """A catalogue as it was read, and what was counted under it."""

    def __init__(self, catalogue):
        self.catalogue = catalogue
        self.counted = Counted()
        self.samples = Samples()
        self.seen = set()
        self.first_ms = {}  # when the earliest usage of each subscription so far was
        self.met = Counter()  # how often there was a charge of each model and step
        self.notes = []  # how it came to the last outcome, for people

    def rate(self, event):
        """Return what becomes of an event."""
        self.notes = []
        try:
            return self._rate(dict(event))
        except Refused as refused:
            return Outcome(reason=str(refused))

    def _rate(self, event):
        product = self.catalogue.product(event["product"])
        plan = self.catalogue.plan(event["plan"])
        unit = product["unit"]
        if unit == "record":
            event["quantity"] = "1"
        used = Fraction(event["quantity"])
        mirrors = product.get("below_zero") == "mirror"
        if used < 0 and not mirrors:
            raise Refused("rating.below_zero")
        if not used and product.get("zero_usage") == "filter":
            return Outcome(reason="filtered")
        event["quantity"] = str(abs(used))
        event["unit"] = unit
        event["month"] = f"{local(event['started_ms'], event['zone']):%Y-%m}"
        event["subscription_month"] = subscription_month(event, self.first_ms)
        code, price = self._choose(event)
        event["price"] = code
        # What any version asks of the month's money is counted from the month's first day on.
        event["counts_month"] = any(map(looks_at_money_of_month, versions_of(price)))
        price = version_on(price, local(event["started_ms"], event["zone"]).date().isoformat())
        if price is None:
            raise Refused("rating.no_tariff_in_force")
        if "unique_by" in price and not event["attributes"].get(price["unique_by"]):
            raise Refused("rating.missing_attribute")
        if "exchange" in event:  # of all that a plan in another currency has
            price = {**price, "exchange": event["exchange"]}
        if "exchange" in price:
            self._rate_of_day(event, price["exchange"])
        if samples.is_sampled(price):
            samples.direction_of(event, price)
        by_band = bands = None
        if price["model"] in ("rate_card", "matrix"):
            by_band, bands = row_of(self.catalogue, price, event)
        name = f"{event['plan']}/{code}"
        is_level = price.get("aggregate") == "latest" or samples.is_sampled(price)
        others = self._others(event, plan, used)
        earliest = self.first_ms.get(event["subscription"], event["started_ms"])
        self.first_ms[event["subscription"]] = min(event["started_ms"], earliest)
        if not used and product.get("zero_usage") != "price" and not is_level:
            return Outcome(price=name, others=others)
        event["sign"] = -1 if used < 0 else 1
        names = freely.named(price)
        plan = fitted(self.catalogue, plan, names, event, unit, self.first_ms)
        found = self._charged(event, plan, price, unit, abs(used), by_band, bands)
        self.counted[self.counted.of_product(event["product"], event["month"])] += used
        self.met.update(words_of(price, plan, others))
        return found._replace(price=name, used=used, others=others)

    def _others(self, event, plan, used):
        """Return what an event comes to under the plans that rate it too. Nothing of it is counted."""
        found = []
        for name, code in others_of.plans_for(plan, event["product"]).items():
            of_plan = {**event, "plan": code, "quantity": str(used)}
            table = others_of.exchange_of(self.catalogue, plan, self.catalogue.plan(code))
            if table is not None:
                of_plan["exchange"] = table
            reference = Reference(self.catalogue)
            reference.first_ms = dict(self.first_ms)
            one = reference._rate(of_plan)
            found.append(others_of.Other(name, one.price, one.billed, one.amount))
        return tuple(found)

    def _choose(self, event):
        """Return the first price whose destinations and condition match."""
        prices = self.catalogue.prices(event["plan"], event["product"])
        if not prices:
            raise Refused("rating.unknown_product")
        number = event.get("destination") or ""
        reason = "rating.unknown_destination"
        for code, price in prices:
            prefixes = price.get("destinations")
            if prefixes and not any(number.startswith(prefix) for prefix in prefixes):
                continue
            if holds(price.get("when"), event):
                return code, price
            reason = "rating.no_condition_holds"
        raise Refused(reason)

    def _charged(self, event, plan, price, unit, units, by_band, bands):
        if "round_units" in price:
            step = quantity(price["round_units"]["to"], unit)
            units = to_multiple(units, step, price["round_units"]["rule"])
        if (
            by_band is not None
            and len(set(map(id, by_band.values()))) == 1
            and not _split(price, bands)
        ):
            row = next(iter(by_band.values()))
            price = {**price, "increments": f"{row['first_units']}/{row['following_units']}"}
        self.notes.append(f"price {event['price']}: {price}")
        self.notes.append(f"rows by band: {by_band}")
        if samples.is_sampled(price):
            self.samples.add(event, price, units)
            return Outcome()
        free, billed, is_free = freely.of_record(price, event, units, unit, self.counted, plan)
        self.notes.append(f"{units} measured, {free} free, {billed} to bill")
        restated = NONE
        is_level = price.get("aggregate") == "latest"  # of which nothing is a reading too
        if is_free or (not billed and Fraction(event["quantity"]) and not is_level):
            amount = NONE
            if price.get("fee_when_free") == "yes":
                amount = self._settled(event, price, self._fee(event, price, by_band, bands))
            if _goes_on(price, "graduated"):
                self.counted[self.counted.month(event, "units")] += free
        elif levels.is_level(price):
            change = billed * event["sign"]
            billed, amount, restated = levels.grown(self.counted, event, price, unit, change)
        elif _grows(price, plan):
            billed, amount, restated = self._grown(event, price, unit, free, billed, plan)
        else:
            cost, billed = self._cost(event, price, unit, free, billed, by_band, bands)
            amount = self._settled(event, price, cost) * event["sign"]
            billed *= event["sign"]
        self.notes.append(f"{billed} billed at {amount}, earlier charges {restated}")
        if "discount_by_usage" in price:
            left = usage_discount.off(self.catalogue, price, event["month"], self.counted)
            key = (event["subscription"], event["price"], event["month"])
            amount, restated = usage_discount.given(
                price, left, key, amount, restated, self.counted
            )
            self.notes.append(f"{left} left by usage: {amount}, earlier charges {restated}")
        amount = self._capped(event, price, amount, restated, plan)
        if "free_records" in price:  # only who asks for a number counts it
            self.counted[self.counted.month(event, "records")] += 1
        return Outcome(billed=billed, free=free, amount=amount, restated=restated)

    def _cost(self, event, price, unit, free, billed, by_band, bands):
        """Return what an event costs whose price is its own, and what is billed of it."""
        model = price["model"]
        if model == "flat":
            return Fraction(price["amount"]), billed
        if model == "percentage":
            share = billed * Fraction(price["percent"]) / 100
            return share + Fraction(price.get("fee", "0")), billed
        start = NONE
        if price.get("above_allowance", "goes_on") == "goes_on":
            start = free
        if model == "call":
            rates_at = self._call_rates(event, price, unit)
            cost, billed = call_charge(rates_at, start=start, end=start + billed)
            return cost + self._fee(event, price, by_band, bands), billed
        fee = self._fee(event, price, by_band, bands)
        if model == "per_unit":
            return billed * self._amount(event, price) / quantity(
                price.get("per"), unit
            ) + fee, billed
        if _split(price, bands):
            cost, billed = split_cost(
                self.catalogue, by_band, bands, event, start=start, end=start + billed
            )
            return cost + fee, billed
        row = next(iter(by_band.values()))
        return billed * Fraction(row["price"]) / Fraction(row["per_units"]) + fee, billed

    def _amount(self, event, price):
        if "bands" not in price:
            return Fraction(price["amount"])
        band = self.catalogue.clock.band(price["bands"], instant_of(price, event), event["zone"])
        return Fraction(price["amounts"][band])

    def _call_rates(self, event, price, unit):
        rounding = price.get("increment_rounding")

        def at(units):
            rates = price["rates"]
            if "bands" in price:
                instant = instant_of(price, event)
                if price.get("bands_by") == "split":
                    instant = instant_in(event, units)
                band = self.catalogue.clock.band(price["bands"], instant, event["zone"])
                rates = rates[band]
            return of_rates(rates, units, unit, rounding)

        return at

    def _fee(self, event, price, by_band, bands):
        """Return the connect fee; by band that of the beginning, or of the band that decides."""
        if by_band is not None:
            row = next(iter(by_band.values()))
            if _split(price, bands):
                band = self.catalogue.clock.band(bands, event["started_ms"], event["zone"])
                row = by_band[band]
            return Fraction(row.get("connect_fee") or "0")
        fee = price.get("connect_fee", price.get("fee", "0"))
        if isinstance(fee, dict):
            at = event["started_ms"]
            fee = fee[self.catalogue.clock.band(price["bands"], at, event["zone"])]
        return Fraction(fee)

    def _discounted(self, event, price, cost):
        for one in months.discounts(price):
            percent = one if isinstance(one, str) else one["percent"]
            if isinstance(one, str) or holds(one["when"], event):
                cost *= 1 - Fraction(percent) / 100
        return cost

    def _settled(self, event, price, cost):
        """Return the amount of an event: discount, least, most, exchange, rounding."""
        cost = self._discounted(event, price, cost)
        least, most = price.get("least", {}).get("event"), price.get("most", {}).get("event")
        if least is not None:
            cost = max(cost, Fraction(least))
        if most is not None:
            cost = min(cost, Fraction(most))
        if "exchange" in price:
            cost *= self._rate_of_day(event, price["exchange"])
        return rounded(cost, roundings(price))

    def _rate_of_day(self, event, table):
        day = local(event["started_ms"], event["zone"]).date().isoformat()
        found = None
        for row in self.catalogue.sections["exchange_rates"][table]["rates"]:
            if row["valid_from"] <= day:
                found = row["rate"]
        if found is None:
            raise Refused("rating.no_tariff_in_force")
        return Fraction(found)

    def _grown(self, event, price, unit, free, billed, plan):
        """Return what an event adds to its month: units, amount, and what changes of what was charged."""
        counted, fee = self.counted, NONE
        what = "units"
        if price["model"] == "per_unit":
            if "bands" in price:
                instant = instant_of(price, event)
                what = f"units {self.catalogue.clock.band(price['bands'], instant, event['zone'])}"
            price = {**price, "amount": self._amount(event, price)}
            fee = Fraction(price.get("connect_fee", "0"))
        key, charged = counted.month(event, what), counted.month(event, f"charged {what}")
        before = counted[key] + (free if _goes_on(price, "graduated") else 0)
        added = self._aggregated(event, price, before, billed)
        after = before + added

        def amount(units, reached=None):
            if units < 0:  # more was given back than was used
                return -amount(-units)
            cost = months.month_cost(price, units, unit, reached)
            cost = months.adjusted(price, cost, unit, capped=is_of_the_month(price))
            return rounded(cost, roundings(price)) if units else NONE

        restated = NONE
        if added < 0 and price.get("aggregate") != "latest":
            added_amount = amount(after) - amount(before)
            counted[key], counted[charged] = after, counted[charged] + added_amount
            return added, added_amount, NONE
        if price["model"] == "volume" and before >= 0:
            restated = amount(before, after) - counted[charged] if after else NONE
            grown = amount(after) - amount(before, after)
        else:
            grown = amount(after) - amount(before)
        if price.get("aggregate") == "latest" and added < 0:
            added_amount, restated, grown = NONE, amount(after) - counted[charged], NONE
        else:
            added_amount = grown
        if fee:
            added_amount += rounded(self._discounted(event, price, fee), roundings(price))
        self.notes.append(f"month from {before} to {after}, {counted[charged]} charged before")
        counted[key] = after
        counted[charged] += added_amount + restated
        return max(added, NONE), added_amount, restated

    def _aggregated(self, event, price, before, billed):
        """Return the units that a record adds to its month."""
        aggregate = price.get("aggregate", "sum")
        if aggregate == "max":
            return max(billed - before, NONE)
        if aggregate == "latest":
            newest = self.counted.month(event, "newest")
            if event["started_ms"] < self.counted[newest]:
                return NONE
            self.counted[newest] = Fraction(event["started_ms"])
            return billed - before
        if aggregate == "unique":
            value = self.counted.month(event, event["attributes"][price["unique_by"]])
            if value in self.seen:
                return NONE
            self.seen.add(value)
            return Fraction(1)
        return billed * event["sign"]

    def _capped(self, event, price, amount, restated, plan):
        """Return what the most of day and month leave, and what allowances in money do not pay."""
        in_cost = is_of_the_month(price)  # there the most is one of the month's cost
        for period, key in (
            ("day", self.counted.day(event, "cap")),
            ("month", self.counted.month(event, "cap")),
        ):
            most = price.get("most", {}).get(period)
            asked_for = most is not None and not in_cost
            if not asked_for and (period == "day" or not event["counts_month"]):
                continue
            if asked_for:
                kept = rounded(Fraction(most), last_rounding(price))
                amount = min(amount, max(kept - self.counted[key], NONE))
            self.counted[key] += amount + restated
        for name in freely.allowances_in_money(price, plan):
            allowance = plan["allowances"][name]
            amount -= freely.take(name, allowance, event, amount, "", self.counted)
        return amount


def _split(price, bands):
    return bands is not None and price.get("bands_by") == "split"


def _goes_on(price, model):
    return price["model"] == model and price.get("above_allowance") == "goes_on"


def looks_at_money_of_month(price):
    """Return whether a price has a cap over the month's charges, or its close may ask for something."""
    return (
        ("month" in price.get("most", {}) and not is_of_the_month(price))
        or "month" in price.get("least", {})
        or price.get("commitment", {}).get("true_up") == "yes"
        or price.get("first_fee_without_usage") == "yes"
    )


def is_of_the_month(price):
    """Return whether all usage of a month is priced together."""
    return (
        price["model"] in ("graduated", "volume", "package")
        or price.get("aggregate", "sum") != "sum"
        or "commitment" in price
    )


def _grows(price, plan):
    """Return whether an event is charged what it adds: also by a unit price above an allowance."""
    above = price["model"] == "per_unit" and freely.allowances_in_units(price, plan)
    return is_of_the_month(price) or bool(above)
