"""What differs between two catalogues, as a product manager reads it: for every kind of thing."""

import datetime as dt
import textwrap

import pytest

from pipeline.cli.catalogue import difference_fields
from rating.catalogue import diff
from rating.catalogue.differences.dates import said_span
from tests.rating_builders import document_of

SECTIONS = """
products:
  voice: {name: Telephone calls, type: telephony, usage_kind: voice, unit: s}
  data: {name: Mobile data, type: data, usage_kind: data, unit: B}
  message: {type: messaging, usage_kind: message, unit: record}
  sales: {type: software, usage_kind: event, unit: EUR}
calendars:
  germany: [2026-12-25, 2026-12-26]
bands:
  hours: {peak: [Mon-Fri 08:00-20:00], off-peak: otherwise}
  seasons: {summer: ["06-01..08-31"], low: [Mon-Sun, holidays germany]}
cards:
  world: {file: world.csv, currency: EUR, unit: s, bands: hours}
limits:
  fifty: {scope: account, amount: 50.00, currency: EUR}
plans:
  business:
    name: Business
    currency: EUR
    allowances:
      minutes: {units: 1000 min}
      budget: {amount: 5.00}
    prices:
      national:
        product: voice
        destinations: ["49", "43"]
        versions:
          - valid_from: 2026-01-01
            price: {model: per_unit, amount: 0.08, per: 1 min, increments: 60/1, allowance: minutes}
      abroad: {product: voice, price: {model: rate_card, card: world}}
      data:
        product: data
        price:
          model: graduated
          per: 1 GB
          tiers: [{upto: 10 GB, amount: 1.00}, {upto: 20 GB, amount: 1.25}, {amount: 1.50}]
      messages: {product: message, price: {model: flat, amount: 0.09}}
      sales: {product: sales, price: {model: percentage, percent: 1.5, fee: 0.10}}
  night:
    currency: EUR
    prices:
      calls:
        product: voice
        price:
          model: call
          bands: hours
          rates:
            peak: [{amount: 0.20, per: 1 min, increment: 1 min}, {from: 1 min, amount: 0.10, per: 1 min, increment: 30 s}]
            off-peak: [{amount: 0.05, per: 1 min, increment: 1 min}]
      messages:
        product: message
        price:
          model: package
          size: 1000 record
          amount: 2.00
          commitment: {amount: 50.00, overage: 1.5, true_up: yes}
          rounding: {rule: half_up, places: 2}
      data: {product: data, price: {model: per_unit, bands: hours, amounts: {peak: 2, off-peak: 1}, per: 1 MB}}
"""
OCTOBER = dt.date(2026, 10, 1)
HEADER = "prefix,destination,price,per_units,first_units,following_units,connect_fee,band,valid_from,valid_to"
CARD = f"""{HEADER}
1242,Bahamas,0.2400,60,60,60,,,,
49,Germany,0.0200,60,60,1,0.05,peak,,
49,Germany,0.0120,60,60,1,0.05,off-peak,,
4915,Germany mobile,0.012,60,60,1,,,,
4916,Germany mobile,0.012,60,60,1,,,,
4917,Germany mobile,0.012,60,60,1,,,,
"""


def document(sections=SECTIONS, card=CARD):
    return document_of({"all.yaml": textwrap.dedent(sections).encode(), "world.csv": card.encode()})


def lines_of(text, replacements, of):
    """Return what replacements in a text change in the document of it."""
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    return [str(each) for each in diff(document(), of(text))]


def test_equal_documents_do_not_differ():
    assert diff(document(), document()) == []


