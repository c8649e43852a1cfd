"""Every error of a catalogue, with its line: what a person meets who made a slip."""

import textwrap

import pytest

from rating.catalogue import check
from tests.rating_builders import CARD_HEADER

PRODUCTS = """\
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: B}
"""


def errors_of(files):
    checked = check({name: content.encode() for name, content in files.items()})
    assert (checked.document is None) == bool(checked.errors)
    return [str(error) for error in checked.errors]


def errors_of_yaml(text):
    """Return the errors of one file; the lines of ``text`` count from 1, products come after."""
    return errors_of({"plans.yaml": textwrap.dedent(text).lstrip("\n") + PRODUCTS})


def errors_of_price(price):
    """Return the errors of a price of voice, which begins on line 6."""
    plan = (
        "plans:\n  p:\n    currency: EUR\n    prices:\n      x:\n"
        f"        {{product: voice, price: {price}}}\n"
    )
    return errors_of_yaml(plan)


GOOD = """
    plans:
      p:
        currency: EUR
        prices:
          x: {product: voice, price: {model: flat, amount: 1}}
"""


def test_a_good_catalogue_has_no_errors():
    assert errors_of_yaml(GOOD) == []


@pytest.mark.parametrize(
    ("price", "error"),
    [
        (
            "{model: per_minute}",
            "x.price.model: expected a price model: per_unit, rate_card, matrix, flat, percentage, graduated, volume, package, call, "
            "found 'per_minute'",
        ),
        ("{amount: 1}", "x.price.model: expected the key model, found no such key"),
        (
            "{model: flat, amount: 1, per: 1 s}",
            "x.price.per: expected one of the keys model, amount, round_units, free_records, "
            "free_units, allowance, above_allowance, fee_when_free, minimum_units, aggregate, "
            "unique_by, discount, discount_by_usage, commitment, least, most, exchange, rounding, "
            "found the unknown key 'per'",
        ),
        ("{model: flat}", "x.price.amount: expected the key amount, found no such key"),
        (
            "{model: flat, amount: '0,10'}",
            "x.price.amount: expected an amount such as 0.0150, found '0,10'",
        ),
        (
            "{model: flat, amount: 1e-3}",
            "x.price.amount: expected an amount such as 0.0150, found '1e-3'",
        ),
        (
            "{model: flat, amount: .inf}",
            "x.price.amount: expected an amount such as 0.0150, found '.inf'",
        ),
        (
            "{model: flat, amount: -1}",
            "x.price.amount: expected an amount such as 0.0150, found '-1'",
        ),
        (
            "{model: flat, amount: }",
            "x.price.amount: expected an amount such as 0.0150, found nothing",
        ),
        (
            "{model: per_unit, amount: 1, per: 1 GB}",
            "x.price.per: expected a quantity above zero that s measures, such as '10 s', "
            "found '1 GB'",
        ),
        (
            "{model: per_unit, amount: 1, per: 0}",
            "x.price.per: expected a quantity above zero that s measures, such as '10 s', "
            "found '0'",
        ),
        (
            "{model: per_unit, per: 1 s}",
            "x.price: expected either amount, or bands with amounts, found neither",
        ),
        (
            "{model: per_unit, per: 1 s, bands: hours, amounts: {peak: 1}}",
            "x.price.bands: expected the code of a set of bands: (none is declared), found 'hours'",
        ),
        (
            "{model: per_unit, amount: 1, per: 1 s, increments: 60}",
            "x.price.increments: expected increments such as 60/1, found '60'",
        ),
        (
            "{model: per_unit, amount: 1, per: 1 s, increments: 0/1}",
            "x.price.increments: expected increments such as 60/1, found '0/1'",
        ),
        (
            "{model: per_unit, amount: 1, per: 1 s, allowance: a}",
            "x.price.allowance: expected the code of an allowance of the plan: "
            "(none is declared), found 'a'",
        ),
        (
            "{model: flat, amount: 1, rounding: {rule: nearest}}",
            "x.price.rounding.rule: expected half_up, half_even, up, down, found 'nearest'",
        ),
        (
            "{model: flat, amount: 1, rounding: {places: 21}}",
            "x.price.rounding.places: expected a whole number from 0 to 20, found '21'",
        ),
        (
            "{model: flat, amount: 1, rounding: {places: 00000000021}}",
            "x.price.rounding.places: expected a whole number from 0 to 20, found '00000000021'",
        ),
        (
            "{model: flat, amount: 1, round_units: {to: 1 s}}",
            "x.price.round_units.rule: expected the key rule, found no such key",
        ),
        (
            "{model: rate_card, card: world}",
            "x.price.card: expected the code of a rate card: (none is declared), found 'world'",
        ),
        (
            "{model: graduated, per: s, tiers: []}",
            "x.price.tiers: expected a list of at least one, found an empty list",
        ),
        (
            "{model: graduated, per: s, tiers: [{upto: 5, amount: 1}]}",
            "x.price.tiers[1].upto: expected a last tier that is open: no upto, found an end",
        ),
        (
            "{model: graduated, per: s, tiers: [{amount: 1}, {amount: 2}]}",
            "x.price.tiers[1].upto: expected an end; only the last tier is open, found no such key",
        ),
        (
            "{model: graduated, per: s, tiers: [{upto: 5, amount: 1}, {upto: 5, amount: 1}, "
            "{amount: 2}]}",
            "x.price.tiers[2].upto: expected more than the tier before it, found 5 s after 5 s",
        ),
        (
            "{model: graduated, per: s, tiers: [{upto: 5 GB, amount: 1}, {amount: 2}]}",
            "x.price.tiers[1].upto: expected a quantity above zero that s measures, such as "
            "'10 s', found '5 GB'",
        ),
        (
            "{model: per_unit, amount: 1, per: 5minutes}",
            "x.price.per: expected a quantity above zero that s measures, such as '10 s', "
            "found '5minutes' (did you mean 5 minutes?)",
        ),
        (
            "{model: per_unit, amount: 1, per: 1 Min}",
            "x.price.per: expected a quantity above zero that s measures, such as '10 s', "
            "found '1 Min' (did you mean 1 min?)",
        ),
        ("[1]", "x.price.model: expected a price model, found a list"),
    ],
)
def test_an_error_of_a_price_names_its_field_and_its_line(price, error):
    if price == "[1]":
        error = "x.price: expected a mapping with model, found a list"
    assert errors_of_price(price) == [f"plans.yaml:6: plans.p.prices.{error}"]


