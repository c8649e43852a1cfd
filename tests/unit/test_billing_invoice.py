"""An invoice from charges: lines, one rounding each, totals that a reader can add up."""

from decimal import Decimal
from uuid import UUID

import pytest

from billing.currency import currency_places
from billing.invoice import Billable, build_invoice
from billing.number import invoice_number


def _charge(number, amount, **fields):
    values = {
        "product": "voice",
        "product_type": "call",
        "unit": "s",
        "tax_code": None,
        "currency": "EUR",
        "records": 1,
        "quantity": Decimal(60),
        "amount": Decimal(amount),
        "usage_from_ms": number,
        "usage_to_ms": number,
        "charges": ((number, UUID(int=number)),),
        **fields,
    }
    return Billable(**values)


def test_a_line_adds_up_exactly_and_rounds_once():
    """Three times 0.333 shown one by one would be 0.99; together they are 0.999, so 1.00."""
    body = build_invoice([_charge(number, "0.333") for number in range(3)])
    [line] = body.lines
    assert (line.charges, line.amount, body.total) == (
        Decimal("0.999"),
        Decimal("1.00"),
        Decimal("1.00"),
    )


def test_the_total_is_the_sum_of_the_lines_as_shown():
    body = build_invoice(
        [_charge(1, "0.005"), _charge(2, "0.005", product="sms", product_type="message")]
    )
    assert [line.amount for line in body.lines] == [Decimal("0.01"), Decimal("0.01")]
    assert body.total == Decimal("0.02")


@pytest.mark.parametrize(
    "other",
    [{"product": "data"}, {"unit": "byte"}, {"tax_code": "T1"}, {"product_type": "session"}],
    ids=lambda other: next(iter(other)),
)
def test_what_differs_is_on_a_line_of_its_own(other):
    body = build_invoice([_charge(1, "1.00"), _charge(2, "1.00", **other)])
    assert len(body.lines) == 2


def test_lines_are_in_order_of_product_whatever_came_first():
    body = build_invoice([_charge(1, "1", product="z"), _charge(2, "1", product="a")])
    assert [line.product for line in body.lines] == ["a", "z"]


def test_what_two_months_have_on_a_line_is_in_order_of_sequence():
    """The charges of an account are in order of arrival, whichever month they are of."""
    odd = _charge(0, "3", charges=tuple((number, UUID(int=90 - number)) for number in (1, 3, 5)))
    even = _charge(9, "2", records=2, charges=((2, UUID(int=2)), (4, UUID(int=4))))
    body = build_invoice([even, odd])
    [line] = body.lines
    assert [charge_id.int for charge_id in line.charge_ids] == [89, 2, 87, 4, 85]
    assert (line.records, line.charges) == (3, Decimal(5))
    assert (body.usage_from_ms, body.usage_to_ms) == (0, 9)


def test_a_credit_takes_away():
    body = build_invoice([_charge(1, "1.00"), _charge(2, "-2.50")])
    assert body.total == Decimal("-1.50")


def test_totals_by_tax_code_add_up_to_the_total():
    body = build_invoice(
        [_charge(1, "1.00"), _charge(2, "2.00", tax_code="T1"), _charge(3, "3", tax_code="T1")]
    )
    assert [(tax.tax_code, tax.amount) for tax in body.tax_totals] == [
        (None, Decimal("1.00")),
        ("T1", Decimal("5.00")),
    ]


@pytest.mark.parametrize(
    ("currency", "amount", "shown"),
    [("EUR", "0.125", "0.13"), ("JPY", "12.5", "13"), ("KWD", "0.0005", "0.001")],
)
def test_an_amount_has_the_places_of_its_currency(currency, amount, shown):
    body = build_invoice([_charge(1, amount, currency=currency)])
    assert str(body.total) == shown


def test_most_currencies_have_two_places():
    assert [currency_places(code) for code in ("USD", "XAF", "TND", "CLF")] == [2, 0, 3, 4]


@pytest.mark.parametrize(
    "charges",
    [[], [_charge(1, "1"), _charge(1, "1")], [_charge(1, "1"), _charge(2, "1", currency="USD")]],
    ids=["none", "one twice", "two currencies"],
)
def test_what_no_invoice_can_hold_is_a_bug(charges):
    with pytest.raises(AssertionError):
        build_invoice(charges)


def test_a_number_is_of_its_company_and_sorts_as_text():
    assert invoice_number("acme", 42) == "acme-000042"
    assert invoice_number("acme", 1_000_000) == "acme-1000000"
