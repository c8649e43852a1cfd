"""The catalogue of the standard workload: a large card with peak and off-peak, tiers, limits."""

from __future__ import annotations

from collections.abc import Iterator

from sources.generate.draw import Curve, Draw, Weighted, skewed

PLANS_FILE = "plans.yaml"
CARD_FILE = "cards/world.csv"

_HOME = "49"
_HOME_PARTS = 8  # one prefix of so many is at home
_DIGITS = Curve((1, 2, 3, 3, 4, 5, 6))  # behind the code of a country
_INCREMENTS = Weighted(("60,60", "60,1", "30,6", "1,1"), (2, 5, 2, 1))

PLANS = """\
products:
  voice: {name: Calls, type: telephony, usage_kind: voice, unit: s, zero_usage: filter}
  iot-data: {name: Device data, type: iot, usage_kind: data, unit: B}
  iot-message: {name: Device messages, type: iot, usage_kind: message, unit: record}
bands:
  hours:
    peak: ["Mon-Fri 08:00-18:00"]
    off-peak: otherwise
cards:
  world: {file: cards/world.csv, currency: EUR, unit: s, bands: hours}
plans:
  voice-basic:
    name: Calls by rate card
    currency: EUR
    prices:
      calls: {product: voice, price: {model: rate_card, card: world}}
  voice-bundle:
    name: Calls with minutes inside
    currency: EUR
    allowances:
      minutes: {units: 600 min}
    prices:
      calls: {product: voice, price: {model: rate_card, card: world, allowance: minutes}}
  iot:
    name: Devices
    currency: EUR
    allowances:
      messages: {units: 1000 record}
    prices:
      data:
        product: iot-data
        price:
          model: graduated
          per: 1 GB
          tiers:
            - {upto: 10 GB, amount: 1.00}
            - {upto: 20 GB, amount: 1.25}
            - {upto: 50 GB, amount: 1.50}
            - {amount: 2.00}
      messages:
        product: iot-message
        price: {model: flat, amount: 0.002, allowance: messages}
limits:
  unbilled: {scope: account, amount: 50.00, currency: EUR}
  calls: {scope: "product_type:telephony", amount: 40.00, currency: EUR, records: 2000}
"""


def card_prefixes(count: int, draw: Draw) -> list[str]:
    """Return that many prefixes, sorted, each once; an eighth of them at home."""
    # None begins with 99: the generator wants numbers that no row has a price for.
    countries = [str(number) for number in range(20, 99) if str(number) != _HOME]
    abroad = skewed(["1", "7", *countries], head=8)
    found: set[str] = {"1", "7", _HOME, *countries}
    while len(found) < count:
        country = _HOME if draw.below(_HOME_PARTS) == 0 else abroad.pick(draw)
        digits = _DIGITS.pick(draw)
        found.add(f"{country}{draw.below(10**digits):0{digits}d}")
    return sorted(found)[:count]


def card_rows(prefixes: list[str], draw: Draw) -> Iterator[str]:
    """Yield the lines of the card: a row for peak and one for off-peak of every prefix."""
    yield (
        "prefix,destination,price,per_units,first_units,following_units,connect_fee,band,"
        "valid_from,valid_to\n"
    )
    for prefix in prefixes:
        peak = draw.between(20, 4000)  # in ten-thousandths a minute
        increments = _INCREMENTS.pick(draw)
        fee = "0.05" if draw.below(10) == 0 else ""
        for band, price in (("off-peak", peak * 6 // 10), ("peak", peak)):
            amount = f"{price // 10_000}.{price % 10_000:04d}"
            yield f"{prefix},Destination {prefix},{amount},60,{increments},{fee},{band},,\n"
