"""Whom the close of a month asks for what, where conditions, versions and zones change within it."""

from decimal import Decimal

import msgspec
import pytest

from rating.catalogue import check, compile
from schemas.ledger import CLOSING, Charge
from schemas.period import month_of, month_start_ms
from schemas.reference import AccountAttributes
from tests.ledger_builders import OCTOBER, period_close
from tests.rate_world import MemoryStage, account, event, reference_of

PRODUCTS = """
products:
  data: {type: data, usage_kind: data, unit: MB, below_zero: mirror}
  sms: {type: message, usage_kind: message, unit: record}
plans:
  basic:
    currency: EUR
    prices:
"""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def stage_of(prices, who=None):
    document = check({"plans.yaml": (PRODUCTS + prices).encode()})
    assert document.document is not None, document.errors
    return MemoryStage(accounts=(who or account("a-1"),), catalogue=compile(document.document, 7))


def closings(stage):
    return [
        (charge.price_id, Decimal(charge.amount))
        for charge in stage.ledger()
        if isinstance(charge, Charge) and charge.usage_kind == CLOSING
    ]


def gold(*from_days):
    """Return an account that is gold from these days of October on, and not in between."""
    entries = tuple(
        AccountAttributes(
            valid_from_ms=OCTOBER + (day - 1) * DAY_MS,
            values={"vip": "gold"} if place % 2 == 0 else {},
        )
        for place, day in enumerate(from_days)
    )
    return msgspec.structs.replace(account("a-1"), attributes=entries)


def close(stage):
    _, end_ms = month_of(OCTOBER, zone="UTC")
    stage.batch(period_close(OCTOBER, end_ms))


BY_VIP = """
      gold: {product: sms, when: account.vip == "gold", price: {model: flat, amount: 0.50, least: {month: LEAST}}}
      standard: {product: sms, price: {model: flat, amount: 1.00, least: {month: LEASTS}}}
"""


def by_vip(least, leasts):
    return BY_VIP.replace("LEASTS", leasts).replace("LEAST", least)


def test_a_price_that_another_one_hides_all_month_asks_for_nothing():
    stage = stage_of(by_vip("5", "10"), gold(1))
    stage.batch(event(1, "sms", at_ms=OCTOBER + DAY_MS))
    close(stage)
    assert closings(stage) == [("basic/gold", Decimal("4.50"))]


def test_each_price_asks_for_the_days_on_which_it_could_be_had():
    """Ten days of 62 / 31, and 21 of 31 / 31."""
    stage = stage_of(by_vip("31, by_days: yes", "62, by_days: yes"), gold(11))
    close(stage)
    assert closings(stage) == [("basic/gold", Decimal(21)), ("basic/standard", Decimal(20))]


def test_a_condition_on_another_destination_hides_nothing():
    prices = by_vip("5", "10").replace(
        "gold: {product: sms,", 'gold: {product: sms, destinations: ["49"],'
    )
    stage = stage_of(prices, gold(1))
    close(stage)
    assert closings(stage) == [("basic/gold", Decimal(5)), ("basic/standard", Decimal(10))]


def test_a_version_that_ends_within_the_month_is_asked_for():
    stage = stage_of(
        """
      message:
        product: sms
        versions:
          - {valid_from: 2026-01-01, valid_to: 2026-10-20, price: {model: flat, amount: 1, least: {month: 10}}}
"""
    )
    stage.batch(event(1, "sms", at_ms=OCTOBER + 4 * DAY_MS))
    close(stage)
    assert closings(stage) == [("basic/message", Decimal(9))]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_month_that_was_closed_is_closed_in_every_zone(zone):
    berlin = account("a-1", zone="Europe/Berlin")
    stage = stage_of(
        "\n      message: {product: sms, price: {model: flat, amount: 1, least: {month: 10}}}",
        berlin,
    )
    start_ms, end_ms = month_of(OCTOBER + DAY_MS, zone="Europe/Berlin")
    stage.batch(
        event(1, "sms", at_ms=start_ms, zone="Europe/Berlin"), period_close(start_ms, end_ms)
    )
    stage.step.reference = reference_of(account("a-1", zone=zone), version=3)
    start_ms = month_start_ms(zone, 2026, 11)
    _, end_ms = month_of(start_ms, zone=zone)
    stage.batch(event(2, "sms", at_ms=start_ms + DAY_MS, zone=zone), period_close(start_ms, end_ms))
    assert closings(stage) == [("basic/message", Decimal(9))] * 2


@pytest.mark.parametrize(
    "prices",
    [
        """
      big: {product: data, when: quantity > 100, price: {model: per_unit, amount: 0.05, per: 1 MB}}
      small: {product: data, price: {model: per_unit, amount: 0.20, per: 1 MB}}
""",
        """
      data:
        product: data
        price: {model: per_unit, amount: 1, per: 1 MB, discount: [{percent: 50, when: quantity > 10}]}
""",
    ],
    ids=["a price", "a discount"],
)
@pytest.mark.parametrize("units", ["12", "150"])
def test_what_is_taken_back_costs_what_was_used(prices, units):
    stage = stage_of(prices)
    stage.batch(
        event(1, "data", units, at_ms=OCTOBER), event(2, "data", f"-{units}", at_ms=OCTOBER)
    )
    amounts = [Decimal(charge.amount) for charge in stage.ledger()]
    assert len(amounts) == 2
    assert sum(amounts) == 0 < amounts[0]
