"""An account that moves to another zone while samples of its month wait for the close."""

from decimal import Decimal

import pytest

from rating.catalogue import check, compile
from schemas.ledger import CLOSING, Charge
from schemas.period import month_of, month_start_ms
from tests.ledger_builders import period_close
from tests.rate_world import MemoryStage, account, event, reference_of

BERLIN, TOKYO, PARIS = "Europe/Berlin", "Asia/Tokyo", "Europe/Paris"
DAY_MS = 24 * 3_600_000
CATALOGUE = """
products:
  data: {type: data, usage_kind: data, unit: MB}
plans:
  basic:
    currency: EUR
    prices:
      line: {product: data, price: {model: per_unit, amount: 2, per: 1 MB, aggregate: {percentile: 100}}}
"""


def stage():
    """Return a stage whose account is in Berlin, at a price for the largest sample of the month."""
    document = check({"plans.yaml": CATALOGUE.encode()}).document
    assert document is not None
    return MemoryStage(accounts=(account("a-1", zone=BERLIN),), catalogue=compile(document, 7))


def sample(rate, number, quantity, zone, *, day, month=10):
    """Rate one sample of a day by the account's clock."""
    at_ms = month_start_ms(zone, 2026, month) + (day - 1) * DAY_MS
    rate.batch(event(number, "data", str(quantity), at_ms=at_ms, zone=zone))


def move(rate, zone):
    rate.step.reference = reference_of(account("a-1", zone=zone), version=3)


def close(rate, zone, *, month=10):
    """Close a month by the account's clock; return what that asked for."""
    known = len(asked(rate))
    rate.batch(period_close(*month_of(month_start_ms(zone, 2026, month), zone=zone)))
    return [amount for amount in asked(rate)[known:] if amount]


def asked(rate):
    return [
        Decimal(each.amount)
        for each in rate.ledger()
        if isinstance(each, Charge) and each.usage_kind == CLOSING
    ]


def test_zones_whose_months_begin_together_have_the_same_samples():
    rate = stage()
    sample(rate, 1, 30, BERLIN, day=5)
    move(rate, PARIS)
    sample(rate, 2, 20, PARIS, day=20)
    assert close(rate, PARIS) == [60]


def test_a_month_that_was_closed_before_the_move_is_priced_once():
    rate = stage()
    sample(rate, 1, 30, BERLIN, day=5)
    assert close(rate, BERLIN) == [60]
    move(rate, TOKYO)
    sample(rate, 2, 20, TOKYO, day=20, month=11)
    assert close(rate, TOKYO, month=11) == [40]
    move(rate, BERLIN)
    assert close(rate, BERLIN, month=12) == []


@pytest.mark.parametrize("zone", [TOKYO, "America/New_York"])
def test_samples_that_are_open_wait_for_a_close_in_their_own_zone(zone):
    """The month begins anew in the new zone; what was sampled before is not priced by its closes, and is
    not lost: it is priced once the account is closed in the zone that it was in."""
    rate = stage()
    sample(rate, 1, 30, BERLIN, day=5)
    move(rate, zone)
    sample(rate, 2, 20, zone, day=20)
    assert close(rate, zone) == [40]
    assert close(rate, zone, month=11) == []
    move(rate, BERLIN)
    assert close(rate, BERLIN, month=12) == [60]
    move(rate, zone)
    assert close(rate, zone, month=12) == []