@pytest.mark.parametrize(
    ("price", "found"),
    [
        ("{model: flat, ammount: 1}", "found the unknown key 'ammount' (did you mean amount?)"),
        ("{model: flat, amount: 1, colour: red}", "found the unknown key 'colour'"),
        ("{model: per_units, amount: 1}", "found 'per_units' (did you mean per_unit?)"),
        ("{model: flat, amount: 1, allowance: minuts}", "found 'minuts' (did you mean minutes?)"),
        ("{model: flat, amount: 1, allowance: bytes}", "found 'bytes'"),
        (
            "{model: flat, amount: 1, rounding: {rule: half-up}}",
            "expected half_up, half_even, up, down, found 'half-up' (did you mean half_up?)",
        ),
        ("{model: flat, amount: 1, discount: 10%}", "expected a percent such as 10, found '10%'"),
        ("{model: percentage, percent: 1.5 %}", "expected a percent such as 10, found '1.5 %'"),
        (
            "{model: graduated, tiers: [{percent: 10%}]}",
            "tiers[1].percent: expected a percent such as 10, found '10%'",
        ),
        (
            "{model: volume, per: 1 min, tiers: [{upto: 20 min, amount: 1}, {upto: 600 s, amount: 1}, "
            "{amount: 1}]}",
            "expected more than the tier before it, found 10 min after 20 min",
        ),
        (
            "{model: call, rates: [{amount: 1, per: 1 min, increment: 1 s}, "
            "{from: 5 min, amount: 1, per: 1 min, increment: 1 s}, "
            "{from: 180 s, amount: 1, per: 1 min, increment: 1 s}]}",
            "each other one from further on, found from 3 min",
        ),
    ],
    ids=[
        *("a key", "no such key", "a model", "an allowance", "no such allowance", "an option"),
        *("a discount", "a percentage", "a tier's percent", "tiers", "rates"),
    ],
)
def test_an_error_says_what_was_meant_in_the_units_that_people_write(price, found):
    plan = (
        "plans:\n  p:\n    currency: EUR\n    allowances: {minutes: {units: 10 min}}\n"
        f"    prices: {{x: {{product: voice, price: {price}}}}}\n"
    )
    errors = errors_of_yaml(plan)
    assert any(error.endswith(found) for error in errors), errors


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            """
            plans:
              p:
                currency: EURO
                prices:
                  x: {product: vocie, price: {model: flat, amount: 1}}
                  y: {product: data, price: {model: flat, amount: x}}
                color: red
            """,
            [
                "plans.yaml:3: plans.p.currency: expected a currency of ISO 4217, such as EUR, "
                "found 'EURO'",
                "plans.yaml:5: plans.p.prices.x.product: expected a product code: voice, data, "
                "found 'vocie' (did you mean voice?)",
                "plans.yaml:6: plans.p.prices.y.price.amount: expected an amount such as 0.0150, "
                "found 'x'",
                "plans.yaml:7: plans.p.color: expected one of the keys currency, prices, name, "
                "extends, allowances, also_rated, found the unknown key 'color'",
            ],
        ),
        (
            """
            plans:
              p:
                currency: EUR
                prices:
                  all: {product: voice, price: {model: flat, amount: 1}}
                  some: {product: voice, destinations: ["49"], price: {model: flat, amount: 2}}
            """,
            [
                "plans.yaml:6: plans.p.prices.some: expected a price that some usage reaches, "
                "found all before it, which takes all of voice"
            ],
        ),
        (
            """
            plans:
              p:
                currency: EUR
                prices:
                  x: {product: voice, price: {model: flat, amount: 1}}
                  x: {product: data, price: {model: flat, amount: 1}}
            """,
            [
                "plans.yaml:6: plans.p.prices.x: expected each key once, found 'x' again, first on "
                "line 5"
            ],
        ),
        (
            """
            plans:
              p:
                currency: EUR
                allowances:
                  a: {units: 1 GB}
                  b: {units: 1 lightyear}
                prices:
                  x:
                    product: voice
                    destinations: ["+49"]
                    price: {model: flat, amount: 1, allowance: a}
            """,
            [
                "plans.yaml:10: plans.p.prices.x.destinations: expected digits that a number "
                "begins with, without a plus, found '+49'",
                "plans.yaml:11: plans.p.prices.x.price.allowance: expected an allowance in s, as "
                "the product, found a in B",
                "plans.yaml:6: plans.p.allowances.b.units: expected a quantity of what a product "
                "measures: B, s, found '1 lightyear'",
            ],
        ),
        (
            """
            plans:
              p:
                currency: EUR
                prices:
                  x:
                    product: voice
                    versions:
                      - {valid_from: 2026-10-01, price: {model: flat, amount: 1}}
                      - {valid_from: 2026-09-31, price: {model: flat, amount: 1}}
                      - {valid_from: 2026-10-01, price: {model: flat, amount: 1}}
                      - valid_from: 2026-11-01
                        valid_to: 2026-11-01
                        price: {model: flat, amount: 1}
            """,
            [
                "plans.yaml:10: plans.p.prices.x.versions[3].valid_from: expected a date after "
                "2026-10-01, where the version before it begins, found '2026-10-01'",
                "plans.yaml:12: plans.p.prices.x.versions[4].valid_to: expected a date after "
                "2026-11-01, found '2026-11-01'",
                "plans.yaml:9: plans.p.prices.x.versions[2].valid_from: expected a date such as "
                "2026-10-01, found '2026-09-31'",
            ],
        ),
        (
            """
            bands:
              gap: {day: [Mon-Sun 08:00-20:00]}
              overlap: {day: [Mon-Fri 08:00-20:00, Tue 19:00-21:00], rest: otherwise}
              words: {day: [Monday], rest: otherwise}
              late: {day: [Mon 08:00-25:00], rest: otherwise}
              full: {day: [Mon-Sun], rest: otherwise}
              two: {a: otherwise, b: otherwise}
            plans:
              p:
                currency: EUR
                prices: {x: {product: voice, price: {model: flat, amount: 1}}}
            """,
            [
                "plans.yaml:2: bands.gap: expected bands that cover the week, or one that is "
                "'otherwise', found none for Mon 00:00",
                "plans.yaml:3: bands.overlap.day: expected bands that do not overlap, found Tue "
                "19:00 in day too",
                "plans.yaml:4: bands.words.day: expected days and hours such as 'Mon-Fri "
                "08:00-20:00', 'Sat' or 'Sun 22:00-06:00', perhaps after a season such as '06-01..08-31' or a calendar such as 'holidays germany', found 'Monday'",
                "plans.yaml:5: bands.late.day: expected days and hours such as 'Mon-Fri "
                "08:00-20:00', 'Sat' or 'Sun 22:00-06:00', perhaps after a season such as '06-01..08-31' or a calendar such as 'holidays germany', found 'Mon 08:00-25:00'",
                "plans.yaml:6: bands.full.rest: expected some hours left for it, found none",
                "plans.yaml:7: bands.two.b: expected one band that is 'otherwise', found a second",
            ],
        ),
        (
            """
            limits:
              a: {scope: account, amount: 50.00}
              b: {scope: account}
              c: {scope: "product:fax", records: 3}
              d: {scope: "product_type:data", records: 0}
              e: {scope: "product:voice", records: 3, invoice_scope: "product:data"}
              f: {scope: account, amount: 0, currency: EUR}
            plans:
              p:
                currency: EUR
                prices: {x: {product: voice, price: {model: flat, amount: 1}}}
            """,
            [
                "plans.yaml:2: limits.a: expected amount and currency together, found one without "
                "the other",
                "plans.yaml:3: limits.b: expected amount, records or both, found neither",
                "plans.yaml:4: limits.c.scope: expected account, product:<code> or "
                "product_type:<type>: account, product:data, product:voice, product_type:data, "
                "product_type:telephony, found 'product:fax'",
                "plans.yaml:5: limits.d.records: expected a whole number from 1 to 1000000, "
                "found '0'",
                "plans.yaml:6: limits.e.invoice_scope: expected account, or the limit's own scope "
                "'product:voice', found 'product:data'",
                "plans.yaml:7: limits.f.amount: expected more than zero, found 0",
            ],
        ),
        (
            """
            plans:
              p: &all
                currency: EUR
                prices: {x: {product: voice, price: {model: flat, amount: 1}}}
              q: *all
              r: &cycle [*cycle]
            """,
            [
                "plans.yaml:2: (file): expected values written out, no anchors, found '&all'",
                "plans.yaml:6: (file): expected values written out, no anchors, found '&cycle'",
                "plans.yaml:6: plans.r: expected a mapping with currency, prices, name, extends, "
                "allowances, also_rated, found a list",
            ],
        ),
        (
            """
            tariffs: {}
            plans: {P!: {}}
            """,
            [
                "plans.yaml:1: tariffs: expected one of the keys products, calendars, bands, cards, matrices, exchange_rates, "
                "plans, limits, found the unknown key 'tariffs'",
                "plans.yaml:2: plans: expected a code of a-z, 0-9, '-', '_' and '.', found 'P!'",
            ],
        ),
    ],
    ids=[
        "four slips in one plan",
        "a price that is never reached",
        "a price twice",
        "allowances and destinations",
        "versions",
        "bands",
        "limits",
        "anchors",
        "sections and codes",
    ],
)
def test_all_errors_are_found_at_once(text, errors):
    found = errors_of_yaml(text)
    assert sorted(found) == sorted(errors)


