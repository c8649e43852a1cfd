"""Matrices: what their files may say, how an event finds its row, and what is said of it."""

from decimal import Decimal as D

import msgspec
import pytest

from rating.catalogue import (
    MissingChunk,
    check,
    chunk_names,
    compile,
    compile_parts,
    diff,
    document_from_parts,
    document_to_parts,
)
from rating.catalogue.document_parts import MAX_CHUNK_BYTES
from rating.explain import sentences
from schemas.refusal import Refused
from tests.rating_builders import Month, at, charge_of, document_of, event, files_of

PRICE = "name,price,per_units,first_units,following_units"
HEADER = f"origin,destination,service_class,attribute.zone,{PRICE}"
DIMENSIONS = "[origin, destination, service_class, attribute.zone]"
ROWS = f"""{HEADER},connect_fee
49,44,,,Germany to the UK,0.30,60,60,1,
49,44,premium,,Premium to the UK,0.30,60,60,1,0.10
,,,eu,In the EU,0.06,60,60,1,
"""


def files(rows=ROWS, *, dimensions=DIMENSIONS, price="matrix: m", head=""):
    """Return the files of a plan with one price by a matrix ``m``; with bands ``hours`` beside it."""
    text = f"""
matrices:
  m: {{file: m.csv, currency: EUR, unit: s, dimensions: {dimensions}{head}}}
bands:
  hours: {{peak: [Mon-Fri 08:00-18:00], off-peak: otherwise}}
plans:
  p: {{currency: EUR, prices: {{x: {{product: voice, price: {{model: matrix, {price}}}}}}}}}
"""
    return {**files_of(text), "m.csv": rows.encode()}


def errors_of(*args, **kwargs):
    return [str(error) for error in check(files(*args, **kwargs)).errors]


def month(*args, **kwargs):
    return Month(compile(document_of(files(*args, **kwargs)), 7))


def usage(origin=None, to=None, service_class=None, local="2026-10-05T12:00", s=60, **attributes):
    return msgspec.structs.replace(
        event(to=to, local=local, s=s),
        origin=origin,
        service_class=service_class,
        attributes=attributes,
        ended_at_ms=at(local) + s * 1000,
    )


def test_the_row_and_what_it_is_for_are_said():
    rated = month().rate(usage("4930123456", "442079460", "premium", zone="eu"))
    assert sentences(charge_of(rated)) == [
        "Used: 1 min of voice.",
        "Price p/x of catalogue version 7.",
        "On matrix m: Premium to the UK (origin 49, destination 44, service class premium).",
        "Billed in increments of 60/1, the first 1 min whole, then every started 1 s: "
        "1 min is billed as 1 min.",
        "1 min at 0.30 EUR per min.",
        "Connect fee: 0.10 EUR.",
        "Rounded half up to 10 decimal places.",
        "Charge: 0.40 EUR.",
    ]


def test_a_row_for_whatever_the_event_says_says_so():
    rated = month(f"{HEADER}\n1,1,x,x,One,1,60,60,1\n,,,,Any,2,60,60,1\n").rate(usage())
    assert sentences(charge_of(rated))[2] == "On matrix m: Any (whatever the event says)."


def test_an_event_that_no_row_matches_is_refused_by_what_it_has_and_no_whole_number():
    refused = month().rate(usage("4930123456", "331234567", "vip-4915123456789"))
    assert isinstance(refused, Refused)
    assert refused.reason == "rating.no_matching_row"
    assert refused.detail == (
        "matrix m has no row for what the event has: origin 4930..., destination 3312..., "
        "service_class 'vip-4915...', attribute.zone none. Operator action: publish a matrix with a "
        "row for it, or correct the mapping; then `ratemill suspense recycle` brings back what was "
        "refused until then."
    )


def test_usage_of_nothing_is_a_charge_of_nothing():
    rated = month().rate(usage("4930", "4420", "premium", s=0))
    assert (rated.amount, rated.billed) == (0, 0)


