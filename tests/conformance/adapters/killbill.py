"""Kill Bill: blocks in tiers whose widths are numbers of blocks.

Its periods begin on the account's billing day, ours with the calendar month; where a vector has usage
in several months of one period, only a price that does not look at the period is the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rating.counting import Counter, CounterKind
from rating.rate import RatedUsage
from schemas.refusal import Refused
from tests.conformance.engine import NOON, ZERO, Engine
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_OPEN = "-1"
_BEFORE_NOON = "2026-10-05T11:00"
_UNKNOWN = "unknown"

_BILLING_DAY = (
    "A billing period that begins on another day than the first of a month: tiers and blocks are of "
    "the account's calendar month."
)
_INVOICED = (
    "Which lines of earlier invoices an amount is held against: here each charge is what its event "
    "adds to the month, and an invoice takes charges, so nothing is compared."
)


class Use(NamedTuple):
    """Usage of a unit, at a time of the account's wall clock."""

    unit: str
    amount: Any
    at: str = NOON


# Blocks


def _consumable(vector: Vector) -> dict[str, Any]:
    """Return what usage of a period costs, and what of it each unit does."""
    uses = [Use(unit, amount) for unit, amount in vector.usage.items()]
    return {
        "amount": _of_the_month(vector.price).charge(uses),
        "by_unit": {use.unit: _of_the_month(vector.price).charge([use]) for use in uses},
    }


def _consumable_period(vector: Vector) -> dict[str, Any]:
    """Return what the records inside of a period cost."""
    uses = _inside(vector)
    if _in_one_month(uses):
        return {"amount": _of_the_month(vector.price).charge(uses)}
    return {"amount": _priced(vector.price, _of_any_period(vector.price, uses)).charge(uses)}


def _consumable_amount_incremental(vector: Vector) -> dict[str, Any]:
    """Return what the records inside of a period cost, and what is left of it after what an
    invoice took: that is an allowance in money."""
    uses = _inside(vector)
    if not _in_one_month(uses):
        raise NotExpressible(_BILLING_DAY)
    return _less_billed(vector, _month_prices(vector.price), uses)


def _consumable_incremental(vector: Vector) -> dict[str, Any]:
    """Return what readings add to the blocks that were billed: those are an earlier reading."""
    prices = {
        unit: {**price, "aggregate": "latest"}
        for unit, price in _month_prices(vector.price).items()
    }
    catalogue = _priced(vector.price, prices)
    tiers = vector.price["tiers"]
    billed = vector.usage.get("already_billed_blocks", {})
    for unit, blocks in billed.items():
        sizes = [_number(tier["size"]) for tier in tiers[unit]]
        reading = sum((size * n for size, n in zip(sizes, blocks, strict=False)), ZERO)
        catalogue.charge([Use(unit, reading, _BEFORE_NOON)])
    readings = [Use(unit, amount) for unit, amount in vector.usage["cumulative"].items()]
    amount = catalogue.charge(readings)
    if amount < ZERO and "amount" not in vector.expected:
        raise NotExpressible(
            "A reading below what was billed as an error: here the newest reading holds, and an "
            "adjustment gives back what the month was charged too much."
        )
    return {"amount": amount}


