"""The sections of a catalogue, and what stands in them; prices are in `prices.py`."""

import re

from deploy.catalogue_schema.forms import Schema, by_code, choice, of, record
from rating.catalogue import read_bands, read_limits
from rating.catalogue.document import BelowZero, Consume, Sharing, ZeroUsage
from rating.catalogue.read_matrix import MAX_DIMENSIONS
from rating.counting import CounterPeriod
from rating.dimensions import ATTRIBUTE, FIELDS
from rating.margins import CHARGED
from rating.price.allowance import MOST_MONTHS, TakenFirst

SECTIONS: Schema = {
    "products": by_code(
        "What is used, and how it is measured. The code of a product is the word that the mapping "
        "of a source has for it.",
        {"$ref": "#/$defs/product"},
        examples=[{"voice": {"type": "telephony", "usage_kind": "voice", "unit": "s"}}],
    ),
    "calendars": by_code(
        "Days that have prices of their own, such as public holidays; bands name them.",
        {"$ref": "#/$defs/calendar"},
        examples=[{"germany": ["2026-12-25", "2026-12-26"]}],
    ),
    "bands": by_code(
        "Sets of bands: parts of the week, such as peak and off-peak. Each set covers the week once.",
        {"$ref": "#/$defs/band_set"},
        examples=[{"hours": {"peak": ["Mon-Fri 08:00-18:00"], "off-peak": "otherwise"}}],
    ),
    "cards": by_code(
        "Rate cards: prices by destination prefix, whose rows are in CSV files.",
        {"$ref": "#/$defs/card"},
        examples=[{"world": {"file": "cards/world.csv", "currency": "EUR", "unit": "s"}}],
    ),
    "matrices": by_code(
        "Prices by more than the number that was called, whose rows are in CSV files.",
        {"$ref": "#/$defs/matrix"},
        examples=[
            {
                "roaming": {
                    "file": "matrices/roaming.csv",
                    "currency": "EUR",
                    "unit": "s",
                    "dimensions": ["origin", "destination", "attribute.zone"],
                }
            }
        ],
    ),
    "exchange_rates": by_code(
        "What one currency is worth in another, from day to day; prices name the tables.",
        {"$ref": "#/$defs/exchange_table"},
        examples=[
            {
                "usd": {
                    "from": "USD",
                    "to": "EUR",
                    "rates": [{"valid_from": "2026-10-01", "rate": 0.9215}],
                }
            }
        ],
    ),
    "plans": by_code(
        "What a subscription is on: what each product costs.",
        {"$ref": "#/$defs/plan"},
        examples=[
            {
                "business": {
                    "currency": "EUR",
                    "prices": {
                        "messages": {
                            "product": "message",
                            "price": {"model": "flat", "amount": 0.09},
                        }
                    },
                }
            }
        ],
    ),
    "limits": by_code(
        "What may be unbilled before it is invoiced at once.",
        {"$ref": "#/$defs/limit"},
        examples=[{"unbilled": {"scope": "account", "amount": 50.00, "currency": "EUR"}}],
    ),
}


_WINDOW = (
    r"^(?=.)(?:[0-9]{2}-[0-9]{2}\.\.[0-9]{2}-[0-9]{2}|holidays [a-z0-9_.-]+)?"
    r"(?:(?:^| )(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:-(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun))?)?"
    r"(?:(?:^| )[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2})?$"
)