def test_errors_come_in_the_order_of_the_lines():
    lines = [
        error.line
        for error in check(
            {
                "a.yaml": b"plans:\n  p:\n    currency: X\n    prices: 1\n"
                + b"  # more\n" * 9
                + b"  q: 1\n"
            }
        ).errors
    ]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_a_code_is_stated_once_over_all_files():
    files = {"a.yaml": textwrap.dedent(GOOD) + PRODUCTS, "b.yaml": PRODUCTS}
    assert errors_of(files) == [
        "b.yaml:2: products.voice: expected each code once, found again, first at a.yaml:8",
        "b.yaml:3: products.data: expected each code once, found again, first at a.yaml:9",
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"plans: [\n", "a.yaml:2: (file): expected YAML, found expected the node content"),
        (b"plans:\n  \xff: 1\n", "a.yaml:2: (file): expected UTF-8, found the byte 0xff"),
        (b"a: 1\n---\nb: 1\n", "a.yaml:2: (file): expected YAML, found but found another document"),
        (b"a: \x01\n", "a.yaml:1: (file): expected YAML, found unacceptable character"),
        (b"[" * 5000, "a.yaml:1: (file): expected YAML of a few levels, found far more levels"),
        (b"", "a.yaml:1: (file): expected a mapping such as `plans:`, found nothing"),
        (
            b"- 1\n",
            "a.yaml:1: (file): expected a mapping with products, calendars, bands, cards, matrices, exchange_rates, plans, limits, found a",
        ),
    ],
    ids=[
        "not closed",
        "not UTF-8",
        "two documents",
        "a control character",
        "deep",
        "empty",
        "list",
    ],
)
def test_a_file_that_is_no_yaml_is_one_error(content, error):
    (found,) = check({"a.yaml": content}).errors
    assert str(found).startswith(error)


