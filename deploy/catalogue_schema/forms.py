"""The few forms that the schema of the catalogue is made of."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

Schema = dict[str, Any]


def record(
    about: str, properties: Schema, *, required: Iterable[str] = (), **rules: object
) -> Schema:
    """Return the schema of a mapping with these keys and no other."""
    return {
        "description": about,
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **rules,
    }


def of(name: str, about: str, *examples: object, **rules: object) -> Schema:
    """Return a value of a definition, with what it means here."""
    shown = {"examples": list(examples)} if examples else {}
    return {"$ref": f"#/$defs/{name}", "description": about, **shown, **rules}


def choice(about: str, options: type[StrEnum], *, default: StrEnum | None = None) -> Schema:
    """Return one of the options of an enum, by the names that the reader knows."""
    names = [option.name.lower() for option in options]
    stated = {} if default is None else {"default": default.name.lower()}
    return {"description": about, "enum": names, **stated}


def by_code(about: str, value: Schema, **rules: object) -> Schema:
    """Return a mapping of codes."""
    return {
        "description": about,
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/code"},
        "additionalProperties": value,
        **rules,
    }