BANDED = f"""origin,attribute.zone,{PRICE},band,valid_from,valid_to
49,,Germany,0.20,60,60,60,peak,,
49,,Germany,0.10,60,60,60,off-peak,,
49,eu,Germany in the EU,0.05,60,60,60,,,2026-11-01
"""
OF_BANDS = {"dimensions": "[origin, attribute.zone]", "head": ", bands: hours"}


@pytest.mark.parametrize(
    ("choice", "local", "amount", "steps"),
    [
        ("start", "2026-10-05T17:58", "0.80", ["band"]),
        ("end", "2026-10-05T17:58", "0.40", ["band_end"]),
        ("split", "2026-10-05T17:58", "0.60", []),
    ],
)
def test_bands_decide_as_on_a_card(choice, local, amount, steps):
    rated = month(BANDED, price=f"matrix: m, bands_by: {choice}", **OF_BANDS).rate(
        usage("4930", local=local, s=240)
    )
    assert rated.amount == D(amount)
    codes = [step[0] for step in rated.explanation]
    assert codes[:2] == ["price", "matrix"]
    assert [code for code in codes if code.startswith("band")] == steps


def test_free_units_take_their_place_in_the_hours_of_a_split_call():
    text = files(BANDED, price="matrix: m, bands_by: split, allowance: a", **OF_BANDS)
    plan = text["plans.yaml"].replace(
        b"currency: EUR, prices", b"currency: EUR, allowances: {a: {units: 2 min}}, prices"
    )
    month = Month(compile(document_of({**text, "plans.yaml": plan}), 7))
    rated = month.rate(usage("4930", local="2026-10-05T17:58", s=240))
    assert (rated.free, rated.amount) == (120, D("0.20"))  # the two minutes of the peak were free


def test_a_row_of_more_specific_values_is_asked_before_one_of_the_band():
    for local, amount in (("2026-10-05T12:00", "0.05"), ("2026-11-05T12:00", "0.20")):
        rated = month(BANDED, **OF_BANDS).rate(usage("4930", local=local, zone="eu"))
        assert rated.amount == D(amount)


def test_a_split_call_of_which_an_hour_has_no_row_is_refused():
    rows = BANDED.replace("off-peak,,", "off-peak,2026-11-01,").replace("49,eu", "49,us")
    refused = month(rows, price="matrix: m, bands_by: split", **OF_BANDS).rate(
        usage("4930123", local="2026-10-05T17:58", s=240)
    )
    assert isinstance(refused, Refused)
    assert refused.detail.startswith(
        "matrix m, in all the hours, has no row for what the event has"
    )


def test_an_order_of_dimensions_is_an_order_of_what_decides():
    rows = f"origin,destination,{PRICE}\n4930,44,Berlin,1,60,60,1\n49,4420,London,2,60,60,1\n"
    event = usage("493012", "442079")
    assert month(rows, dimensions="[origin, destination]").rate(event).amount == 1
    assert month(rows, dimensions="[destination, origin]").rate(event).amount == 2


def test_columns_come_in_any_order():
    rows = (
        "following_units,attribute.zone,name,price,service_class,per_units,first_units,"
        "destination,origin\n1,eu,Any,0.5,gold,60,60,44,49\n"
    )
    rated = month(rows).rate(usage("4930", "4420", "gold", zone="eu"))
    assert rated.amount == D("0.5")


@pytest.mark.parametrize(
    ("dimensions", "error"),
    [
        ("[]", "expected a list of at least one, found an empty list"),
        ("origin", "expected a list of at least one, found 'origin'"),
        ("[origin, origin]", "expected each dimension once, found origin"),
        (
            "[origin, operator]",
            "expected a dimension: origin, destination, service_class, or attribute. and the name "
            "of one, found 'operator'",
        ),
        ("[attribute.]", "found 'attribute.'"),
        (
            "[origin, destination, service_class, attribute.a, attribute.b]",
            "expected at most 4 dimensions, found 5",
        ),
    ],
)
def test_what_is_wrong_with_dimensions_is_an_error(dimensions, error):
    (found,) = errors_of(dimensions=dimensions)
    assert found.startswith("plans.yaml:11: matrices.m.dimensions: expected")
    assert found.endswith(error)


