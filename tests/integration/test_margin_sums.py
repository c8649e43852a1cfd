"""Margins summed by the database: what was charged before a month got its costs, and what was taken back."""

from decimal import Decimal

import pytest

from schemas.ledger import CORRECTION, REVERSAL, OtherRating
from sinks.margin_queries import By, margin_sums
from sinks.partitions import Month
from tests.sink_world import NOVEMBER

MONTH = Month(2026, 11)
GERMANY = ("prefix", "49", "Germany", "world")


def cost(amount):
    return (
        OtherRating(
            name="cost",
            plan="carrier",
            price_id="carrier/x",
            billed="0",
            amount=amount,
            currency="EUR",
            explanation=(),
        ),
    )


@pytest.fixture
def ledger(tables):
    return tables.ledger


async def sums(tables, by=By.PRODUCT):
    found = await margin_sums(tables.pool, MONTH, by)
    return [
        (one.of, one.records, Decimal(one.before), Decimal(one.amount)) for one in found.sums
    ], [(one.kind, one.charges, Decimal(one.amount)) for one in found.others]


async def test_what_was_charged_before_the_costs_were_known_is_what_they_are_paid_from(
    tables, ledger
):
    """Two calls of ten, and a month that was rated anew: six for each of them."""
    ledger.charge("10.00")
    ledger.charge("10.00")
    ledger.charge("5.00", price_id="p-2")  # of a price without costs
    ledger.charge("0.00", usage_kind=CORRECTION, used="0", other_ratings=cost("12.00"))
    ledger.charge("1.00", usage_kind=CORRECTION, used="0")
    await tables.load_written()
    assert await sums(tables) == (
        [("voice", 2, Decimal(20), Decimal(12))],
        [("usage", 1, Decimal(5)), ("correction", 1, Decimal(1))],
    )


async def test_what_was_taken_back_is_taken_from_its_destination(tables, ledger):
    ledger.charge("10.00", explanation=(GERMANY,), other_ratings=cost("6.00"))
    ledger.charge(
        "-10.00",
        usage_kind=REVERSAL,
        used="-61",
        billed="-120",
        explanation=(("reversed", "0" * 32), GERMANY),
        other_ratings=cost("-6.00"),
    )
    ledger.charge(
        "10.00",
        explanation=(("prefix", "1", "United States", "world"),),
        other_ratings=cost("6.00"),
        usage_period_ms=NOVEMBER,
    )
    await tables.load_written()
    assert (await sums(tables, By.DESTINATION))[0] == [
        ("Germany", 0, Decimal(0), Decimal(0)),
        ("United States", 1, Decimal(10), Decimal(6)),
    ]
