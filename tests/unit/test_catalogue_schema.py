"""The schema that editors use says of a YAML file what the reader says of it."""

import json
import re
from unittest.mock import patch

import jsonschema
import pytest

from deploy.write_catalogue_schema import FILE, schema_text
from rating.catalogue import check, read_price
from rating.catalogue.read_model import MODELS
from rating.catalogue.reader import Reader
from tests.catalogue_texts import as_an_editor_sees, catalogue_texts, text_of, texts_checked_by
from tests.conformance.run import OWN_VECTORS, run
from tests.rating_builders import CARD_HEADER

SCHEMA = json.loads(FILE.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TEXTS = catalogue_texts()


def wrong_in(text):
    """Return what the schema has against a YAML text."""
    errors = VALIDATOR.iter_errors(as_an_editor_sees(text))
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_the_committed_schema_is_what_the_code_gives():
    assert FILE.read_text() == schema_text(), "run `make generated` and commit what it writes"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_catalogue_that_there_is_holds_to_it(name):
    assert wrong_in(TEXTS[name]) == []


def test_every_catalogue_that_is_translated_from_other_systems_holds_to_it():
    texts = texts_checked_by(
        lambda: [list(run(file)) for file in sorted(OWN_VECTORS.glob("*.jsonl"))]
    )
    assert len(texts) > 400
    assert {text: wrong_in(text) for text in texts if wrong_in(text)} == {}


# --- every key of every model ---

HOURS = {"peak": ["Mon-Fri 08:00-18:00"], "off-peak": "otherwise"}
RATES = [{"amount": 1, "per": "1 min", "increment": "1 s"}]
NEEDED = {
    "per_unit": {"per": "1 min", "amount": 1},
    "rate_card": {"card": "world"},
    "flat": {"amount": 1},
    "percentage": {"percent": 10},
    "graduated": {"per": "1 min", "tiers": [{"amount": 1}]},
    "volume": {"per": "1 min", "tiers": [{"amount": 1}]},
    "package": {"size": "10 min", "amount": 1},
    "call": {"rates": RATES},
    "matrix": {"matrix": "grid"},
}
VALUES = {
    "amount": 2,
    "amounts": {"peak": 1, "off-peak": 2},
    "bands": "hours",
    "bands_by": "end",
    "card": "world",
    "choose": "longest",
    "matrix": "grid",
    "connect_fee": 0.05,
    "fee": 1,
    "first_fee_without_usage": "yes",
    "increment_rounding": {"rule": "up", "places": 2},
    "increments": "60/1",
    "partly_used": "down",
    "per": "30 s",
    "percent": 5,
    "rates": RATES,
    "size": "5 min",
    "tiers": [{"upto": "5 min", "amount": 2, "fee": 1}, {"amount": 1, "whole": "yes"}],
    "round_units": {"to": "1 min", "rule": "half_up"},
    "free_records": 3,
    "free_units": "10 s",
    "allowance": ["money"],
    "above_allowance": "goes_on",
    "fee_when_free": "no",
    "minimum_units": "10 s",
    "aggregate": "max",
    "unique_by": "device",
    "discount": [10, 2.5],
    "discount_by_usage": {"product": "film", "reached": [{"from": 5, "percent": 10}]},
    "exchange": "usd",
    "commitment": {"units": "10 min", "true_up": "yes"},
    "least": {"month": 1, "by_days": "yes"},
    "most": {"month": 100},
    "rounding": [{"rule": "half_up", "places": 2}, {"rule": "up", "to": 0.05, "times": 2}],
    "surcharge": 1,
}
BESIDE = {  # what a key needs beside it; None: what it cannot stand beside
    ("per_unit", "bands"): {"amount": None, "amounts": VALUES["amounts"]},
    ("per_unit", "amounts"): {"amount": None, "bands": "hours"},
    ("per_unit", "bands_by"): {"amount": None, "bands": "hours", "amounts": VALUES["amounts"]},
    ("rate_card", "bands_by"): {"card": "banded"},
    ("call", "bands"): {"rates": {"peak": RATES, "off-peak": RATES}},
    ("call", "bands_by"): {"bands": "hours", "rates": {"peak": RATES, "off-peak": RATES}},
    ("volume", "allowance"): {"allowance": "minutes"},
    ("rate_card", "exchange"): {"card": "dollars"},
    ("rate_card", "choose"): {"card": ["special", "world"]},
    ("matrix", "exchange"): {"matrix": "grid-dollars"},
    ("matrix", "bands_by"): {"matrix": "grid-banded"},
    **{(name, "fee_when_free"): {"connect_fee": 0.05} for name in ("per_unit", "call")},
    ("percentage", "fee_when_free"): {"fee": 1},
    **{(name, "unique_by"): {"aggregate": "unique"} for name in MODELS},
}


def price_text(price):
    """Return a catalogue of one price, of calls or of money."""
    of_money = price.get("model") == "percentage"
    money = "USD" if "exchange" in price else "EUR"
    if of_money:
        price = json.loads(re.sub(' (min|s)"', f' {money}"', json.dumps(price)))
    return text_of(
        {
            "products": {
                "voice": {"type": "t", "usage_kind": "voice", "unit": money if of_money else "s"},
                "film": {"type": "t", "usage_kind": "film", "unit": "record"},
            },
            "matrices": {
                f"grid{suffix}": {
                    "file": "grid.csv",
                    "unit": "s",
                    "currency": "EUR",
                    "dimensions": ["service_class"],
                    **more,
                }
                for suffix, more in (
                    ("", {}),
                    ("-dollars", {"currency": "USD"}),
                    ("-banded", {"bands": "hours"}),
                )
            },
            "exchange_rates": {
                "usd": {
                    "from": "USD",
                    "to": "EUR",
                    "rates": [{"valid_from": "2026-10-01", "rate": 0.92}],
                }
            },
            "bands": {"hours": HOURS},
            "cards": {
                "world": {"file": "world.csv", "currency": "EUR", "unit": "s"},
                "dollars": {"file": "world.csv", "currency": "USD", "unit": "s"},
                "special": {"file": "special.csv", "currency": "EUR", "unit": "s"},
                "banded": {"file": "world.csv", "currency": "EUR", "unit": "s", "bands": "hours"},
            },
            "plans": {
                "p": {
                    "currency": "EUR",
                    "allowances": {
                        "money": {"amount": 1, "rolls_over": {"months": 1, "upto": 1}},
                        "minutes": {"units": f"5 {money}" if of_money else "5 min"},
                    },
                    "prices": {"x": {"product": "voice", "price": price}},
                }
            },
        }
    )


def errors_of(text):
    """Return what the reader has against a catalogue."""
    card = f"{CARD_HEADER}\n49,Germany,0.02,60,60,1\n".encode()
    special = f"{CARD_HEADER}\n491,Special,0.01,60,60,1\n".encode()
    grid = b"service_class,name,price,per_units,first_units,following_units\ngold,Gold,1,60,60,60\n"
    files = {"world.csv": card, "special.csv": special, "grid.csv": grid}
    named = {name: content for name, content in files.items() if name in text}
    return check({"plans.yaml": text.encode(), "world.csv": card, **named}).errors


def with_key(model, key):
    """Return a price of a model with one more key, and what that needs beside it."""
    price = {"model": model, **NEEDED[model], key: VALUES[key], **BESIDE.get((model, key), {})}
    return {name: value for name, value in price.items() if value is not None}


KEYS = sorted({key for keys in MODELS.values() for key in (*keys[0], *keys[1])})
ALL_KEYS = [*KEYS, *read_price._AROUND, "surcharge"]


@pytest.mark.parametrize("key", ALL_KEYS)
@pytest.mark.parametrize("model", MODELS)
def test_a_key_of_a_model_is_taken_by_both_or_by_none(model, key):
    text = price_text(with_key(model, key))
    assert bool(errors_of(text)) == bool(wrong_in(text)), (errors_of(text), wrong_in(text))


@pytest.mark.parametrize("model", MODELS)
def test_every_key_that_a_model_has_in_the_tables_is_taken(model):
    """So that the law above is not one of prices that are wrong anyway."""
    for key in (*MODELS[model][0], *MODELS[model][1]):
        assert errors_of(price_text(with_key(model, key))) == (), key


@pytest.mark.parametrize("model", MODELS)
def test_a_key_that_a_model_needs_is_missed_by_both(model):
    for key in MODELS[model][0]:
        price = {"model": model, **NEEDED[model]}
        del price[key]
        text = price_text(price)
        assert errors_of(text), key
        assert wrong_in(text), key


# --- every mapping ---


def mappings_read(texts):
    """Return the keys that the reader needs and takes of each mapping, by its name in the schema."""
    found = {}
    record = Reader.record

    def noting(self, node, field, *, required=(), optional=()):
        found.setdefault(field, (set(required), {*required, *optional}))
        return record(self, node, field, required=required, optional=optional)

    with patch.object(Reader, "record", noting):
        for text in texts:
            errors_of(text)
    return found


PRICE = r"plans\.p\.prices\.x(\.versions\[1\])?\.price"
MAPPINGS = {
    r"products\.\w+": "product",
    r"cards\.\w+": "card",
    r"matrices\.[\w-]+": "matrix",
    r"exchange_rates\.\w+": "exchange_table",
    r"exchange_rates\.\w+\.rates\[\d\]": "exchange_rate",
    r"plans\.p": "plan",
    r"plans\.p\.allowances\.\w+": "allowance",
    r"plans\.p\.allowances\.\w+\.rolls_over": "rolls_over",
    r"plans\.p\.prices\.x": "plan_price",
    r"plans\.p\.prices\.x\.versions\[1\]": "version",
    r"limits\.l": "limit",
    rf"{PRICE}\.tiers\[\d\]": "tier",
    rf"{PRICE}\.rates(\.[\w-]+)?\[\d\]": "rate",
    rf"{PRICE}\.round_units": "round_units",
    rf"{PRICE}\.discount": "discount_when",
    rf"{PRICE}\.discount_by_usage": "discount_by_usage",
    rf"{PRICE}\.discount_by_usage\.reached\[\d\]": "usage_reached",
    rf"{PRICE}\.commitment": "commitment",
    rf"{PRICE}\.least": "least",
    rf"{PRICE}\.most": "most",
    rf"{PRICE}\.(rounding|increment_rounding)(\[\d\])?": "rounding_rule",
}
OTHERS = rf"{PRICE}(\.(amounts|rates|connect_fee))?"  # by model, which is above, and by band


def test_every_mapping_has_the_keys_that_the_reader_takes_of_it():
    texts = [price_text(with_key(model, key)) for model in MODELS for key in VALUES]
    given = {"percent": 5, "when": "account.a == 'b'"}
    texts.append(price_text({**with_key("flat", "discount"), "discount": [given]}))
    sections = json.loads(texts[0])
    sections["limits"] = {"l": {"scope": "account", "records": 1}}
    (price,) = sections["plans"]["p"]["prices"].values()
    price["versions"] = [{"valid_from": "2026-01-01", "price": price.pop("price")}]
    found = mappings_read([*texts, text_of(sections)])
    assert set(SCHEMA["properties"]) == found.pop("")[1]
    held = set()
    for field, keys in found.items():
        names = [name for pattern, name in MAPPINGS.items() if re.fullmatch(pattern, field)]
        if re.fullmatch(OTHERS, field):
            continue
        assert len(names) == 1, f"{field} is a mapping that this test does not know"
        definition = SCHEMA["$defs"][names[0]]
        assert definition["additionalProperties"] is False
        assert (set(definition["required"]), set(definition["properties"])) == keys, field
        held.add(names[0])
    assert held == set(MAPPINGS.values())


# --- what is wrong ---

GOOD = """
products: {voice: {type: t, usage_kind: voice, unit: s}}
calendars: {germany: [2026-12-25]}
bands: {hours: {peak: [Mon-Fri 08:00-18:00], low: otherwise}}
plans:
  p:
    currency: EUR
    allowances: {minutes: {units: 1000 min}}
    prices:
      calls:
        product: voice
        destinations: ["49"]
        versions:
          - valid_from: 2026-10-01
            price:
              model: call
              rates: [{amount: 0.20, per: 1 min, increment: 1 min}]
              allowance: minutes
              discount: 10
              least: {month: 10.00}
              rounding: {rule: up, places: 2}
      rest:
        product: voice
        price: {model: graduated, per: 1 min, tiers: [{upto: 10 min, amount: 1}, {amount: 2}]}
limits: {fifty: {scope: account, amount: 50.00, currency: EUR}}
"""
WRONG = {
    "an unknown section": ("limits:", "limit:"),
    "a list for a mapping": ("{voice: {type: t, usage_kind: voice, unit: s}}", "[voice]"),
    "a code with a capital": ("{voice:", "{Voice:"),
    "an unknown key": ("unit: s", "unit: s, units: s"),
    "a key without a value": ("type: t", "type: "),
    "an unknown option": ("unit: s", "unit: s, zero_usage: skip"),
    "no unit": (", unit: s", ""),
    "no date": ("2026-12-25", "Christmas"),
    "a day that does not exist": ("2026-12-25", "2026-13-25"),
    "an empty list": ("[2026-12-25]", "[]"),
    "hours without a colon": ("08:00-18:00", "8-18"),
    "an unknown weekday": ("Mon-Fri", "Mo-Fr"),
    "no such currency": ("EUR\n    allow", "EURO\n    allow"),
    "an allowance of nothing": ("1000 min", "0 min"),
    "an allowance of units and money": ("units: 1000 min", "units: 1000 min, amount: 5"),
    "an allowance of nothing at all": ("{units: 1000 min}", "{every: day}"),
    "a step that no steps take": ("units: 1000 min", "units: 1000 min, step: 1 min"),
    "steps without a step": ("units: 1000 min", "units: 1000 min, consume: steps"),
    "a day that rolls over": (
        "units: 1000 min",
        "units: 1000 min, every: day, rolls_over: {months: 1}",
    ),
    "a roll-over into no month": ("units: 1000 min", "units: 1000 min, rolls_over: {upto: 5 min}"),
    "a roll-over for ever": ("units: 1000 min", "units: 1000 min, rolls_over: {months: 13}"),
    "a roll-over of nothing": (
        "units: 1000 min",
        "units: 1000 min, rolls_over: {months: 1, upto: 0 min}",
    ),
    "units of money that roll over": (
        "units: 1000 min",
        "amount: 5, rolls_over: {months: 1, upto: 1 min}",
    ),
    "a day as the first month": (
        "units: 1000 min",
        "units: 1000 min, rolls_over: {months: 1, since: 2026-10-01}",
    ),
    "an amount that consumes": ("units: 1000 min", "amount: 5, consume: exact"),
    "a prefix with a plus": ('"49"', '"+49"'),
    "a price and versions": ("versions:", "price: {model: flat, amount: 1}\n        versions:"),
    "neither price nor versions": (
        "        price: {model: graduated",
        "        x: {model: graduated",
    ),
    "a version without a date": ("- valid_from: 2026-10-01\n            price", "- price"),
    "an unknown model": ("model: call", "model: calls"),
    "no model": ("model: graduated, ", ""),
    "a number with a comma": ("amount: 0.20", "amount: '0,20'"),
    "an amount below zero": ("amount: 0.20", "amount: -0.20"),
    "a quantity of nothing": ("per: 1 min, increment", "per: 0 min, increment"),
    "a rate without an increment": (", increment: 1 min}", "}"),
    "rates by band without bands": (
        "[{amount: 0.20, per: 1 min, increment: 1 min}]",
        "{peak: [{amount: 0.20, per: 1 min, increment: 1 min}]}",
    ),
    "a percent with its sign": ("discount: 10", "discount: 10%"),
    "a discount above all": ("discount: 10", "discount: 101"),
    "six discounts": ("discount: 10", "discount: [1, 1, 1, 1, 1, 1]"),
    "the least of a day": ("least: {month", "least: {day"),
    "days without a month": ("{month: 10.00}", "{by_days: yes}"),
    "a yes that is true": ("{month: 10.00}", "{month: 10.00, by_days: true}"),
    "places and a multiple": ("places: 2", "places: 2, to: 0.05"),
    "too many places": ("places: 2", "places: 21"),
    "a last tier with an end": ("{amount: 2}", "{upto: 20 min, amount: 2}"),
    "two tiers that are open": ("upto: 10 min, ", ""),
    "a tier of no price": ("{amount: 2}", "{whole: no}"),
    "tiers of no per": ("per: 1 min, tiers", "tiers"),
    "no tiers": ("[{upto: 10 min, amount: 1}, {amount: 2}]", "[]"),
    "a month's price with a least of events": ("{amount: 2}]", "{amount: 2}], least: {event: 1}"),
    "an allowance of a largest": (
        "{amount: 2}]",
        "{amount: 2}], aggregate: max, allowance: minutes",
    ),
    "unique by nothing": ("{amount: 2}]", "{amount: 2}], aggregate: unique"),
    "by an attribute, but not unique": ("{amount: 2}]", "{amount: 2}], unique_by: device"),
    "a commitment without effect": ("{amount: 2}]", "{amount: 2}], commitment: {amount: 5}"),
    "a limit without a currency": (", currency: EUR}", "}"),
    "a limit of nothing": (", amount: 50.00, currency: EUR", ""),
    "a limit of zero": ("50.00", "0"),
    "a scope of something else": ("scope: account", "scope: plan"),
}


def test_what_the_wrong_ones_are_made_of_is_right():
    assert (
        errors_of(GOOD)[0].expected
        == "an entry of `cards:`, `matrices:` or `exchange_rates:` that names it"
    )
    assert len(errors_of(GOOD)) == 1, "but for the card, which it does not have"
    assert wrong_in(GOOD) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_wrong_for_both(name):
    old, new = WRONG[name]
    assert GOOD.count(old) == 1, old
    text = GOOD.replace(old, new)
    assert wrong_in(text)
    assert check({"plans.yaml": text.encode()}).errors


def test_every_key_says_what_it_means():
    def silent(at, node):
        if not isinstance(node, dict):
            return
        for key, value in node.get("properties", {}).items():
            if node.get("additionalProperties") is False and value is not False:
                assert value.get("description"), f"{at}.{key}"
        for key, value in node.items():
            silent(f"{at}.{key}", value)

    silent("", SCHEMA)
