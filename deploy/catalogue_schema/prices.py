"""Prices: a model with its own keys, and the steps that stand around it."""

from deploy.catalogue_schema.forms import Schema, choice, of, record
from deploy.catalogue_schema.samples import SAMPLES, WITHOUT
from rating.catalogue import read_month, read_price, read_steps
from rating.catalogue.check_of_changes import OF_USAGE
from rating.catalogue.document import AboveAllowance
from rating.catalogue.read_limited_discount import MOST_TIMES
from rating.catalogue.read_model import MODELS, is_of_the_month
from rating.catalogue.read_rows_price import MAX_CARDS
from rating.counting import CounterPeriod
from rating.price.aggregate import OF_CHANGES, Aggregation
from rating.price.bands import BandChoice
from rating.price.rate_card import CardChoice
from rating.price.units import UnitRounding
from schemas.money import MAX_DECIMAL_PLACES, RATED_DECIMAL_PLACES, Rounding

_MODELS = {
    "per_unit": "One price for every unit (0.08 per 1 min), or one for each band.",
    "rate_card": "The price that a rate card has for the destination: the longest prefix wins.",
    "matrix": "The price that a matrix has for what the event says: the most specific row wins.",
    "flat": "One price for each event (0.09 a message).",
    "percentage": "A share of the value that the event states (1.5 is 1.5 %), perhaps with a fee. "
    "The unit of the product is the plan's currency.",
    "graduated": "Each unit of the month at the price of its own tier.",
    "volume": "All units of the month at the price of the tier that they reached.",
    "package": "A price for each package of the month's units (2.00 for each started 1000 records).",
    "call": "A call whose minutes differ: rates by how far into the record a unit lies.",
}

_WITH_ROWS = ("rate_card", "matrix")  # whose rows have their own fees

_SPLIT = (
    "Which band prices a record that lies in several: that of its start, that of its end, or split: "
    "each part by its own."
)
_START_OR_END = "Which band prices a record that lies in several: that of its start, or of its end."
_AMOUNT = {
    "per_unit": ("For `per` units; where it depends on the band, `bands` and `amounts`.", 0.08),
    "flat": ("For each event.", 0.09),
    "package": ("For each package.", 2.00),
}


def price_definitions() -> Schema:
    """Return the definitions: the price, each of its models, and what is in them."""
    return {
        "price": _price(),
        **{f"price_{name}": _of_model(name) for name in MODELS},
        "samples": SAMPLES,
        **_PARTS,
    }


def _price() -> Schema:
    models = [{"const": name, "description": _MODELS[name]} for name in MODELS]
    return {
        "description": "What usage costs: a model, and what stands around it.",
        "type": "object",
        "required": ["model"],
        "properties": {"model": {"description": "What a unit costs.", "oneOf": models}},
        "allOf": [
            {
                "if": {"properties": {"model": {"const": name}}, "required": ["model"]},
                "then": {"$ref": f"#/$defs/price_{name}"},
            }
            for name in MODELS
        ],
    }


def _of_model(name: str) -> Schema:
    """Return a price of one model: its keys, and the steps that it may have."""
    required, optional = MODELS[name]
    properties = {"model": {"const": name, "description": _MODELS[name]}}
    properties |= {key: _model_key(name, key) for key in (*required, *optional)}
    properties |= {key: _step(name, key) for key in _steps_of(name)}
    rules = _rules_of(name)
    beside = {"allOf": rules} if rules else {}
    return record(_MODELS[name], properties, required=("model", *required), **beside)


def _steps_of(name: str) -> list[str]:
    """Return the steps that a model may have; these are the reader's own tables."""
    without = set()
    if name not in read_price._WITH_PLACES:
        without.add("above_allowance")
    if name not in read_month._OF_UNITS:
        without |= {"aggregate", "unique_by", "commitment"}
    if is_of_the_month(name):
        without.add("exchange")
    if name not in _WITH_ROWS and not {"connect_fee", "fee"} & {*MODELS[name][0], *MODELS[name][1]}:
        without.add("fee_when_free")
    return [key for key in read_price._AROUND if key not in without]