SECTION_CASES = {
    "a price": (
        [("0.08,", "0.09,")],
        ["plan Business, price national, from 1 January 2026: 0.08 -> 0.09 EUR per min (+12.5 %)"],
    ),
    "its units": (
        [("0.08, per: 1 min", "0.08, per: 30 s")],
        [
            "plan Business, price national, from 1 January 2026: 0.08 EUR per min -> 0.08 EUR per 30 s (+100 %)"
        ],
    ),
    "its steps": (
        [
            (
                "increments: 60/1, allowance: minutes}",
                "connect_fee: 0.05, allowance: [minutes, budget], discount: 10}",
            )
        ],
        [
            "plan Business, price national, increments, from 1 January 2026: 60/1 -> none",
            "plan Business, price national, connect fee, from 1 January 2026: none -> 0.05 EUR",
            "plan Business, price national, allowance, from 1 January 2026: minutes -> minutes, then budget",
            "plan Business, price national, discount, from 1 January 2026: none -> 10 %",
        ],
    ),
    "what a record may cost": (
        [
            (
                "amount: 0.09}",
                "amount: 0.09, least: {event: 0.10}, most: {event: 2, day: 5, month: 60}}",
            )
        ],
        [
            "plan Business, price messages, at least, an event: none -> 0.10 EUR",
            "plan Business, price messages, at most, an event: none -> 2 EUR",
            "plan Business, price messages, at most, a day: none -> 5 EUR",
            "plan Business, price messages, at most, a month: none -> 60 EUR",
        ],
    ),
    "its model": (
        [
            (
                "model: per_unit, amount: 0.08, per: 1 min, increments: 60/1,",
                "model: graduated, per: 1 min, tiers: [{upto: 60 min, amount: 0.08}, {amount: 0.05}],",
            )
        ],
        [
            "plan Business, price national, from 1 January 2026: 0.08 EUR per min, increments 60/1 -> graduated (each unit at the price of its own tier), to 60 min 0.08 EUR per min, above 60 min 0.05 EUR per min"
        ],
    ),
    "destinations": (
        [('["49", "43"]', '["49", "41"]')],
        [
            "removed: plan Business, price national, destinations: 43",
            "added: plan Business, price national, destinations: 41",
        ],
    ),
    "the order of destinations": (
        [('["49", "43"]', '["43", "49"]')],
        ["plan Business, price national, destinations: 49, 43 -> 43, 49"],
    ),
    "a price from a day on": (
        [
            (
                "allowance: minutes}\n",
                "allowance: minutes}\n          - valid_from: 2026-10-15\n            price: {model: per_unit, amount: 0.09, per: 1 min, increments: 60/1, allowance: minutes}\n",
            )
        ],
        ["plan Business, price national, from 15 October 2026: 0.08 -> 0.09 EUR per min (+12.5 %)"],
    ),
    "a price that ends": (
        [("valid_from: 2026-01-01", "valid_from: 2026-01-01\n            valid_to: 2026-12-01")],
        [
            "removed: plan Business, price national, from 1 December 2026: 0.08 EUR per min, increments 60/1, allowance minutes"
        ],
    ),
    "a price that begins earlier": (
        [("valid_from: 2026-01-01", "valid_from: 2025-01-01")],
        [
            "added: plan Business, price national, from 1 January 2025 to 31 December 2025: 0.08 EUR per min, increments 60/1, allowance minutes"
        ],
    ),
    "the same price in two versions": (
        [
            (
                "allowance: minutes}\n",
                "allowance: minutes}\n          - valid_from: 2026-10-15\n            price: {model: per_unit, amount: 0.08, per: 1 min, increments: 60/1, allowance: minutes}\n",
            )
        ],
        [
            "plan Business, price national, versions of the same price: from 1 January 2026 -> from 1 January 2026 to 14 October 2026; from 15 October 2026"
        ],
    ),
    "a tier's price": (
        [("amount: 1.25", "amount: 1.20")],
        ["plan Business, price data, to 20 GB: 1.25 -> 1.20 EUR per GB (-4 %)"],
    ),
    "a tier's end": (
        [("upto: 20 GB", "upto: 25 GB")],
        ["plan Business, price data, tier: to 20 GB -> to 25 GB"],
    ),
    "another tier": (
        [("{amount: 1.50}]", "{upto: 50 GB, amount: 1.40}, {amount: 1.50, fee: 2.00}]")],
        [
            "added: plan Business, price data, to 50 GB: 1.40 EUR per GB",
            "plan Business, price data, above 50 GB, fee: none -> 2.00 EUR",
        ],
    ),
    "a tier less": (
        [("{upto: 20 GB, amount: 1.25}, ", "")],
        ["removed: plan Business, price data, to 20 GB: 1.25 EUR per GB"],
    ),
    "volume": (
        [("model: graduated", "model: volume")],
        [
            "plan Business, price data: graduated (each unit at the price of its own tier) -> volume (all units at the price of the tier that they reach)"
        ],
    ),
    "tiers per": (
        [("per: 1 GB", "per: 100 MB")],
        [
            "plan Business, price data, to 10 GB: 1.00 EUR per GB -> 1.00 EUR per 100 MB (+900 %)",
            "plan Business, price data, to 20 GB: 1.25 EUR per GB -> 1.25 EUR per 100 MB (+900 %)",
            "plan Business, price data, above 20 GB: 1.50 EUR per GB -> 1.50 EUR per 100 MB (+900 %)",
        ],
    ),
    "a percentage": (
        [("percent: 1.5, fee: 0.10", "percent: 2")],
        [
            "plan Business, price sales: 1.5 -> 2 % of the value",
            "plan Business, price sales, fee of each event: 0.10 EUR -> none",
        ],
    ),
    "a rate of a call": (
        [("amount: 0.10, per: 1 min, increment: 30 s", "amount: 0.08, per: 1 min, increment: 1 s")],
        [
            "plan night, price calls, peak from 1 min on: 0.10 EUR per min by 30 s -> 0.08 EUR per min by 1 s (-20 %)"
        ],
    ),
    "a rate that begins later": (
        [("from: 1 min", "from: 2 min")],
        [
            "added: plan night, price calls, peak from 2 min on: 0.10 EUR per min by 30 s",
            "removed: plan night, price calls, peak from 1 min on: 0.10 EUR per min by 30 s",
        ],
    ),
    "a package": (
        [("size: 1000 record", "size: 500 record")],
        [
            "plan night, price messages: 2.00 EUR per package of 1000 records -> 2.00 EUR per package of 500 records (+100 %)"
        ],
    ),
    "a package's part": (
        [("amount: 2.00\n", "amount: 2.00\n          partly_used: down\n")],
        ["plan night, price messages, a part of a package: rounded up -> rounded down"],
    ),
    "a commitment": (
        [("{amount: 50.00, overage: 1.5, true_up: yes}", "{units: 10000 record, overage: 1.5}")],
        [
            "plan night, price messages, commitment: 50.00 EUR -> 10000 records",
            "plan night, price messages, true-up of the commitment: yes -> no",
        ],
    ),
    "rounding": (
        [("{rule: half_up, places: 2}", "{rule: up, to: 0.05}")],
        ["plan night, price messages, rounding: half up to 2 places -> up to multiples of 0.05"],
    ),
    "a band's price": (
        [("amounts: {peak: 2, off-peak: 1}", "amounts: {peak: 2, off-peak: 1.5}")],
        ["plan night, price data, off-peak: 1 -> 1.5 EUR per MB (+50 %)"],
    ),
    "a new price": (
        [
            (
                "      abroad: {product: voice",
                "      nearby: {product: voice, destinations: ['41'], price: {model: flat, amount: 1}}\n      abroad: {product: voice",
            )
        ],
        [
            "added: plan Business, price nearby: of Telephone calls to 41, tried before abroad: 1 EUR per event"
        ],
    ),
    "a price that is gone": (
        [("      messages: {product: message, price: {model: flat, amount: 0.09}}\n", "")],
        ["removed: plan Business, price messages: of message: 0.09 EUR per event"],
    ),
    "another order": (
        [
            ("      messages: {product: message, price: {model: flat, amount: 0.09}}\n", ""),
            (
                "      abroad: {product: voice",
                "      messages: {product: message, price: {model: flat, amount: 0.09}}\n      abroad: {product: voice",
            ),
        ],
        [
            "plan Business, order in which prices are tried: national, abroad, data, messages, sales -> national, messages, abroad, data, sales"
        ],
    ),
    "a card of a price": (
        [("{model: rate_card, card: world}", "{model: rate_card, card: world, bands_by: split}")],
        [
            "plan Business, price abroad, band of a record that lies in several: that of its start -> each part by its own"
        ],
    ),
    "an allowance": (
        [("units: 1000 min", "units: 900 min")],
        ["plan Business, allowance minutes: 1000 min -> 900 min"],
    ),
    "how an allowance is taken": (
        [
            (
                "units: 1000 min",
                "units: 1000 min, every: day, shared_by: account, consume: steps, step: 1 min",
            )
        ],
        [
            "plan Business, allowance minutes, takes: what was used -> whole steps",
            "plan Business, allowance minutes, step: none -> 1 min",
            "plan Business, allowance minutes, begins anew: every month -> every day",
            "plan Business, allowance minutes, shared: not shared -> by the account",
        ],
    ),
    "an allowance of money": (
        [("amount: 5.00}\n", "amount: 6.00}\n")],
        ["plan Business, allowance budget: 5.00 -> 6.00 EUR of the charge (+20 %)"],
    ),
    "another allowance": (
        [("budget: {amount: 5.00}", "budget: {amount: 5.00}\n      more: {units: 10 GB}")],
        ["added: plan Business, allowance more: 10 GB"],
    ),
    "a plan's name": (
        [("name: Business", "name: Business 2")],
        ["plan Business, name: Business -> Business 2"],
    ),
    "a plan": (
        [("  night:\n", "  nights:\n")],
        [
            "removed: plan night: currency EUR",
            "removed: plan night, price calls: of Telephone calls: off-peak 0.05 EUR per min by 1 min, peak 0.20 EUR per min by 1 min, peak from 1 min on 0.10 EUR per min by 30 s, bands hours",
            "removed: plan night, price messages: of message: 2.00 EUR per package of 1000 records, commitment 50.00 EUR, price above the commitment times 1.5, true-up of the commitment yes, rounding half up to 2 places",
            "removed: plan night, price data: of Mobile data: off-peak 1 EUR per MB, peak 2 EUR per MB, bands hours",
            "added: plan nights: currency EUR",
            "added: plan nights, price calls: of Telephone calls: off-peak 0.05 EUR per min by 1 min, peak 0.20 EUR per min by 1 min, peak from 1 min on 0.10 EUR per min by 30 s, bands hours",
            "added: plan nights, price messages: of message: 2.00 EUR per package of 1000 records, commitment 50.00 EUR, price above the commitment times 1.5, true-up of the commitment yes, rounding half up to 2 places",
            "added: plan nights, price data: of Mobile data: off-peak 1 EUR per MB, peak 2 EUR per MB, bands hours",
        ],
    ),
    "a product": (
        [
            (
                "{type: messaging, usage_kind: message, unit: record}",
                "{name: Messages, type: messages, usage_kind: message, unit: record, zero_usage: price, below_zero: refuse, tax_code: M}",
            )
        ],
        [
            "product message, name: message -> Messages",
            "product message, type: messaging -> messages",
            "product message, zero usage: rate -> price",
            "product message, tax code: none -> M",
        ],
    ),
    "a product's name": (
        [("Telephone calls", "Calls")],
        ["product Telephone calls, name: Telephone calls -> Calls"],
    ),
    "another product": (
        [("products:\n", "products:\n  fax: {type: telephony, usage_kind: voice, unit: s}\n")],
        ["added: product fax: type telephony, usage kind voice, unit s"],
    ),
    "a calendar": (
        [("2026-12-26", "2027-01-01")],
        ["removed: calendar germany: 26 December 2026", "added: calendar germany: 1 January 2027"],
    ),
    "another calendar": (
        [("calendars:\n", "calendars:\n  austria: [2026-10-26]\n")],
        ["added: calendar austria: 26 October 2026"],
    ),
    "a band": (
        [("Mon-Fri 08:00-20:00", "Mon-Fri 08:00-18:00, Sat 10:00-14:00")],
        [
            "bands hours, off-peak: Mon-Fri 00:00-08:00, Mon-Fri 20:00-24:00, Sat-Sun -> Mon-Fri 00:00-08:00, Mon-Fri 18:00-24:00, Sat 00:00-10:00, Sat 14:00-24:00, Sun",
            "bands hours, peak: Mon-Fri 08:00-20:00 -> Mon-Fri 08:00-18:00, Sat 10:00-14:00",
        ],
    ),
    "a season": (
        [("06-01..08-31", "06-01..09-15")],
        ["bands seasons, summer: 06-01..08-31 Mon-Sun -> 06-01..09-15 Mon-Sun"],
    ),
    "another set of bands": (
        [("bands:\n  hours", "bands:\n  always: {all: otherwise}\n  hours")],
        ["added: bands always: all Mon-Sun"],
    ),
    "a limit": (
        [("50.00, currency: EUR}", "60.00, currency: EUR, records: 3}")],
        ["limit fifty, amount: 50.00 -> 60.00 EUR (+20 %)", "limit fifty, records: none -> 3"],
    ),
    "another limit": (
        [("limits:\n", "limits:\n  three: {scope: 'product:message', records: 3}\n")],
        ["added: limit three: of product:message, records 3"],
    ),
    "a card": (
        [
            (
                "currency: EUR, unit: s, bands: hours}",
                "currency: EUR, unit: s, bands: hours}\n  other: {file: world.csv, currency: EUR, unit: s, bands: hours}",
            )
        ],
        ["added: card other: currency EUR, unit s, bands hours, 6 rows of 3 destinations"],
    ),
    "only digits": (
        [("amount: 1.00", "amount: 1.0")],
        ["only the digits of some numbers, such as 0.10 for 0.1: no price changes"],
    ),
}
CARD_CASES = {
    "a price of a destination": (
        [("Germany mobile,0.012", "Germany mobile,0.014")],
        ["card world, calls to Germany mobile (3 prefixes): 0.012 -> 0.014 EUR per min (+16.7 %)"],
    ),
    "of one prefix": (
        [("4916,Germany mobile,0.012", "4916,Germany mobile,0.014")],
        ["card world, calls to Germany mobile (4916): 0.012 -> 0.014 EUR per min (+16.7 %)"],
    ),
    "a band": (
        [("49,Germany,0.0120", "49,Germany,0.0140")],
        ["card world, calls to Germany, off-peak: 0.0120 -> 0.0140 EUR per min (+16.7 %)"],
    ),
    "all bands alike": (
        [("60,60,1,0.05", "60,60,60,0.06")],
        [
            "card world, calls to Germany, increments: 60/1 -> 60/60",
            "card world, calls to Germany, connect fee: 0.05 -> 0.06 EUR (+20 %)",
        ],
    ),
    "a name": (
        [("49,Germany,", "49,Germany fixed,")],
        ["card world, calls to Germany, destination: Germany -> Germany fixed"],
    ),
    "from a day on": (
        [
            (
                "1242,Bahamas,0.2400,60,60,60,,,,",
                "1242,Bahamas,0.2400,60,60,60,,,,2026-10-15\n1242,Bahamas,0.3000,60,60,60,,,2026-10-15,",
            )
        ],
        [
            "card world, calls to Bahamas, from 15 October 2026: 0.2400 -> 0.3000 EUR per min (+25 %)"
        ],
    ),
    "same price two rows": (
        [
            (
                "1242,Bahamas,0.2400,60,60,60,,,,",
                "1242,Bahamas,0.2400,60,60,60,,,,2026-10-15\n1242,Bahamas,0.2400,60,60,60,,,2026-10-15,",
            )
        ],
        [
            "card world, calls to Bahamas, rows of the same price: always -> until 14 October 2026; from 15 October 2026"
        ],
    ),
    "another prefix": (
        [("1242,", "4918,Germany mobile,0.012,60,60,1,,,,\n1242,")],
        ["added: card world, calls to Germany mobile (4918): 0.012 EUR per min, increments 60/1"],
    ),
    "new destination with several": (
        [("1242,", "33,France,0.02,60,60,1,,,,\n336,France,0.05,60,60,1,,,,\n1242,")],
        ["added: card world, calls to France (2 prefixes): 2 different prices"],
    ),
    "gone": (
        [("1242,Bahamas,0.2400,60,60,60,,,,\n", "")],
        ["removed: card world, calls to Bahamas (1242): 0.2400 EUR per min, increments 60/60"],
    ),
    "increments/units": (
        [("0.2400,60,60,60", "0.2400,30,1,1")],
        [
            "card world, calls to Bahamas: 0.2400 EUR per min -> 0.2400 EUR per 30 s (+100 %)",
            "card world, calls to Bahamas, increments: 60/60 -> 1/1",
        ],
    ),
}