@pytest.mark.parametrize(
    ("files", "error"),
    [
        ({}, "(folder):1: (files): expected a .yaml file with plans, found none"),
        (
            {"a.yaml": b"products: {}\n"},
            "(folder):1: plans: expected at least one plan, found none",
        ),
    ],
)
def test_a_folder_without_a_plan_is_an_error(files, error):
    assert [str(found) for found in check(files).errors] == [error]


def test_a_file_of_another_kind_is_not_passed_over():
    files = {"plans.yaml": textwrap.dedent(GOOD) + PRODUCTS, "rates.xlsx": "x"}
    assert errors_of(files) == [
        "rates.xlsx:1: (file): expected a .yaml, .csv or .scenario file, found 'rates.xlsx'"
    ]


CARDS = """
    cards:
      world: {file: world.csv, currency: EUR, unit: s, bands: hours}
    bands:
      hours: {peak: [Mon-Fri], off-peak: otherwise}
    plans:
      p:
        currency: EUR
        prices: {x: {product: voice, price: {model: rate_card, card: world}}}
"""


def errors_of_card(card, plans=CARDS):
    return errors_of({"plans.yaml": textwrap.dedent(plans) + PRODUCTS, "world.csv": card})


HEADER = CARD_HEADER + ",connect_fee,band,valid_from,valid_to"