def _rules_of(name: str) -> list[Schema]:
    """Return what keys of a price say of each other."""
    rules: list[Schema] = []
    if "aggregate" in _steps_of(name):
        unique = {"properties": {"aggregate": {"const": "unique"}}, "required": ["aggregate"]}
        rules.append(
            {
                "if": unique,
                "then": {"required": ["unique_by"]},
                "else": {"properties": {"unique_by": False}},
            }
        )
        rules.append(
            {
                "if": {
                    "properties": {"aggregate": {"enum": ["max", "latest", "unique", *OF_CHANGES]}},
                    "required": ["aggregate"],
                },
                "then": {"properties": {"allowance": False}},
            }
        )
        weighted = {"properties": {"aggregate": {"enum": [*OF_CHANGES]}}}
        without = dict.fromkeys(OF_USAGE, False)
        rules.append(
            {
                "if": {**weighted, "required": ["aggregate"]},
                "then": {"properties": without},
            }
        )
        rules.append(WITHOUT)
    if "fee_when_free" in _steps_of(name) and name not in _WITH_ROWS:
        fee = "fee" if name == "percentage" else "connect_fee"
        rules.append({"dependentRequired": {"fee_when_free": [fee]}})
    match name:
        case "per_unit":
            rules.append({"oneOf": [{"required": ["amount"]}, {"required": ["bands"]}]})
            needs = {"bands": ["amounts"], "amounts": ["bands"], "bands_by": ["bands"]}
            rules.append({"dependentRequired": needs})
            without = {"aggregate": False, "commitment": False}
            rules.append({"dependentSchemas": {"bands": {"properties": without}}})
        case "call":
            rules.append(
                {
                    "if": {"required": ["bands"]},
                    "then": {"properties": {"rates": {"$ref": "#/$defs/rates_by_band"}}},
                    "else": {
                        "properties": {
                            "rates": {"$ref": "#/$defs/rates"},
                            "connect_fee": {"$ref": "#/$defs/amount"},
                            "bands_by": False,
                        }
                    },
                }
            )
        case "graduated" | "volume":
            per = {"if": {"required": ["amount"]}, "then": {"required": ["per"]}}
            rules.append(
                {
                    "if": {"not": {"required": ["per"]}},
                    "then": {"properties": {"tiers": {"items": per}}},
                }
            )
    return rules


def _model_key(name: str, key: str) -> Schema:
    if key == "amount":
        about, example = _AMOUNT[name]
        return of("amount", about, example)
    if key == "connect_fee" and name == "call":
        return {
            "description": "Once for a record of which anything is billed; by band: that of the "
            "call's beginning.",
            "anyOf": [{"$ref": "#/$defs/amount"}, {"$ref": "#/$defs/amounts_by_band"}],
            "examples": [0.05, {"peak": 0.05, "off-peak": 0.00}],
        }
    if key == "bands_by":
        options = [each.name.lower() for each in BandChoice]
        if name == "per_unit":
            options.remove("split")
        about = _START_OR_END if name == "per_unit" else _SPLIT
        return {"description": about, "enum": options, "default": "start"}
    return _MODEL_KEYS[key]


def _step(name: str, key: str) -> Schema:
    if key in ("least", "most") and is_of_the_month(name):
        # A price of the month has no bounds for an event or a day.
        short = {"event": False} if key == "least" else {"event": False, "day": False}
        return {**_STEPS[key], "properties": short}
    return _STEPS[key]


_DISCOUNTS: list[Schema] = [
    {"$ref": "#/$defs/percent_off"},
    {"$ref": "#/$defs/discount_when"},
    {"$ref": "#/$defs/discount_times"},
]

