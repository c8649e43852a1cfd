from decimal import Decimal as D

import pytest

from rating.units import convert, convertible, readable, short_name


@pytest.mark.parametrize(
    ("quantity", "unit", "to", "converted"),
    [
        ("10", "GB", "B", "10000000000"),
        ("1", "GiB", "bytes", "1073741824"),
        ("1000", "min", "s", "60000"),
        ("0.1", "kWh", "Wh", "100"),
        ("3", "message", "message", "3"),
        ("1000", "records", "record", "1000"),
    ],
)
def test_a_quantity_is_written_in_a_smaller_unit_exactly(quantity, unit, to, converted):
    assert convert(D(quantity), unit, to=to) == D(converted)


@pytest.mark.parametrize(
    ("unit", "to"),
    [("GB", "s"), ("s", "min"), ("message", "record"), ("kB", "KiB")],
    ids=["another kind", "to a larger one", "two unknown ones", "not a whole multiple"],
)
def test_other_units_are_not_converted(unit, to):
    assert not convertible(unit, to=to)


@pytest.mark.parametrize(
    ("quantity", "unit", "text"),
    [
        ("60000", "s", "1000 min"),
        ("61", "s", "61 s"),
        ("59.5", "s", "59.5 s"),
        ("0", "s", "0 s"),
        ("10500000000", "B", "10.5 GB"),
        ("10000000001", "B", "10.000000001 GB"),
        ("999", "bytes", "999 bytes"),
        ("742000", "Wh", "742 kWh"),
        ("1", "record", "1 record"),
        ("-1", "record", "-1 record"),
        ("5", "record", "5 records"),
        ("0", "record", "0 records"),
        ("3", "device", "3 device"),
    ],
)
def test_a_person_reads_a_quantity_in_a_unit_that_suits_it(quantity, unit, text):
    assert readable(D(quantity), unit) == text


@pytest.mark.parametrize(
    ("name", "short"),
    [
        *(("seconds", "s"), ("s", "s"), ("minute", "min"), ("bytes", "B"), ("records", "record")),
        *(("kWh", "kWh"), ("seat", "seat")),
    ],
)
def test_a_unit_has_one_short_name(name, short):
    assert short_name(name) == short