def test_a_good_card_has_no_errors():
    card = f"{HEADER}\n49,Germany,0.02,60,60,1,,,,\n\n44,UK,0.02,60,60,1,0.05,peak,,2027-01-01\n"
    assert errors_of_card(card + "44,UK,0.01,60,60,1,0.05,off-peak,,\n") == []


def test_a_destination_is_a_name_that_can_be_shown_and_stored():
    (error,) = errors_of_card(f"{HEADER}\n49,Germany\0,0.02,60,60,1,,,,\n")
    assert "world.csv:2: destination: expected the name of the destination" in error


def test_a_card_from_a_spreadsheet_has_no_errors():
    """A byte order mark, CRLF, quoted cells, spaces around them."""
    card = f'\ufeff{HEADER}\r\n49,"Germany, all of it", 0.02 ,60,60,1,,,,\r\n'
    assert errors_of_card(card) == []


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        (
            "+49,Germany,0.02,60,60,1,,,,\n"
            "49,,0.02,60,60,1,,,,\n"
            '49,Germany,"0,02",60,60,1,,,,\n'
            "49,Germany,0.02,0,60,1,,,,\n"
            "49,Germany,0.02,60,,x,,,,\n"
            "49,Germany,0.02,60,60,1,free,,,\n"
            "49,Germany,0.02,60,60,1,,night,,\n"
            "49,Germany,0.02,60,60,1,,,01.10.2026,2026-13-01\n"
            "49,Germany,0.02,60,60,1,,,2026-10-01,2026-10-01\n"
            "49,Germany,0.02,60,60,1\n"
            "4999999999999999,Germany,0.02,60,60,1,,,,\n",
            [
                "2: prefix: expected 1 to 15 digits without a plus, found '+49'",
                "3: destination: expected the name of the destination, found nothing",
                "4: price: expected an amount such as 0.0150, found '0,02'",
                "5: per_units: expected a number above zero, found '0'",
                "6: first_units: expected a number above zero, found nothing",
                "6: following_units: expected a number above zero, found 'x'",
                "7: connect_fee: expected an amount such as 0.05, or nothing, found 'free'",
                "8: band: expected off-peak, peak, found 'night'",
                "9: valid_from: expected a date such as 2026-10-01, or nothing, found '01.10.2026'",
                "9: valid_to: expected a date such as 2026-10-01, or nothing, found '2026-13-01'",
                "10: valid_to: expected a date after 2026-10-01, found '2026-10-01'",
                "11: (row): expected 10 columns, found 6",
                "12: prefix: expected 1 to 15 digits without a plus, found '4999999999999999'",
            ],
        ),
        (
            "49,Germany,0.02,60,60,1,,,2026-01-01,2026-07-01\n"
            "49,Germany,0.03,60,60,1,,,2026-07-01,\n"
            "49,Germany,0.04,60,60,1,,,2026-09-01,2026-10-01\n"
            "44,UK,0.04,60,60,1,,,,\n"
            "49,Germany,0.05,60,60,1,,,2026-12-01,\n"
            "44,UK,0.04,60,60,1,,,,\n",
            [
                "4: prefix: expected each prefix once at a time, found 49 again, also valid on "
                "line 3",
                "6: prefix: expected each prefix once at a time, found 49 again, also valid on "
                "line 3",
                "7: prefix: expected each prefix once at a time, found 44 again, also valid on "
                "line 5",
            ],
        ),
        (
            "49,Germany,0.02,60,60,1,,peak,,\n",
            [
                "2: band: expected a row for each band, or one without a band, found none of 49 "
                "for off-peak"
            ],
        ),
        ("", ["1: (file): expected at least one row, found an empty card"]),
        (
            '49,"Germany\nBerlin",0.02,60,60,1,,,,\n50,x,y,60,60,1,,,,\n',
            ["4: price: expected an amount such as 0.0150, found 'y'"],
        ),
        ('49,"Ger"many,0.02,60,60,1,,,,\n', ["2: (file): expected CSV, found ',' expected"]),
    ],
    ids=["each column", "overlaps", "a band only", "no row", "a cell of two lines", "no CSV"],
)
def test_an_error_of_a_card_names_its_column_and_its_line(rows, errors):
    found = errors_of_card(f"{HEADER}\n{rows}")
    assert len(found) == len(errors)
    for one, expected in zip(
        found, sorted(errors, key=lambda text: int(text.split(":")[0])), strict=True
    ):
        assert one.startswith(f"world.csv:{expected}")