@pytest.mark.parametrize(
    ("row", "errors"),
    [
        (
            "+49,4x,,,,0,1.2.3,0,-1",
            [
                "2: destination: expected 1 to 15 digits without a plus, or nothing for any "
                "number, found '4x'",
                "2: first_units: expected a number above zero, found '0'",
                "2: following_units: expected a number above zero, found '-1'",
                "2: name: expected the name of the combination, found nothing",
                "2: origin: expected 1 to 15 digits without a plus, or nothing for any number, "
                "found '+49'",
                "2: per_units: expected a number above zero, found '1.2.3'",
            ],
        ),
        (f"49,44,{'x' * 65},,UK,1,60,60,1", ["2: service_class: expected at most 64 characters"]),
        ("49,44,,,UK,cheap,60,60,1", ["2: price: expected an amount such as 0.0150, found 'cheap'"]),
        ("49,44,,UK,1,60,60,1", ["2: (row): expected 9 columns, found 8"]),
        (
            "49,44,a,b,UK,1,60,60,1\n\n49,44,a,b,Again,2,60,60,1",
            ["4: (row): expected each combination once at a time, found the same again, also "
             "valid on line 2"],
        ),
        (
            "49,44,a,b,UK,1,60,60,1\n49,44,a,b,Again,2,60,60,1\n49,44,a,c,,2,60,60,1",
            [
                "3: (row): expected each combination once at a time, found the same again, also "
                "valid on line 2",
                "4: name: expected the name of the combination, found nothing",
            ],
        ),
        ("", ["1: (file): expected at least one row, found an empty matrix"]),
        (
            "49,,a,b,UK,1,60,60,1",
            ["1: destination: expected a value on some row, or no such dimension, found nothing "
             "on all of them"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_rows_is_said_by_line_and_column(row, errors):
    found = errors_of(f"{HEADER}\n{row}\n")
    assert len(found) == len(errors)
    for one, expected in zip(found, errors, strict=True):
        assert one.startswith(f"m.csv:{expected}")


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("", "m.csv:1: (file): expected a first line with the columns origin,destination,"),
        (f"origin,{PRICE}", "found none named destination, service_class, attribute.zone"),
        (f"{HEADER},attribute.network", "found 'attribute.network'"),
        (f"{HEADER},origin", "found 'origin'"),
    ],
)
def test_a_wrong_header_is_one_error(header, error):
    (found,) = errors_of(header)
    assert error in found


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        (
            ",peak,,\n,off-peak,,\n,,,",
            ["4: band: expected a row that some hour reaches, found rows of the combination for "
             "every band, on the lines 3, 2"],
        ),
        (",peak,,\n,off-peak,,2026-11-01\n,,,", []),
        (",peak,,\n,off-peak,,2026-11-01\n,,,2026-11-01", ["4: band: expected a row that some"]),
        (",peak,,\n,off-peak,,2026-11-01\n,off-peak,2026-11-01,\n,,,", ["5: band: expected a row"]),
        (",peak,,\n,off-peak,,2026-11-01\n,off-peak,2026-11-02,\n,,,", []),
        (
            ",peak,,\nx,,,",
            ["2: band: expected a row for each band, or one without a band, found none of the "
             "combination for off-peak"],
        ),
        (
            ",,,2026-11-01\n,,2026-10-31,",
            ["3: (row): expected each combination once at a time, found the same again, also "
             "valid on line 2"],
        ),
        (",,,2026-11-01\n,,2026-11-01,", []),
        (
            ",,2026-11-01,2026-11-01",
            ["2: valid_to: expected a date after 2026-11-01, found '2026-11-01'"],
        ),
        (",night,,", ["2: band: expected off-peak, peak, found 'night'"]),
    ],
)  # fmt: skip
def test_rows_that_tie_or_that_nothing_reaches_are_errors(rows, errors):
    lines = [
        f"49,{line.partition(',')[0]},X,1,60,60,1,{line.partition(',')[2]}"
        for line in rows.splitlines()
    ]
    # One more row, so that the dimension of the zone decides something.
    text = "\n".join(
        [f"origin,attribute.zone,{PRICE},band,valid_from,valid_to", *lines, "1,z,X,1,60,60,1,,,"]
    )
    found = errors_of(text, **OF_BANDS)
    assert len(found) == len(errors), found
    for one, expected in zip(found, errors, strict=True):
        assert one.startswith(f"m.csv:{expected}")


