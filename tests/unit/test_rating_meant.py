"""What was meant by a unit or a quantity that is written almost as we read it."""

import pytest

from rating.meant import meant_quantity, meant_unit


@pytest.mark.parametrize(
    ("text", "unit", "meant"),
    [
        ("10GB", "B", "10 GB"),
        ("10 gb", "B", "10 GB"),
        ("10gb", None, "10 GB"),
        ("5 minuts", "s", "5 minutes"),
        ("5 mins", "s", "5 min"),
        ("30sec", "s", "30 second"),
        ("1.5kwh", "Wh", "1.5 kWh"),
        ("1000records", "record", "1000 records"),
        ("gb", "B", "GB"),
        ("10devices", "devices", "10 devices"),
        ("10devices", None, "10 devices"),
    ],
)
def test_a_quantity_that_is_nearly_one(text, unit, meant):
    assert meant_quantity(text, unit=unit) == f" (did you mean {meant}?)"


@pytest.mark.parametrize(
    ("text", "unit"),
    [("10 GB", "s"), ("10 GB", "B"), ("10 widgets", "B"), ("1.2.3GB", "B"), ("ten GB", "B")],
    ids=["another kind", "as it should be", "like none", "no number", "a word"],
)
def test_what_nothing_is_near(text, unit):
    assert meant_quantity(text, unit=unit) == ""


def test_letters_that_are_too_few_to_tell_mean_nothing():
    assert meant_unit("m", unit="s") is None
    assert meant_unit("se", unit="s") is None
