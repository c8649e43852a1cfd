"""`ratemill charges`: what its table says, which kinds it takes, what it says where there are none."""

import datetime as dt

import pytest
import typer

from pipeline.cli.charges import NoneFound, columns_and_rows, look_at_kind, words_of_none
from sinks.charge_queries import ListedCharge

CHARGE = ListedCharge(
    started_at=dt.datetime(2026, 10, 31, 23, 30, tzinfo=dt.UTC),
    charge_id="1c1d7a52d5e3a5f8e4e2a9d0c9f9b7a1",
    subscription_id="fleet-1",
    product="iot-data",
    usage_kind="data",
    destination=None,
    used="40",
    billed="40",
    unit="B",
    amount="0.4000000000",
    currency="EUR",
    price_id="traffic/data",
    invoice_number=None,
    other_ratings=(),
    corrects=None,
    month="2026-11",
    bill_month="2026-11",
)


def test_a_charge_has_the_month_of_its_account_beside_the_instant_in_utc():
    columns, (row,) = columns_and_rows([CHARGE])
    assert columns[:2] == ["Usage, UTC", "Month"]
    assert row[:2] == ("2026-10-31 23:30:00", "2026-11")
    assert "Billed with" not in columns


def test_the_month_of_the_bill_is_a_column_where_one_is_billed_with_another():
    late = CHARGE._replace(bill_month="2026-12")
    columns, rows = columns_and_rows([CHARGE, late])
    assert {len(row) for row in rows} == {len(columns)}
    at = columns.index("Billed with")
    assert [row[at] for row in rows] == ["2026-11", "2026-12"]


@pytest.mark.parametrize(
    ("none", "said"),
    [
        (NoneFound(False, False), "There is no account acme: no version of the reference data has"),
        (NoneFound(False, False, " Did you mean acme-1?"), "Did you mean acme-1?"),
        (NoneFound(True, False), "Account acme has no charges yet."),
        (NoneFound(True, True), "Account acme has no charge that is as you ask."),
        (NoneFound(False, True), "Account acme has no charge that is as you ask."),
    ],
)
def test_no_charge_no_charges_and_no_account_are_three_things(none, said):
    assert said in words_of_none("acme", none)


@pytest.mark.parametrize("is_loaded", [True, False])
@pytest.mark.parametrize("has_charges", [True, False])
def test_an_account_is_known_that_is_loaded_or_was_charged(is_loaded, has_charges):
    assert NoneFound(is_loaded, has_charges).is_known is (is_loaded or has_charges)


@pytest.mark.parametrize("kind", ["voice", "adjustment", "closing", "correction", "reversal"])
def test_a_kind_of_usage_and_those_of_charges_are_known(kind):
    look_at_kind(kind, {"voice"})


def test_another_kind_is_refused_with_what_was_meant():
    with pytest.raises(typer.BadParameter) as refused:
        look_at_kind("corection", {"voice"})
    assert refused.value.message == (
        "'corection' is no kind of charges. Kinds are adjustment, closing, correction, reversal, "
        "voice. Did you mean correction?"
    )