def test_a_band_needs_bands():
    header, *_ = BANDED.splitlines()
    rows = f"{header}\n49,eu,X,1,60,60,1,peak,,\n"
    (found,) = errors_of(rows, dimensions="[origin, attribute.zone]")
    assert found == "m.csv:2: band: expected nothing: the matrix names no bands, found 'peak'"


@pytest.mark.parametrize(
    ("price", "error"),
    [
        ("matrix: n", "matrix: expected the code of a matrix: m, found 'n'"),
        ("card: m", "matrix: expected the key matrix, found no such key"),
        ("matrix: m, bands_by: end", "bands_by: expected bands beside it, found a price that"),
        ("matrix: m, aggregate: max", "aggregate: expected a price of the model per_unit, "),
    ],
)
def test_what_is_wrong_with_a_price_by_a_matrix_is_an_error(price, error):
    assert any(f"plans.p.prices.x.price.{error}" in found for found in errors_of(price=price))


def test_a_matrix_is_in_the_currency_of_the_plan_and_the_unit_of_the_product():
    wrong = {name: text.replace(b"currency: EUR, unit: s", b"currency: GBP, unit: min")
             for name, text in files().items()}  # fmt: skip
    assert [str(error).partition(": expected ")[2] for error in check(wrong).errors] == [
        "a matrix in EUR, as the plan, found m in GBP",
        "a matrix per s, as the product, found m per min",
    ]


def many_rows(count):
    rows = [f"49,{4400000 + place},{place % 7},,Row {place},1,60,60,1" for place in range(count)]
    return "\n".join([HEADER, *rows, "49,,,eu,EU,2,60,60,1"])


def test_a_matrix_comes_back_from_its_chunks_and_rates_the_same():
    before = document_of(files(many_rows(20_000)))
    head, chunks = document_to_parts(before)
    assert len(chunks) > 1
    assert max(map(len, chunks.values())) <= MAX_CHUNK_BYTES
    assert chunk_names(head) == list(chunks)
    assert document_from_parts(head, chunks) == before
    asked = usage("4930", "4401234999", "2")
    rated = [
        Month(each).rate(asked) for each in (compile(before, 1), compile_parts(head, chunks, 1))
    ]
    assert rated[0] == rated[1]
    assert rated[0].explanation[1] == (
        *("matrix", "m", "Row 1234", "origin", "49"),
        *("destination", "4401234", "service_class", "2"),
    )
    chunks.popitem()
    with pytest.raises(MissingChunk, match=r"matrix m: chunk .* Operator action"):
        compile_parts(head, chunks, 1)


def test_a_change_of_a_matrix_is_a_line_per_combination():
    after = ROWS.replace("eu,In the EU,0.06", "eu,In the EU,0.07").replace(
        "49,44,premium", "49,44,gold"
    )
    assert [str(line) for line in diff(document_of(files()), document_of(files(after)))] == [
        "matrix m, attribute.zone eu: 0.06 -> 0.07 EUR per min (+16.7 %)",
        "added: matrix m, destination 44, origin 49, service_class gold: name Premium to the UK, "
        "0.30 EUR per min, increments 60/1, connect fee 0.10 EUR",
        "removed: matrix m, destination 44, origin 49, service_class premium: name Premium to the "
        "UK, 0.30 EUR per min, increments 60/1, connect fee 0.10 EUR",
    ]
    other = files(dimensions="[destination, origin, service_class, attribute.zone]")
    assert [str(line) for line in diff(document_of(files()), document_of(other))] == [
        "matrix m, by: origin, then destination, then service_class, then attribute.zone -> "
        "destination, then origin, then service_class, then attribute.zone",
    ]
