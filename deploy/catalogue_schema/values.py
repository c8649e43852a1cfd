"""Values of the catalogue as an editor sees them: a number, or a text that the reader takes for one.

An editor reads YAML as JSON, the reader reads each value as the text that stands there.
"""

from deploy.catalogue_schema.forms import Schema
from rating.catalogue import reader
from rating.catalogue.currencies import CURRENCIES
from rating.conditions import words

# Patterns of the reader itself; that of a number has no anchors there.
_CODE = rf"^{reader.CODE.pattern}$"
_NUMBER = rf"^{reader._NUMBER.pattern}$"
_ABOVE_ZERO = rf"^(?=.*[1-9]){reader._NUMBER.pattern}$"
_DIGITS = r"[0-9]+(\.[0-9]+)?"

VALUES: Schema = {
    "code": {
        "description": "A code: a-z, 0-9, '-', '_' and '.'. It becomes part of what is stored: "
        "never rename one.",
        "type": ["string", "integer"],
        "minimum": 0,
        "pattern": _CODE,
    },
    "text": {"description": "A text.", "type": ["string", "number", "boolean"], "pattern": r"\S"},
    "condition": {
        "description": "What must hold, in names (event.<attribute>, account.<attribute>, "
        "subscription.<attribute>, quantity, subscription_month, destination, origin, service_class, "
        "usage_kind), texts "
        "and numbers: == != < <= > >=, in [...], and, or, not. The check reads it; this does not.",
        "type": "string",
        "pattern": r"\S",
        "maxLength": words.MAX_LENGTH,
    },
    "amount": {
        "description": "Money in the plan's currency, zero or more, read to the last digit as it is "
        "written. No exponent, no comma.",
        "type": ["number", "string"],
        "minimum": 0,
        "pattern": _NUMBER,
        "maxLength": reader.MAX_PRICE_DIGITS,
    },
    "amount_above_zero": {
        "description": "Money in the plan's currency, above zero, as it is written.",
        "type": ["number", "string"],
        "exclusiveMinimum": 0,
        "pattern": _ABOVE_ZERO,
        "maxLength": reader.MAX_PRICE_DIGITS,
    },
    "percent": {
        "description": "Percent as a number without a sign: 10 is ten percent.",
        "type": ["number", "string"],
        "minimum": 0,
        "pattern": _NUMBER,
        "maxLength": reader.MAX_PRICE_DIGITS,
    },
    "quantity": {
        "description": "A quantity above zero with its unit, such as '10 GB' or '1 min'; a unit "
        "alone is one of it, a number alone is in the product's unit. Units: s, min, h; B, kB, MB, "
        "GB, TB and KiB, MiB, GiB, TiB; Wh, kWh, MWh; ml, l, m3; or the product's own.",
        "type": ["string", "number"],
        "exclusiveMinimum": 0,
        "pattern": rf"^({_DIGITS}|({_DIGITS} )?[A-Za-z][A-Za-z0-9_-]*)$",
        "not": {"type": "string", "pattern": r"^[0.]+( |$)"},
    },
    "currency": {"description": "A currency of ISO 4217.", "enum": sorted(CURRENCIES)},
    "date": {
        "description": "A date in the account's zone, such as 2026-10-01.",
        "type": "string",
        "format": "date",
        "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    },
    "yes_no": {"description": "yes or no.", "enum": [option.value for option in reader.YesNo]},
    "prefix": {
        "description": "Digits that a number begins with, without a plus. In quotes, so that an "
        "editor does not take it for a number.",
        "type": ["string", "integer"],
        "minimum": 0,
        "pattern": "^[0-9]+$",
    },
}