THINGS: Schema = {
    "product": record(
        "What is used, and how it is measured.",
        {
            "name": of("text", "For people; the code where it is left out.", "Telephone calls"),
            "type": of(
                "text",
                "Product type: charge limits and reports may be per type.",
                *("telephony", "messaging", "data", "metering"),
            ),
            "usage_kind": of(
                "text", "Kind of usage.", "voice", "message", "data", "session", "event", "energy"
            ),
            "unit": of(
                "text",
                "The quantity of an event that is priced, named as the mapping of its source names "
                "it. record: each event counts as 1, whatever was measured.",
                *("s", "B", "record", "Wh"),
            ),
            "zero_usage": choice(
                "What becomes of an event without usage. rate: a charge of zero. filter: counted "
                "as filtered, no charge. price: its fee, its flat price and its least units, as if "
                "something were used.",
                ZeroUsage,
                default=ZeroUsage.RATE,
            ),
            "below_zero": choice(
                "What becomes of an event below zero. refuse: it waits in suspense. mirror: it is a "
                "correction, and gives back what so much usage costs.",
                BelowZero,
                default=BelowZero.REFUSE,
            ),
            "tax_code": of("text", "Handed on with each charge.", "TEL"),
        },
        required=("type", "usage_kind", "unit"),
    ),
    "calendar": {
        "description": "Dates, each once.",
        "type": "array",
        "items": {"$ref": "#/$defs/date"},
        "minItems": 1,
        "uniqueItems": True,
    },
    "band_set": by_code(
        "Bands by code. Together they cover the week and do not overlap; one may be `otherwise`, "
        "all that the others leave.",
        {"$ref": "#/$defs/band"},
    ),
    "band": {
        "description": "Days and hours of the account's wall clock, the start inside, the end "
        "outside; or otherwise: all that the other bands leave.",
        "anyOf": [
            {"const": read_bands.OTHERWISE},
            {"type": "array", "items": {"$ref": "#/$defs/window"}, "minItems": 1},
        ],
        "examples": [["Mon-Fri 08:00-18:00", "Sat 10:00-14:00"], "otherwise"],
    },
    "window": {
        "description": "Days and hours such as 'Mon-Fri 08:00-18:00' or 'Sat'. Before them may "
        "stand a season such as '06-01..08-31', or 'holidays' and a calendar: then they hold on "
        "those days only, and go before what is said of the week. Hours that end before they begin "
        "go round midnight of the same day.",
        "type": "string",
        "pattern": _WINDOW,
        "examples": [
            *("Mon-Fri 08:00-18:00", "Sat-Sun", "Mon-Sun 22:00-06:00"),
            *("06-01..08-31 Mon-Fri 08:00-18:00", "holidays germany"),
        ],
    },
    "card": record(
        "A rate card: its rows are in a CSV file with the columns prefix, destination, price, "
        "per_units, first_units, following_units, and perhaps connect_fee, band, valid_from, "
        "valid_to.",
        {
            "file": of("text", "The CSV file, by its name in the folder.", "cards/world.csv"),
            "currency": of("currency", "That of the plans that use the card.", "EUR"),
            "unit": of("text", "That of the products that are priced by it.", "s"),
            "bands": of("code", "A set of bands; then the card may have a column `band`.", "hours"),
        },
        required=("file", "currency", "unit"),
    ),
    "matrix": record(
        "Prices by what the event says: its rows are in a CSV file with a column for each dimension, "
        "name, and the columns of a rate card.",
        {
            "file": of("text", "The CSV file, by its name in the folder.", "matrices/roaming.csv"),
            "currency": of("currency", "That of the plans that use the matrix.", "EUR"),
            "unit": of("text", "That of the products that are priced by it.", "s"),
            "bands": of("code", "A set of bands; then the rows may have a column `band`.", "hours"),
            "dimensions": {
                "description": "What decides, and in which order: a prefix of origin or destination, "
                "a service class, an attribute.",
                "type": "array",
                "items": {
                    "type": "string",
                    "pattern": rf"^({'|'.join(FIELDS)}|{re.escape(ATTRIBUTE)}.+)$",
                },
                "minItems": 1,
                "maxItems": MAX_DIMENSIONS,
                "uniqueItems": True,
            },
        },
        required=("file", "currency", "unit", "dimensions"),
    ),
    "exchange_table": record(
        "Rates of exchange between two currencies; before the first there is none, and no price.",
        {
            "from": of("currency", "That of the prices, and of their cards.", "USD"),
            "to": of("currency", "That of the plans.", "EUR"),
            "rates": {
                "description": "Rising by date.",
                "type": "array",
                "items": {"$ref": "#/$defs/exchange_rate"},
                "minItems": 1,
            },
            "file": of("text", "Or a CSV with the columns valid_from and rate.", "usd.csv"),
        },
        required=("from", "to"),
        oneOf=[{"required": ["rates"]}, {"required": ["file"]}],
    ),
    "exchange_rate": record(
        "What a unit of the one currency is worth in the other.",
        {
            "valid_from": of("date", "From the start of this day of the account's zone on."),
            "rate": of("amount_above_zero", "The rate.", 0.9215),
        },
        required=("valid_from", "rate"),
    ),
    "plan": record(
        "What a subscription is on. Of its prices for a product the first that matches wins, in "
        "the order of the file.",
        {
            "name": of("text", "For people; the code where it is left out.", "Business"),
            "extends": of(
                "code",
                "A plan whose prices and allowances come after its own; the currency is that one's.",
                "business",
            ),
            "currency": of("currency", "An account in another one is refused.", "EUR"),
            "allowances": by_code(
                "What is free in a period; prices that name the same allowance share it.",
                {"$ref": "#/$defs/allowance"},
                examples=[{"minutes": {"units": "1000 min"}}],
            ),
            "prices": by_code(
                "What the products cost, by code.", {"$ref": "#/$defs/plan_price"}, minProperties=1
            ),
            "also_rated": by_code(
                "Plans under which the same usage is rated too, such as what it costs, by the name of "
                "the rating: the first is paid from what is charged, each further one from the one "
                "before it. Their prices ask nothing of the month.",
                {
                    "description": "The plan; or one for each product that has the rating.",
                    "anyOf": [
                        {"$ref": "#/$defs/code"},
                        by_code("The plan, by product.", {"$ref": "#/$defs/code"}, minProperties=1),
                    ],
                },
                propertyNames={"$ref": "#/$defs/code", "not": {"const": CHARGED}},
                examples=[{"wholesale": "carrier-a"}, {"interconnect": {"voice": "carrier-a"}}],
            ),
        },
        anyOf=[{"required": ["extends"]}, {"required": ["currency", "prices"]}],
    ),
    "allowance": record(
        "What is free in a period: units, or an amount of money.",
        {
            "units": of("quantity", "What is free.", "1000 min", "10 GB", "100 record"),
            "amount": of(
                "amount_above_zero",
                "Money that pays the charge, after everything else, in the plan's currency.",
                5.00,
            ),
            "every": choice(
                "How often it begins anew; what is left is lost, unless it rolls over. once: never, it is "
                "given once.",
                CounterPeriod,
                default=CounterPeriod.MONTH,
            ),
            "shared_by": choice(
                "subscription: each has its own. account: all of an account's subscriptions on the "
                "plan have one together.",
                Sharing,
                default=Sharing.SUBSCRIPTION,
            ),
            "consume": choice(
                "What it takes. exact: what was used. increments: what increments make of it. "
                "steps: whole ones of its own `step`.",
                Consume,
                default=Consume.EXACT,
            ),
            "step": of("quantity", "The step of `consume: steps`.", "1 min"),
            "rolls_over": of(
                "rolls_over",
                "What a month leaves may be used in later ones.",
                {"months": 1, "upto": "5 GB"},
            ),
            "times": {
                "description": "The allowance is so many times its units or amount. members: the "
                "subscriptions that share it. An attribute: the number that the reference data states "
                "at the time of the usage; without one the usage waits.",
                "type": "string",
                "pattern": "^(members|(account|subscription)\\.(?!id$)[a-z][a-z0-9_]{0,63})$",
                "examples": ["subscription.seats", "members"],
            },
            "only_in": by_code(
                "For usage that begins in these bands of a set only.",
                {
                    "description": "The bands, each once; not all of the set.",
                    "type": "array",
                    "items": {"$ref": "#/$defs/code"},
                    "minItems": 1,
                    "uniqueItems": True,
                },
                minProperties=1,
                maxProperties=1,
                examples=[{"hours": ["off-peak"]}],
            ),
            "when": of(
                "condition",
                "For usage only of which the condition holds.",
                'event.apn == "internet"',
            ),
            "valid_from": of(
                "date", "For usage from this day on; by the account's zone.", "2026-10-01"
            ),
            "valid_to": of("date", "For usage before this day.", "2026-12-01"),
        },
        oneOf=[{"required": ["units"]}, {"required": ["amount"]}],
        **{
            "if": {"properties": {"consume": {"const": "steps"}}, "required": ["consume"]},
            "then": {"required": ["step"]},
            "else": {"properties": {"step": False}},
            "dependentSchemas": {
                "amount": {
                    "properties": {
                        "consume": False,
                        "step": False,
                        "rolls_over": {
                            "properties": {"upto": {"$ref": "#/$defs/amount_above_zero"}}
                        },
                    }
                },
                "rolls_over": {
                    "properties": {
                        "every": {"const": "month"},
                        "times": False,
                        "valid_from": False,
                        "valid_to": False,
                    }
                },
            },
            "allOf": [
                {
                    "if": {"properties": {"times": {"const": "members"}}, "required": ["times"]},
                    "then": {
                        "properties": {"shared_by": {"const": "account"}},
                        "required": ["shared_by"],
                    },
                },
                {
                    "if": {
                        "properties": {"times": {"pattern": "^subscription"}},
                        "required": ["times"],
                    },
                    "then": {"properties": {"shared_by": {"const": "subscription"}}},
                },
            ],
        },
    ),
    "rolls_over": record(
        "What a month leaves of the allowance, for later months to use.",
        {
            "months": {
                "description": "How many months may use it, after its own.",
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_MONTHS,
                "examples": [1, 3],
            },
            "upto": {
                "description": "The most that a month leaves, as the allowance itself is stated; all that "
                "is left where this is left out.",
                "anyOf": [
                    {"$ref": "#/$defs/quantity"},
                    {"$ref": "#/$defs/amount_above_zero"},
                ],
                "examples": ["5 GB", 2.50],
            },
            "order": choice(
                "Which is taken first. oldest_first: what expires first. current_first: that of the "
                "month itself, then what expires first.",
                TakenFirst,
                default=TakenFirst.OLDEST_FIRST,
            ),
            "since": {
                "description": "The first month that leaves anything; every month does where this is "
                "left out.",
                "type": "string",
                "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$",
                "examples": ["2026-10"],
            },
        },
        required=("months",),
    ),
    "plan_price": record(
        "What products cost in the plan, perhaps only for some destinations, or where a condition "
        "holds.",
        {
            "product": of("code", "The code of a product.", "voice"),
            "products": {
                "description": "Codes of several: the price is written out for each, with the code "
                "<price>.<product>.",
                "type": "array",
                "items": {"$ref": "#/$defs/code"},
                "minItems": 1,
                "uniqueItems": True,
                "examples": [["voice", "fax"]],
            },
            "product_type": of("text", "The same for all products of a type.", "telephony"),
            "when": of(
                "condition",
                "What must hold of usage, account and subscription; left out: always.",
                'account.vip == "gold"',
            ),
            "destinations": {
                "description": "Prefixes that the number begins with; left out: whatever the "
                "number, also none.",
                "type": "array",
                "items": {"$ref": "#/$defs/prefix"},
                "minItems": 1,
                "examples": [["49", "43"]],
            },
            "price": of("price", "The price, in force always."),
            "versions": {
                "description": "Prices by the date from which they are in force, in the order of "
                "the dates. The day of the event in the account's zone decides.",
                "type": "array",
                "items": {"$ref": "#/$defs/version"},
                "minItems": 1,
            },
        },
        allOf=[
            {"oneOf": [{"required": ["price"]}, {"required": ["versions"]}]},
            {"oneOf": [{"required": [key]} for key in ("product", "products", "product_type")]},
        ],
    ),
    "version": record(
        "A price in force for [valid_from, valid_to), from midnight to midnight.",
        {
            "valid_from": of("date", "The first day.", "2026-10-01"),
            "valid_to": of("date", "The day after the last one; else until the next version."),
            "price": of("price", "The price."),
        },
        required=("valid_from", "price"),
    ),
    "limit": record(
        "What may be unbilled before it is invoiced at once; reached means at or above it.",
        {
            "scope": of(
                "scope",
                "What counts: account, product:<code> or product_type:<type>.",
                *("account", "product:message", "product_type:telephony"),
            ),
            "amount": of(
                "amount_above_zero", "Counts for accounts in the currency beside it.", 50.00
            ),
            "currency": of("currency", "Of the amount.", "EUR"),
            "records": {
                "description": "A number of records, also of those that cost nothing.",
                "type": ["integer", "string"],
                "minimum": 1,
                "maximum": read_limits._MOST_RECORDS,
                "pattern": "^[0-9]{1,9}$",
                "examples": [500],
            },
            "invoice_scope": of(
                "scope", "What the invoice takes: account, or the limit's own scope.", "account"
            ),
        },
        required=("scope",),
        anyOf=[{"required": ["amount"]}, {"required": ["records"]}],
        dependentRequired={"amount": ["currency"], "currency": ["amount"]},
    ),
    "scope": {
        "description": "account, product:<code> or product_type:<type>.",
        "type": "string",
        "pattern": r"^(account|product:.+|product_type:.+)$",
    },
}
