"""The price of a call that lies in one band is made once; it is the one that its hours come to."""

from decimal import Decimal as D

import pytest

from pipeline.bench import call_alone
from rating.catalogue import check, compile
from rating.catalogue.compiled import BandedCall
from rating.price.tier import common_multiple
from rating.scheduling import call_in_bands
from sources.generate.draw import Draw


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
        event = call_alone._event(draw)
        used, fee = event.quantities["s"], D("0.05")
        made = call_in_bands(model.bands, model.rates, fee, event=event, used_units=used)
        found = call_in_bands(
            *(model.bands, model.rates, fee),
            event=event,
            used_units=used,
            in_one_band=model.in_one_band,
        )
        assert found == made
        assert repr(found.schedule) == repr(made.schedule)  # the texts of its numbers too
        schedules.add(tuple(stretch.name for stretch in found.schedule))
    assert schedules >= {("peak", "peak"), ("off-peak",), ("off-peak", "peak")}


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