@pytest.mark.parametrize("name", SECTION_CASES)
def test_a_line_says_only_what_changed(name):
    replacements, lines = SECTION_CASES[name]
    assert lines_of(SECTIONS, replacements, document) == lines


@pytest.mark.parametrize("name", CARD_CASES)
def test_rows_of_a_destination_are_one_line(name):
    replacements, lines = CARD_CASES[name]
    assert lines_of(CARD, replacements, lambda card: document(card=card)) == lines


def card_of(countries, price):
    rows = [
        f"{prefix},Country {prefix},{price},60,60,1,,,," for prefix in range(100, 100 + countries)
    ]
    return "\n".join([HEADER, *rows]) + "\n"


def test_many_destinations_that_change_alike_are_one_line():
    (change,) = diff(document(card=card_of(312, "0.012")), document(card=card_of(312, "0.014")))
    assert str(change) == (
        "card world, calls to 312 destinations (Country 100, Country 101, Country 102 and 309 more; "
        "312 prefixes): 0.012 -> 0.014 EUR per min (+16.7 %)"
    )
    assert len(change.prefixes) == len(change.destinations) == 312


def test_a_difference_has_its_parts_for_programs():
    (change,) = diff(document(), document(SECTIONS.replace("0.08,", "0.09,")))
    assert difference_fields(change) == {
        "text": str(change),
        "kind": "changed",
        "at": "plans.business.prices.national",
        "thing": "plan Business, price national",
        "before": "0.08",
        "after": "0.09 EUR per min",
        "change_percent": "12.5",
        "valid_from": "2026-01-01",
    }


def test_a_name_that_two_plans_have_is_told_apart_by_the_code():
    named = SECTIONS.replace("  night:\n", "  night:\n    name: Business\n")
    (change,) = diff(document(named), document(named.replace("0.08,", "0.09,")))
    assert change.thing == "plan Business (business), price national"


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (None, None, ""),
        (OCTOBER, None, "from 1 October 2026"),
        (None, OCTOBER, "until 30 September 2026"),
        (OCTOBER, dt.date(2026, 11, 1), "from 1 October 2026 to 31 October 2026"),
        (OCTOBER, dt.date(2026, 10, 2), "on 1 October 2026"),
    ],
)
def test_days_are_said_with_the_last_one_among_them(since, until, said):
    assert said_span(since, until) == said
