"""The attributes of accounts and subscriptions: texts by name, which conditions of prices ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.reference import AccountAttributes
from sources.reference.fields import instant_of, name_of
from sources.reference.tree import Reader, Value

MAX_ATTRIBUTES = 32
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_RESERVED = "id"  # a condition has it of every account and subscription


def is_attribute(name: str) -> bool:
    """Return whether an attribute may be called so."""
    return bool(_NAME.fullmatch(name)) and name != _RESERVED


def read_attributes(reader: Reader, value: Value | None, field: str) -> dict[str, str] | None:
    """Return the attributes that a table states; None where there are none."""
    if value is None or value.data == "":
        return None
    if not isinstance(value.data, Mapping):
        reader.complain(value.line, field, "names with texts, such as vip: gold", value.shown())
        return None
    if len(value.data) > MAX_ATTRIBUTES:
        found = str(len(value.data))
        reader.complain(value.line, field, f"at most {MAX_ATTRIBUTES} attributes", found)
        return None
    found_values: dict[str, str] = {}
    for name, part in value.data.items():
        if not is_attribute(name):
            expected = f"a name of a-z, 0-9 and '_' that begins with a letter, not {_RESERVED}"
            reader.complain(part.line, f"{field}.{name}", expected, repr(name))
            continue
        text = name_of(reader, part, f"{field}.{name}")
        if text is not None:
            found_values[name] = text
    return found_values or None


def read_account_attributes(
    reader: Reader, value: Value | None, field: str, *, zone: str
) -> tuple[AccountAttributes, ...]:
    """Return what an account is like, in the order of time: a table says what it always was, a list
    of tables what it was from when on, each until the next one. Dates begin in ``zone``."""
    if value is None or isinstance(value.data, Mapping | str):
        values = read_attributes(reader, value, field)
        return () if values is None else (AccountAttributes(values=values),)
    entries: list[AccountAttributes] = []
    for place, item in enumerate(reader.items(value, field)):
        first = place == 0
        required = ("values",) if first else ("values", "valid_from")
        optional = ("valid_from",) if first else ()
        fields = reader.table(item, field, required=required, optional=optional)
        if fields is None:
            continue
        since = instant_of(reader, fields.get("valid_from"), f"{field}.valid_from", zone=zone)
        before = entries[-1].valid_from_ms if entries else None
        if since is not None and before is not None and since <= before:
            stated = fields["valid_from"]
            expected = "something after that of the entry before it"
            reader.complain(stated.line, f"{field}.valid_from", expected, stated.shown())
        values = read_attributes(reader, fields.get("values"), f"{field}.values")
        entries.append(AccountAttributes(valid_from_ms=since, values=values or {}))
    return tuple(entries)