_MODEL_KEYS: Schema = {
    "per": of("quantity", "The units that amounts are for; one where it is left out.", "1 min"),
    "bands": of("code", "The code of a set of bands, each of which has its own price.", "hours"),
    "amounts": of("amounts_by_band", "The amount of each band, for `per` units."),
    "increments": of(
        "increments", "60/1: the first 60 whole, then every started 1; in the product's unit."
    ),
    "connect_fee": of("amount", "Once for a record of which anything is billed.", 0.05),
    "card": {
        "description": "The code of a rate card, in the plan's currency; or of several, in the order "
        "in which they are asked.",
        "anyOf": [
            {"$ref": "#/$defs/code"},
            {
                "type": "array",
                "items": {"$ref": "#/$defs/code"},
                "minItems": 1,
                "maxItems": MAX_CARDS,
                "uniqueItems": True,
            },
        ],
        "examples": ["world", ["teaser", "world"]],
    },
    "choose": choice(
        "Which of several cards prices a number that more than one has: the first in the list, or "
        "the one of the longest prefix.",
        CardChoice,
        default=CardChoice.FIRST,
    ),
    "matrix": of("code", "The code of a matrix, in the plan's currency.", "roaming"),
    "percent": of("percent", "The share of the value that the event states.", 1.5),
    "fee": of("amount", "Once for each event of which anything is billed.", 0.10),
    "tiers": of("tiers", "From the first unit of the month on; the last tier has no `upto`."),
    "first_fee_without_usage": of(
        "yes_no", "The first tier's fee is due also at the close of a month without usage."
    ),
    "size": of("quantity", "The units of a package.", "1000 records"),
    "partly_used": choice("How a part of a package counts.", UnitRounding, default=UnitRounding.UP),
    "rates": {
        "description": "Rates in the order in which a call meets them; with `bands`, a list for "
        "each band.",
        "type": ["array", "object"],
        "examples": [
            [
                {"amount": 0.20, "per": "1 min", "increment": "1 min"},
                {"from": "1 min", "amount": 0.05, "per": "1 min", "increment": "30 s"},
            ]
        ],
    },
    "increment_rounding": of(
        "rounding", "Rounds the cost of one increment, before it is multiplied."
    ),
}

_STEPS: Schema = {
    "round_units": of(
        "round_units",
        "Rounds the units of each record, before anything else.",
        {"to": "1 kB", "rule": "up"},
    ),
    "free_records": {
        "description": "The first so many records of the month are free.",
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": read_steps.MAX_FREE_RECORDS,
        "pattern": "^[0-9]{1,9}$",
        "examples": [10],
    },
    "free_units": of("quantity", "The first units of each record are free.", "30 s"),
    "allowance": {
        "description": "The code of an allowance of the plan, or a list in the order in which they "
        "are taken.",
        "anyOf": [
            {"$ref": "#/$defs/code"},
            {
                "type": "array",
                "items": {"$ref": "#/$defs/code"},
                "minItems": 1,
                "uniqueItems": True,
            },
        ],
        "examples": ["minutes", ["bundle", "minutes"]],
    },
    "above_allowance": choice(
        "Where what is left of a record begins. goes_on: where its free units end (default of "
        "calls). from_start: at the first rate or tier (default of tiers).",
        AboveAllowance,
    ),
    "fee_when_free": of(
        "yes_no", "The connect fee is due also where everything else of the record is free."
    ),
    "minimum_units": of(
        "quantity", "What is left of a record is billed as at least so much, before increments."
    ),
    "aggregate": {
        "description": "What of the month's records is priced: their sum, the largest, the latest by "
        "event time, one for each value of the attribute `unique_by`, a level that they change (its "
        "average over time, or each day's share of what it costs), or a percentile of samples.",
        "anyOf": [
            choice("What the records make together.", Aggregation),
            {"$ref": "#/$defs/samples"},
        ],
        "default": Aggregation.SUM.name.lower(),
        "examples": ["max", {"percentile": 95, "interval": "5 min"}],
    },
    "unique_by": of("text", "The attribute of `aggregate: unique`.", "device"),
    "discount": {
        "description": "Percent off, such as 10; a list: each of what the one before it left. One "
        "with a condition is given where that holds, one with `times` to so many events and no more; not of "
        "prices of the month.",
        "anyOf": [
            *_DISCOUNTS,
            {
                "type": "array",
                "items": {"anyOf": _DISCOUNTS},
                "minItems": 1,
                "maxItems": read_steps._MOST_DISCOUNTS,
            },
        ],
        "examples": [
            10,
            [10, 2.5],
            [{"percent": 10, "when": 'account.vip == "gold"'}],
            {"percent": 100, "times": 1},
        ],
    },
    "discount_by_usage": of(
        "discount_by_usage",
        "Percent off all of the month by what the account used of another product in it.",
        {"product": "film", "reached": [{"from": 5, "percent": 10}]},
    ),
    "commitment": of(
        "commitment",
        "What the month is promised to come to.",
        {"amount": 50.00, "overage": 1.5, "true_up": "yes"},
    ),
    "least": of("least", "The least that something comes to, in money.", {"month": 10.00}),
    "most": of("most", "The most that something comes to, in money.", {"event": 12.00}),
    "exchange": of(
        "code", "The table of exchange rates by which its currency becomes the plan's.", "usd"
    ),
    "rounding": of("rounding", "How the charge is rounded; half up to ten places by default."),
}