@pytest.mark.parametrize(
    ("card", "error"),
    [
        ("", "world.csv:1: (file): expected a first line with the columns prefix,"),
        ("prefix;price\n", "world.csv:1: (header): expected the columns prefix,"),
        ("prefix,price\n", "world.csv:1: (header): expected the columns prefix,"),
        (f"{CARD_HEADER},price\n", "world.csv:1: (header): expected the columns prefix,"),
    ],
    ids=["empty", "semicolons", "columns missing", "a column twice"],
)
def test_a_wrong_header_is_one_error(card, error):
    (found,) = errors_of_card(card)
    assert found.startswith(error)


def test_a_card_is_in_the_currency_of_the_plan_and_the_unit_of_the_product():
    plans = CARDS.replace("EUR, unit: s, bands: hours", "GBP, unit: min")
    card = f"{CARD_HEADER}\n49,Germany,0.02,60,60,1\n"
    assert errors_of_card(card, plans) == [
        "plans.yaml:9: plans.p.prices.x.price.card: expected a card in EUR, as the plan, found "
        "world in GBP",
        "plans.yaml:9: plans.p.prices.x.price.card: expected a card per s, as the product, found "
        "world per min",
    ]


def test_a_card_file_that_nothing_names_is_an_error():
    files = {"plans.yaml": textwrap.dedent(GOOD) + PRODUCTS, "old.csv": f"{CARD_HEADER}\n"}
    assert errors_of(files) == [
        "old.csv:1: (file): expected an entry of `cards:`, `matrices:` or `exchange_rates:` that names it, found none"
    ]


