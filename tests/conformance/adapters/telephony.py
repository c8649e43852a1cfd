"""Telephony: increments, least charges, prefixes and decks; rate-o-mat, and sessions of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rating.rate import RatedUsage
from schemas.money import round_amount
from schemas.refusal import RefusalReason, Refused
from tests.conformance.adapters import rateomat, sessions
from tests.conformance.adapters.sessions import as_printed, plain, rated_by, stretches_of
from tests.conformance.engine import Engine, one_price
from tests.conformance.outcome import Adapter, NotExpressible
from tests.conformance.vector import Vector

_CARD_COLUMNS = "prefix,destination,price,per_units,first_units,following_units"


# Increment pages: seconds, in increments such as 30/6.


def _increment(vector: Vector) -> dict[str, object]:
    """Return what a call bills and costs. Systems with a connect fee bill one without usage too."""
    price = vector.price
    model = {"model": "per_unit", "per": "1 min", "amount": plain(price["rate_per_min"])}
    zero_usage = "rate"
    if "connect_fee" in price:
        model["connect_fee"] = plain(price["connect_fee"])
        zero_usage = "price"
    found: dict[str, object] = {}

    def rate(steps: Mapping[str, Any]) -> Decimal:
        engine = one_price({**model, **_blocks(price), **steps}, unit="s", zero_usage=zero_usage)
        rated = rated_by(engine, engine.event("x", s=vector.usage))
        minutes = round_amount(rated.billed, divide_by=Decimal(60))
        found.update(billed_seconds=rated.billed, billed_minutes=minutes)
        return rated.amount

    found["amount"] = as_printed(vector, "amount", rate)
    return found | (_counted(price, vector.usage) if "first" in vector.expected else {})


def _blocks(price: Mapping[str, Any]) -> dict[str, str]:
    """Return a first block and increments after it; where the block is not a whole number of
    them, or is billed without usage, it is a floor under what increments are made of."""
    first, following = plain(price["min"]), plain(price["increment"])
    if not Decimal(first):
        return {"increments": f"{following}/{following}"}
    if Decimal(first) % Decimal(following) or "connect_fee" in price:
        return {"minimum_units": first, "increments": f"{following}/{following}"}
    return {"increments": f"{first}/{following}"}


def _counted(price: Mapping[str, Any], used: object) -> dict[str, object]:
    """Return how many increments a call has, the first apart."""
    first, following = plain(price["min"]), plain(price["increment"])
    amount = {"amount": plain(price["rate_per_min"]), "per": "1 min"}
    rates = [{**amount, "increment": first}, {**amount, "increment": following, "from": first}]
    engine = one_price({"model": "call", "rates": rates}, unit="s")
    counts = [each.increments for each in stretches_of(rated_by(engine, engine.event("x", s=used)))]
    return {"first": counts[0], "additional": sum(counts[1:])}


def _increment_price(vector: Vector) -> dict[str, object]:
    """Return the increments of a call, at a price for each of them."""
    price = vector.price
    increment = plain(price["increment"])

    def rate(steps: Mapping[str, Any]) -> Decimal:
        amount = {"per": increment, "amount": plain(price["rate_per_increment"])}
        engine = one_price({"model": "per_unit", **amount, **_blocks(price), **steps}, unit="s")
        rated = rated_by(engine, engine.event("x", s=vector.usage))
        found["increments"] = rated.billed / Decimal(increment)
        return rated.amount

    found: dict[str, object] = {}
    found["amount"] = as_printed(vector, "amount", rate)
    return found


def _minute_min_charge(vector: Vector) -> dict[str, object]:
    """Return the charge for minutes, of which there is a least number and a least charge."""
    price = vector.price
    increment, least = plain(price["increment_minutes"]), plain(price["min_minutes"])
    model = {
        "model": "per_unit",
        "amount": plain(price["rate_per_min"]),
        "increments": f"{increment}/{increment}",
        "per": "1 min",
        "least": {"event": plain(price["min_charge"])},
    }
    if Decimal(least):
        model["minimum_units"] = least
    engine = one_price(model, unit="min", zero_usage="price")
    return {"amount": rated_by(engine, engine.event("x", min=vector.usage)).amount}


def _double_ceil(vector: Vector) -> dict[str, object]:
    """Return what a call costs in whole cents, and that in whole pence: rounded up both times."""
    if Decimal(str(vector.usage)) < 0:
        raise NotExpressible("A call shorter than nothing is refused before it is rated.")
    cents = {"rule": "up", "to": 1}
    pence = {"times": plain(vector.price["fx"]), "rule": "up", "to": 1}
    found = {}
    for key, rounding in (("usd_cents", cents), ("pence", [cents, pence])):
        price = {"model": "per_unit", "per": "1 min", "rounding": rounding}
        price["amount"] = plain(vector.price["cents_per_min"])
        engine = one_price(price, unit="s")
        found[key] = engine.charged([engine.event("x", s=vector.usage)])
    return found


def _per_minute_units(vector: Vector) -> dict[str, object]:
    """Return the cost of a call: free seconds first, cents cut off, then up to the next coin."""
    price = vector.price
    unit, free = plain(price["unit"]), plain(price["free_seconds"])
    model = {
        "model": "per_unit",
        "amount": plain(price["rate_per_min"]),
        "per": "1 min",
        "increments": f"{unit}/{unit}",
        "rounding": [
            {"rule": "down", "places": 0},
            {"rule": "up", "to": plain(price["round_up_to"])},
        ],
    }
    if Decimal(free):
        model["free_units"] = free
    engine = one_price(model, unit="s")
    return {"cost": rated_by(engine, engine.event("x", s=vector.usage)).amount}


# Prefixes.


def _sms_table(vector: Vector) -> dict[str, object]:
    """Return the cost of a message by its kind and, of some kinds, its prefix; a prefix without a
    price is free, so that is the last price of such a kind."""
    kinds: dict[str, dict[str, object]] = {}
    for name, rate in vector.price.items():
        kind, _, prefix = name.partition(":")
        kinds.setdefault(kind, {})[prefix] = rate
    prices = {}
    for kind, rates in kinds.items():
        rates = {"": 0, **rates}
        for prefix in sorted(rates, key=len, reverse=True):
            model = {"model": "flat", "amount": plain(rates[prefix])}
            where = {"destinations": [prefix]} if prefix else {}
            prices[f"{kind}-{prefix or 'other'}"] = {"product": kind, "price": model, **where}
    products = {kind: {"type": "t", "usage_kind": "u", "unit": "record"} for kind in kinds}
    engine = Engine({"products": products, "plans": {"p": {"currency": "EUR", "prices": prices}}})
    kind, _, number = vector.usage.partition(":")
    return {"cost": rated_by(engine, engine.event(kind, to=number or None)).amount}


def _prefix(vector: Vector) -> dict[str, object]:
    """Return the longest prefix of a number and its rate."""
    rated = _on_cards([(1, vector.price)], vector.usage)
    if rated is None:
        return dict.fromkeys(vector.expected, "UNKNOWN")
    prefix = next(step[1] for step in rated.explanation if step[0] == "prefix")
    return {"prefix": prefix, "rate": rated.amount}


def _multi_deck(vector: Vector) -> dict[str, object]:
    """Return the rate of a number on the one card that the decks of several providers make."""
    decks = vector.price["cards"]
    prefixes = {prefix for deck in decks for prefix in deck}
    of_card = {"classic": _rate_of, "provider": _rate_of_longest}[vector.price["mode"]]
    merged = {}
    for prefix in prefixes:
        rates = [rate for deck in decks if (rate := of_card(deck, prefix)) is not None]
        merged[prefix] = min(rates, key=Decimal)
    rated = _on_cards([(1, merged)], vector.usage)
    assert rated is not None, "a number that no deck knows"
    return {"rate": rated.amount}


def _rate_of(deck: Mapping[str, str], prefix: str) -> str | None:
    return deck.get(prefix)


def _rate_of_longest(deck: Mapping[str, str], number: str) -> str | None:
    longest = max((prefix for prefix in deck if number.startswith(prefix)), key=len, default=None)
    return None if longest is None else deck[longest]


def _prefix_tables(vector: Vector) -> dict[str, object]:
    """Return the size and the rate of the first table that knows a number."""
    tables = [(table["size"], table["prefixes"]) for table in vector.price["tables"]]
    rated = _on_cards(tables, vector.usage)
    if rated is None:
        return {"error": "table_lookup_failed"}
    return {"size": rated.billed, "rate": rated.amount}


def _on_cards(
    tables: Sequence[tuple[object, Mapping[str, object]]], number: str
) -> RatedUsage | None:
    """Return the charge for one second to a number, by cards in their order; a row is a price for
    each started ``size``. None where no card knows the number."""
    prices, cards, files = {}, {}, {}
    for place, (size, rates) in enumerate(tables):
        code = f"card-{place}"
        rows = [
            f"{prefix},{prefix},{plain(rate)},{size},{size},{size}"
            for prefix, rate in rates.items()
        ]
        files[f"{code}.csv"] = "\n".join([_CARD_COLUMNS, *rows])
        cards[code] = {"file": f"{code}.csv", "currency": "EUR", "unit": "s"}
        prices[code] = {
            "product": "x",
            "destinations": list(rates),
            "price": {"model": "rate_card", "card": code},
        }
    sections = {
        "products": {"x": {"type": "t", "usage_kind": "u", "unit": "s"}},
        "cards": cards,
        "plans": {"p": {"currency": "EUR", "prices": prices}},
    }
    engine = Engine(sections, cards=files)
    rated = engine.rate(engine.event("x", to=number, s=1))
    if isinstance(rated, Refused) and rated.reason is RefusalReason.UNKNOWN_DESTINATION:
        return None
    assert isinstance(rated, RatedUsage), rated
    return rated


MODELS: Adapter = {
    "increment": _increment,
    "increment_price": _increment_price,
    "minute_min_charge": _minute_min_charge,
    "double_ceil": _double_ceil,
    "per_minute_units": _per_minute_units,
    "sms_table": _sms_table,
    "prefix": _prefix,
    "multi_deck": _multi_deck,
    "prefix_tables": _prefix_tables,
    **rateomat.MODELS,
    **sessions.MODELS,
}