_PARTS: Schema = {
    "increments": {
        "description": "First and following increment, such as 60/1.",
        "type": "string",
        "pattern": r"^(?=[^/]*[1-9])[0-9]+(\.[0-9]+)?/(?=[^/]*[1-9])[0-9]+(\.[0-9]+)?$",
        "examples": ["60/1", "60/60", "30/6"],
    },
    "amounts_by_band": {
        "description": "An amount for each band of the set.",
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/code"},
        "additionalProperties": {"$ref": "#/$defs/amount"},
        "minProperties": 1,
        "examples": [{"peak": 0.09, "off-peak": 0.05}],
    },
    "tiers": {
        "description": "Tiers that rise; the last one, and no other, is open.",
        "type": "array",
        "items": {"$ref": "#/$defs/tier"},
        "minItems": 1,
        "contains": {"not": {"required": ["upto"]}},
        "minContains": 1,
        "maxContains": 1,
        "examples": [[{"upto": "10 GB", "amount": 1.00}, {"amount": 1.25}]],
    },
    "tier": record(
        "A stretch of the month's usage, from where the tier before it ends.",
        {
            "upto": of("quantity", "Its end, which is in it; the last tier has none.", "10 GB"),
            "amount": of("amount", "For the `per` of the tier or of the price.", 1.25),
            "percent": of("percent", "Of a product whose unit is the plan's currency.", 1.5),
            "fee": of("amount", "Once, when the month enters the tier.", 5.00),
            "per": of("quantity", "Where it differs from that of the price.", "1 GB"),
            "whole": of("yes_no", "A started `per` costs all of it."),
        },
        anyOf=[{"required": [key]} for key in ("amount", "percent", "fee")],
        dependentSchemas={"percent": {"properties": {"amount": False}}},
    ),
    "rates": {
        "description": "Rates in the order in which a call meets them; the first one has no `from`.",
        "type": "array",
        "items": {"$ref": "#/$defs/rate"},
        "minItems": 1,
    },
    "rates_by_band": {
        "description": "Rates for each band of the set.",
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/code"},
        "additionalProperties": {"$ref": "#/$defs/rates"},
        "minProperties": 1,
    },
    "rate": record(
        "What a unit costs from some unit of the record on.",
        {
            "from": {
                "description": "Where in the record it begins; the first rate has none, or 0.",
                "anyOf": [
                    {"$ref": "#/$defs/quantity"},
                    {"const": 0},
                    {"type": "string", "pattern": r"^0+(\.0+)?( |$)"},
                ],
                "examples": ["1 min"],
            },
            "amount": of("amount", "For `per` units.", 0.20),
            "per": of("quantity", "The units that the amount is for.", "1 min"),
            "increment": of("quantity", "Every started one is billed whole.", "30 s", "1 s"),
        },
        required=("amount", "per", "increment"),
    ),
    "round_units": record(
        "Rounds the units of each record to a multiple.",
        {
            "to": of("quantity", "The multiple.", "1 kB"),
            "rule": choice("Which way.", UnitRounding),
        },
        required=("to", "rule"),
    ),
    "discount_when": record(
        "A discount that is given where a condition holds.",
        {
            "percent": of("percent", "Percent off.", 10, maximum=100),
            "when": of("condition", "What must hold.", 'account.vip == "gold"'),
        },
        required=("percent", "when"),
    ),
    "discount_times": record(
        "A discount that is used up: of the first events that a subscription has under the price.",
        {
            "percent": of("percent", "Percent off.", 100, exclusiveMinimum=0, maximum=100),
            "times": {
                "description": "To how many events it is given.",
                "type": ["integer", "string"],
                "minimum": 1,
                "maximum": MOST_TIMES,
                "pattern": "^[0-9]{1,9}$",
                "examples": [1],
            },
            "every": choice(
                "How often it begins anew; once: never.",
                CounterPeriod,
                default=CounterPeriod.ONCE,
            ),
            "when": of("condition", "What must hold besides.", "subscription_month <= 3"),
        },
        required=("percent", "times"),
    ),
    "percent_off": of("percent", "Percent off: 10 is ten percent.", 10, maximum=100),
    "discount_by_usage": record(
        "A discount of the month by the usage of another product.",
        {
            "product": of("code", "The other product.", "film"),
            "reached": {
                "description": "What is off from some usage of it on; rising.",
                "type": "array",
                "items": {"$ref": "#/$defs/usage_reached"},
                "minItems": 1,
            },
            "from_then": of(
                "yes_no",
                "Off usage that is rated once so much was used of it; else off all of the month, and "
                "what was charged before is adjusted.",
            ),
        },
        required=("product", "reached"),
    ),
    "usage_reached": record(
        "What is off from some usage on.",
        {
            "from": of("quantity", "In the unit of the other product.", 5, "10 GB"),
            "percent": of("percent_off", "Off all of the month.", 10),
        },
        required=("from", "percent"),
    ),
    "commitment": record(
        "What a month is promised to come to, with an overage, or trued up, or both.",
        {
            "amount": of("amount_above_zero", "Money that the month comes to at least.", 50.00),
            "units": of("quantity", "Or what so many units cost.", "100 GB"),
            "overage": of("amount", "What the price above it is multiplied with.", 1.5),
            "true_up": of("yes_no", "What is missing is charged at the close of the month."),
        },
        oneOf=[{"required": ["amount"]}, {"required": ["units"]}],
        anyOf=[
            {"required": ["true_up"], "properties": {"true_up": {"const": "yes"}}},
            {"required": ["overage"], "properties": {"overage": {"not": {"const": 1}}}},
        ],
    ),
    "least": record(
        "The least that an event, or a month, comes to.",
        {
            "event": of("amount", "Of each event.", 0.20),
            "month": of("amount", "Of the month; charged at its close, also without usage.", 10.00),
            "by_days": of(
                "yes_no", "As many days' share of the month as the subscription was there."
            ),
        },
        dependentRequired={"by_days": ["month"]},
    ),
    "most": record(
        "The most that an event, a day or a month comes to.",
        {
            "event": of("amount", "Of each event.", 12.00),
            "day": of("amount", "Of a day.", 5.00),
            "month": of("amount", "Of the month.", 60.00),
        },
    ),
    "rounding": {
        "description": "One rule, or a list that is applied one after the other.",
        "anyOf": [
            {"$ref": "#/$defs/rounding_rule"},
            {
                "type": "array",
                "items": {"$ref": "#/$defs/rounding_rule"},
                "minItems": 1,
                "maxItems": read_steps._MOST_ROUNDINGS,
            },
        ],
        "examples": [{"rule": "half_up", "places": 2}, {"rule": "up", "to": 0.05}],
    },
    "rounding_rule": record(
        "How an amount is rounded.",
        {
            "rule": choice("Which way.", Rounding, default=Rounding.HALF_UP),
            "places": {
                "description": "Decimal places that are kept.",
                "type": ["integer", "string"],
                "minimum": 0,
                "maximum": MAX_DECIMAL_PLACES,
                "pattern": "^[0-9]{1,9}$",
                "default": RATED_DECIMAL_PLACES,
            },
            "to": of("amount_above_zero", "A multiple, in place of `places`.", 0.05),
            "times": of("amount_above_zero", "Multiplies first, as an agreed rate of exchange."),
        },
        dependentSchemas={"to": {"properties": {"places": False}}},
    ),
}