def _month_prices(price: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the price of each unit by the blocks of a month."""
    top = price.get("tierBlockPolicy") == "TOP_TIER"
    return {
        unit: {"model": "volume" if top else "graduated", "tiers": _tiers(blocks, top=top)}
        for unit, blocks in price["tiers"].items()
    }


def _tiers(blocks: Sequence[Mapping[str, Any]], *, top: bool) -> list[dict[str, str]]:
    """Return tiers of so many blocks by where they end.

    Past the last one nothing is billed; where the tier reached prices all (``top``), the last one does.
    """
    tiers: list[dict[str, str]] = []
    upto = ZERO
    for block in blocks:
        size, most = _number(block["size"]), str(block["max"])
        tier = {"amount": str(block["price"]), "per": _text(size), "whole": "yes"}
        if most == _OPEN or (top and block is blocks[-1]):
            return [*tiers, tier]
        upto += size * _number(most)
        tiers.append({"upto": _text(upto), **tier})
    return [*tiers, {"amount": "0", "per": "1"}]


def _of_any_period(price: Mapping[str, Any], uses: Iterable[Use]) -> dict[str, dict[str, Any]]:
    """Return prices that do not look at the period: whole units in blocks of one, in one tier."""
    prices: dict[str, dict[str, Any]] = {}
    if any(_number(use.amount) % 1 for use in uses):
        raise NotExpressible(_BILLING_DAY)
    for unit, blocks in price["tiers"].items():
        if [(str(block["size"]), str(block["max"])) for block in blocks] != [("1", _OPEN)]:
            raise NotExpressible(_BILLING_DAY)
        prices[unit] = {"model": "per_unit", "amount": str(blocks[0]["price"]), "per": "1"}
    return prices


# Capacity


def _capacity(vector: Vector) -> dict[str, Any]:
    """Return the price of the tier that the usage needs."""
    uses = [Use(unit, amount) for unit, amount in vector.usage.items()]
    return {"amount": _priced(vector.price, _capacity_prices(vector.price, uses)).charge(uses)}


def _capacity_max(vector: Vector) -> dict[str, Any]:
    """Return the price of the tier that the largest record inside of a period needs."""
    uses = _inside(vector)
    if not _in_one_month(uses):
        raise NotExpressible(_BILLING_DAY)
    return {"amount": _priced(vector.price, _capacity_prices(vector.price, uses)).charge(uses)}


def _capacity_incremental(vector: Vector) -> dict[str, Any]:
    """Return the price of the tier that the usage needs, and what is left of it after what an
    invoice took."""
    stated = vector.usage.get("usage", {})
    uses = [Use(unit, amount) for unit, amount in stated.items()]
    uses += [Use(each["unit"], each["amount"]) for each in vector.usage.get("records", ())]
    return _less_billed(vector, _capacity_prices(vector.price, uses), uses)


def _capacity_prices(price: Mapping[str, Any], uses: Iterable[Use]) -> dict[str, dict[str, Any]]:
    """Return the price of each unit by its largest record; no more than one is used."""
    if len({use.unit for use in uses if _number(use.amount)}) > 1:
        raise NotExpressible(
            "A tier that holds for several measures at once, such as so many servers and so much "
            "memory: a price is here of one measure, and prices add up."
        )
    return {
        unit: {"model": "volume", "aggregate": "max", "tiers": _levels(price["tiers"], unit)}
        for unit in price["tiers"][0]["limits"]
    }


def _levels(tiers: Sequence[Mapping[str, Any]], unit: str) -> list[dict[str, str]]:
    """Return the fees of a unit's levels; the last one has no end."""
    levels: list[dict[str, str]] = []
    for tier in tiers:
        fee, most = {"fee": str(tier["price"])}, str(tier["limits"][unit])
        if most == _OPEN or tier is tiers[-1]:
            return [*levels, fee]
        levels.append({"upto": most, **fee})
    raise AssertionError("the last tier returned")


# Periods


def _period_rollup(vector: Vector) -> dict[str, Any]:
    """Return what was used in each period, as the counters of the months have it."""
    price = vector.price
    prices = {
        unit: {
            "model": "graduated",
            "aggregate": price["agg"],
            "tiers": [{"amount": "0", "per": "1"}],
        }
        for unit in price["units"]
    }
    catalogue = _priced(price, prices)
    starts = [_at(text, price) for text in price["periods"]]
    if price.get("end_inclusive"):
        raise NotExpressible(
            "Usage at the very instant at which a subscription ends: every period is half-open, so "
            "that neighbours do not overlap."
        )
    if not all(_begins_a_month(start) for start in starts):
        raise NotExpressible(_BILLING_DAY)
    catalogue.charge(
        [Use(each["unit"], each["amount"], _at(each["date"], price)) for each in vector.usage]
    )
    return {
        "periods": [
            {unit: catalogue.counted(unit, start) for unit in prices} for start in starts[:-1]
        ]
    }


def _begins_a_month(at: str) -> bool:
    moment = dt.datetime.fromisoformat(at)
    return moment.day == 1 and moment.time() == dt.time()


def _inside(vector: Vector) -> list[Use]:
    """Return the usage of a subscription that is there for [start, end); what is not is no usage of
    its. A period that begins and ends on one day is that day: of when, only the order is known."""
    start, end = (_at(text, vector.price) for text in vector.usage["period"])
    uses = [use for record in vector.usage["records"] for use in _uses(record, vector.price)]
    if "amount" not in vector.expected:
        raise NotExpressible(
            "An account that is parked for a record of a unit without a price: here that record is "
            "refused and waits, and the others are charged."
        )
    if start == end:
        return [use for use in uses if use.at[:10] == start[:10]]
    return [use for use in uses if start <= use.at < end]


def _uses(record: Mapping[str, Any], price: Mapping[str, Any]) -> list[Use]:
    """Return the usage of a record, which names its unit, or has an amount for each."""
    at = _at(record["date"], price)
    if "amount" in record:
        return [Use(record["unit"], record["amount"], at)]
    return [Use(unit, amount, at) for unit, amount in record.items() if unit != "date"]


def _at(text: str, price: Mapping[str, Any]) -> str:
    """Return the time of the account's wall clock that a date states, perhaps with a remark."""
    moment = dt.datetime.fromisoformat(text.partition(" (")[0])
    if moment.tzinfo is not None:
        moment = moment.astimezone(ZoneInfo(_zone(price))).replace(tzinfo=None)
    return moment.isoformat()


def _zone(price: Mapping[str, Any]) -> str:
    return str(price.get("timezone", "UTC"))


def _in_one_month(uses: Iterable[Use]) -> bool:
    return len({use.at[:7] for use in uses}) <= 1


# The engine


class Catalogue:
    """An engine that has a product for each unit."""

    def __init__(
        self,
        prices: Mapping[str, Mapping[str, Any]],
        *,
        zone: str,
        credit: str = "0",
    ) -> None:
        """``credit``: what of the charges is paid already."""
        self._code_of = {unit: f"x{place}" for place, unit in enumerate(prices)}
        plan: dict[str, Any] = {"currency": "USD"}
        pays: dict[str, Any] = {}
        if Decimal(credit):
            plan["allowances"] = {"billed": {"amount": credit}}
            pays = {"allowance": "billed"}
        plan["prices"] = {
            code: {"product": code, "price": {**prices[unit], **pays}}
            for unit, code in self._code_of.items()
        }
        product = {"type": "t", "usage_kind": "u", "unit": "unit"}
        products = dict.fromkeys(self._code_of.values(), product)
        self._engine = Engine(
            {"products": products, "plans": {"p": plan}}, zone=zone, currency="USD"
        )

    def charge(self, uses: Iterable[Use]) -> Decimal:
        """Return what usage comes to; that of a unit that has no price is refused, and waits."""
        total = ZERO
        for use in uses:
            product = self._code_of.get(use.unit, _UNKNOWN)
            rated = self._engine.rate(
                self._engine.event(product, at=use.at, unit=_number(use.amount))
            )
            if isinstance(rated, Refused) and product == _UNKNOWN:
                continue
            assert isinstance(rated, RatedUsage), rated
            total += rated.amount + rated.restated
        return total

    def counted(self, unit: str, month: str) -> Decimal:
        """Return the units that the counter of a price has in the month that begins at a time."""
        code = self._code_of[unit]
        counter = Counter(CounterKind.TIER, f"p/{code}")
        start_ms = self._engine.event(code, at=month).started_at_ms
        name = counter.name(subscription_id="s-1", unit="unit")
        return self._engine.tallies.of(name, start_ms).quantity


def _priced(
    price: Mapping[str, Any], prices: Mapping[str, Mapping[str, Any]], credit: str = "0"
) -> Catalogue:
    return Catalogue(prices, zone=_zone(price), credit=credit)


def _of_the_month(price: Mapping[str, Any]) -> Catalogue:
    return _priced(price, _month_prices(price))


def _less_billed(
    vector: Vector, prices: Mapping[str, Mapping[str, Any]], uses: Sequence[Use]
) -> dict[str, Any]:
    """Return what usage comes to, and what of it is not billed yet."""
    billed = str(vector.usage["already_billed_amount"])
    return {
        "gross": _priced(vector.price, prices).charge(uses),
        "amount": _priced(vector.price, prices, billed).charge(uses),
    }


def _invoice_lines(vector: Vector) -> dict[str, Any]:
    """Raise: no price is asked for."""
    raise NotExpressible(_INVOICED)


def _number(value: Any) -> Decimal:
    return Decimal(str(value))


def _text(value: Decimal) -> str:
    """Return a decimal as the catalogue writes it."""
    return format(value, "f")


MODELS: Adapter = {
    "consumable": _consumable,
    "consumable_period": _consumable_period,
    "consumable_amount_incremental": _consumable_amount_incremental,
    "consumable_incremental": _consumable_incremental,
    "capacity": _capacity,
    "capacity_max": _capacity_max,
    "capacity_incremental": _capacity_incremental,
    "period_rollup": _period_rollup,
    "already_billed_sum": _invoice_lines,
    "already_billed_by_tier": _invoice_lines,
}