def test_a_card_without_its_file_is_an_error():
    text = textwrap.dedent(CARDS) + PRODUCTS
    assert errors_of({"plans.yaml": text}) == [
        "plans.yaml:3: cards.world.file: expected a file of the catalogue: (none is declared), "
        "found 'world.csv'"
    ]


def errors_with_unit(unit, *, more="", prices=""):
    """Return the errors where voice, on line 2, is in a unit, with prices by a card, minutes and an
    allowance."""
    text = f"""\
products:
  voice: {{type: telephony, usage_kind: voice, unit: {unit}}}
  data: {{type: data, usage_kind: data, unit: B}}{more}
cards: {{world: {{file: world.csv, currency: EUR, unit: s}}}}
plans:
  p:
    currency: EUR
    allowances: {{minutes: {{units: 100 min}}}}
    prices:
      home: {{product: voice, destinations: ["49"], price: {{model: per_unit, amount: 1, per: 1 min, allowance: minutes}}}}
      abroad: {{product: voice, price: {{model: rate_card, card: world}}}}
{prices}"""
    return errors_of({"plans.yaml": text, "world.csv": f"{CARD_HEADER}\n1,America,1,60,60,60\n"})


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        (
            "seconds",
            "'seconds', which does not fit in 1 place of plans (did you mean s?)",
        ),  # only the card is per s
        ("sec", "'sec', which does not fit in 4 places of plans (did you mean s?)"),
        ("S", "'S', which does not fit in 4 places of plans (did you mean s?)"),
    ],
)
def test_a_unit_that_is_misspelt_is_told_once_at_the_product(unit, told):
    expected = "products.voice.unit: expected a unit that its prices can be read in, found"
    assert errors_with_unit(unit) == [f"plans.yaml:2: {expected} {told}"]
    wrong = "      wrong: {product: data, price: {model: flat}}\n"
    first, other = errors_with_unit(unit, prices=wrong)
    assert first == f"plans.yaml:2: {expected} {told}"
    assert "wrong.price.amount: expected the key amount" in other


def test_each_product_with_a_misspelt_unit_is_told():
    more = "\n  fax: {type: telephony, usage_kind: voice, unit: second}"
    prices = "      fax: {product: fax, price: {model: rate_card, card: world}}\n"
    told = errors_with_unit("sec", more=more, prices=prices)
    assert [each.split(": ")[1] for each in told] == ["products.voice.unit", "products.fax.unit"]


@pytest.mark.parametrize("unit", ["minutes", "kW", "call", "GBs"])
def test_a_unit_that_no_other_spelling_makes_right_is_told_at_its_prices(unit):
    told = errors_with_unit(unit)
    assert told
    assert all("plans.p." in each for each in told)


def test_a_unit_of_a_site_s_own_is_right_where_its_prices_are_in_it():
    """kW is as like kWh as a slip would be, and seconds are what some mappings call them."""
    for unit in ("kW", "seconds", "records"):
        products = f"products:\n  x: {{type: t, usage_kind: u, unit: {unit}}}\n"
        price = "price: {model: per_unit, amount: 1, per: 5}"
        plan = f"plans:\n  p:\n    currency: EUR\n    prices: {{x: {{product: x, {price}}}}}\n"
        assert errors_of({"plans.yaml": products + plan}) == []
        assert len(errors_of({"plans.yaml": products + plan.replace("per: 5", "per: 5 l")})) == 1
