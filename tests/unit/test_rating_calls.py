"""The price of a call that lies in one band is made once; it is the one that its hours come to."""

from decimal import Decimal as D
from functools import cache

import pytest

from pipeline.bench import call_alone
from rating import scheduling
from rating.catalogue import check, compile
from rating.catalogue.compiled import BandedCall
from rating.price.increments import Increments
from rating.price.per_unit import per_unit_price
from rating.price.tier import common_multiple
from rating.scheduling import call_in_bands, call_of_rows
from sources.generate.draw import Draw
from tests.rating_builders import Month, event, price_of


@cache
def banded_call() -> BandedCall:
    document = check(
        {"plans.yaml": call_alone._PLANS, "cards/world.csv": call_alone._CARD}
    ).document
    offer = compile(document, 1).plans["by-call"].offers["voice"]
    model = offer.entries[0].rules[0].model
    assert isinstance(model, BandedCall)
    return model


def test_what_a_call_in_one_band_meets_is_what_its_hours_come_to():
    model, draw, schedules = banded_call(), Draw(7, "calls"), set()
    for _ in range(2_000):
        usage = call_alone._event(draw)
        used, fee = usage.quantities["s"], D("0.05")
        made = call_in_bands(model.bands, model.rates, fee, event=usage, used_units=used)
        found = call_in_bands(
            *(model.bands, model.rates, fee),
            event=usage,
            used_units=used,
            in_one_band=model.in_one_band,
        )
        assert found == made
        assert repr(found.schedule) == repr(made.schedule)  # the texts of its numbers too
        schedules.add(tuple(stretch.name for stretch in found.schedule))
    assert schedules >= {("peak", "peak"), ("off-peak",), ("off-peak", "peak")}


def row_of(amount="0.10", first="60", following="1"):
    increments = Increments(D(first), D(following))
    return per_unit_price(D(amount), D(60), increments, D("0.05"))


def of_row(row, at=None):
    """Return what a call of a second meets, at a row for the band in which it begins."""
    bands = banded_call().bands
    usage = at or call_alone._event(Draw(7, "calls"))
    return call_of_rows(lambda band: None, row, bands, event=usage, used_units=D(1))


def test_equal_rows_that_are_written_otherwise_keep_their_texts():
    rows = [row_of(), row_of(first="60.0"), row_of(following="1.00")]
    assert rows[0] == rows[1] == rows[2]
    for row in rows * 2:  # the second time they are kept
        *_, lines = of_row(row).worked_out
        assert [behind[0] for *_, behind in lines] == row.increments.notation.split("/")


def test_a_row_that_prices_several_bands_is_charged_in_that_of_the_call():
    draw, row, names = Draw(7, "calls"), row_of(), set()
    bands = banded_call().bands
    for _ in range(200):
        usage = call_alone._event(draw)
        begins = bands.at_instant(usage.started_at_ms, zone=usage.zone)
        assert {stretch.name for stretch in of_row(row, usage).schedule} == {begins}
        names.add(begins)
    assert len(names) == 2


def test_what_rows_that_are_gone_came_to_says_nothing_of_others_that_lie_where_they_lay(
    monkeypatch,
):
    """They are known by their address, and no more of them are kept than there is room for."""
    monkeypatch.setattr(scheduling, "_kept", {})
    monkeypatch.setattr(scheduling, "_MOST_KEPT", 8)
    for number in range(100):
        found = of_row(row_of(f"0.{number}"))
        assert {stretch.rate.amount for stretch in found.schedule} == {D(f"0.{number}")}
        assert found.connect_fee == D("0.05")
        assert len(scheduling._kept) <= 8


@pytest.mark.parametrize(
    ("values", "least"),
    [({D(60), D(1)}, "60"), ({D("60.0"), D("1.00")}, "60"), ({D("1.5"), D(2)}, "6")],
)
def test_the_common_multiple_does_not_depend_on_how_numbers_are_written(values, least):
    for _ in range(2):  # the second time it is remembered
        assert str(common_multiple(values)) == least


async def test_a_call_is_measured_by_its_tariff_and_by_a_card(monkeypatch):
    monkeypatch.setattr(call_alone, "_CALLS", 2_000)
    figures = await call_alone.call(None, None)
    assert set(figures) == {"call_tariff_us_per_record", "card_tariff_us_per_record"}
    assert all(figure > 0 for figure in figures.values())


@pytest.mark.parametrize("used", ["0", "0.00", "0.000"])
def test_a_call_of_nothing_that_is_priced_has_its_fee_and_bills_nothing_as_it_was_measured(used):
    rates = "rates: [{amount: 0.20, per: 1 min, increment: 1 min}]"
    catalogue = price_of(f"{{model: call, connect_fee: 0.05, {rates}}}", product="priced")
    rated = Month(catalogue).rate(event("priced", s=used))
    assert (str(rated.billed), rated.amount) == (used, D("0.05"))
