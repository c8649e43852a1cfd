from decimal import Decimal

import pytest

from counters.count import add, count, product_counter
from counters.period import close
from counters.state import NEW_BUCKET, NEW_HEAD, Bucket, Head
from schemas.ledger import Unbilled
from schemas.refusal import RefusalReason, Refused
from tests.ledger_builders import DECEMBER, NOVEMBER, OCTOBER, SEPTEMBER, charge_after, period_close


def voice(records, amount, *, period=OCTOBER, product_type="call"):
    return Unbilled("voice", product_type, period, "EUR", records, amount)


def test_the_first_charge_has_sequence_1_and_is_unbilled_in_its_own_period():
    head, charge = charge_after(NEW_HEAD, "0.10")
    assert head == Head(1, 0, (voice(1, "0.10"),))
    assert charge.bill_period_ms == charge.usage_period_ms == OCTOBER


def test_charges_of_one_product_and_period_add_up():
    head, _ = charge_after(NEW_HEAD, "0.10")
    head, _ = charge_after(head, "0.1016666667")
    assert head == Head(2, 0, (voice(2, "0.2016666667"),))


@pytest.mark.parametrize(
    "other",
    [{"product": "data"}, {"usage_period_ms": NOVEMBER}, {"product_type": "roaming"}],
    ids=["product", "period", "product type"],
)
def test_charges_are_kept_apart_by(other):
    head, _ = charge_after(NEW_HEAD, "0.10")
    head, _ = charge_after(head, "0.20", **other)
    assert [entry.amount for entry in head.unbilled] == ["0.10", "0.20"]
    assert head.sequence == 2


def test_a_charge_keeps_the_place_of_its_entry():
    """Replay must give the same bytes, so the order of the entries is that of their beginning."""
    head = NEW_HEAD
    for product in ("voice", "data", "voice"):
        head, _ = charge_after(head, "0.10", product=product)
    assert [(e.product, e.records) for e in head.unbilled] == [("voice", 2), ("data", 1)]


def test_late_usage_is_unbilled_in_the_first_open_period():
    head, charge = charge_after(Head(5, OCTOBER, ()), "0.10", usage_period_ms=SEPTEMBER)
    assert (charge.usage_period_ms, charge.bill_period_ms) == (SEPTEMBER, OCTOBER)
    assert head.unbilled == (voice(1, "0.10"),)


def test_a_charge_in_another_currency_than_what_is_unbilled_is_refused():
    head, _ = charge_after(NEW_HEAD, "0.10")
    refused = count(
        head,
        product="data",
        product_type="data",
        amount=Decimal("1"),
        currency="GBP",
        usage_period_ms=OCTOBER,
    )
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.CURRENCY_MISMATCH


def test_another_currency_is_welcome_once_nothing_is_unbilled():
    head, _ = charge_after(Head(9, OCTOBER, ()), "0.10", currency="GBP")
    assert head.unbilled[0].currency == "GBP"


def test_a_sum_has_every_digit_also_past_those_of_the_default_context():
    head, _ = charge_after(NEW_HEAD, "99999999999999999999.0000000001")
    head, _ = charge_after(head, "0.00000000000000000001")
    assert head.unbilled[0].amount == "99999999999999999999.00000000010000000001"


def test_a_bucket_counts_records_quantity_and_amount():
    bucket = add(NEW_BUCKET, quantity=Decimal("61"), amount=Decimal("0.10"))
    bucket = add(bucket, quantity=Decimal("0.5"), amount=Decimal("-0.04"))
    assert bucket == Bucket(2, "61.5", "0.06")


def test_a_bucket_that_counts_units_only_keeps_its_amount():
    assert add(NEW_BUCKET, quantity=Decimal("61")) == Bucket(1, "61", "0")


def test_seconds_and_bytes_and_currencies_have_counters_of_their_own():
    names = {
        product_counter("session", unit=unit, currency=currency)
        for unit in ("s", "B")
        for currency in ("EUR", "GBP")
    }
    assert len(names) == 4


def shut(head, start_ms, end_ms):
    return close(head, period_close(start_ms, end_ms), source_partition=0, source_offset=77)


def test_a_close_gives_its_period_to_the_bill_run_and_leaves_the_next_one():
    september, october = voice(2, "1.00", period=SEPTEMBER), voice(1, "0.50")
    head, closed = shut(Head(3, SEPTEMBER, (september, october)), SEPTEMBER, OCTOBER)
    assert head == Head(4, OCTOBER, (october,))
    assert closed.sequence == 4
    assert closed.closed == (september,)
    assert closed.unbilled == (october,)
    assert (closed.period_start_ms, closed.period_end_ms) == (SEPTEMBER, OCTOBER)
    assert closed.first_open_period_ms == OCTOBER
    assert closed.source_offset == 77


def test_a_close_of_a_period_without_usage_is_a_record_too():
    head, closed = shut(NEW_HEAD, SEPTEMBER, OCTOBER)
    assert head == Head(1, OCTOBER, ())
    assert closed.closed == ()


@pytest.mark.parametrize(
    ("start_ms", "end_ms"),
    [(OCTOBER, NOVEMBER), (SEPTEMBER, OCTOBER)],
    ids=["the same again", "an older one"],
)
def test_a_close_of_what_is_closed_changes_nothing(start_ms, end_ms):
    before = Head(8, NOVEMBER, (voice(1, "0.50", period=NOVEMBER),))
    assert shut(before, start_ms, end_ms) == (before, None)


def test_a_longer_close_from_the_same_start_is_another_close():
    """Readers know a close by its id."""
    head, first = shut(NEW_HEAD, SEPTEMBER, OCTOBER)
    head, second = shut(head, SEPTEMBER, NOVEMBER)
    assert first.period_closed_id != second.period_closed_id
    assert head == Head(2, NOVEMBER, ())


def test_a_close_includes_the_periods_before_it_that_were_left_open():
    august = voice(1, "0.10", period=SEPTEMBER)
    october = voice(1, "0.20", period=OCTOBER)
    december = voice(1, "0.30", period=DECEMBER)
    head, closed = shut(Head(3, 0, (august, october, december)), OCTOBER, NOVEMBER)
    assert closed.closed == (august, october)
    assert head == Head(4, NOVEMBER, (december,))
