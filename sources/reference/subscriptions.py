"""The subscriptions of accounts, and what two of them must not hold at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schemas.period import from_ms
from schemas.reference import Subscription
from sources.reference.attributes import read_attributes
from sources.reference.fields import instant_of, name_of
from sources.reference.problem import Problem, quoted
from sources.reference.tree import Reader, Value


def read_subscription(
    reader: Reader, value: Value, field: str, *, zone: str
) -> Subscription | None:
    """Return one entry; its dates begin in ``zone``. None where it was refused."""
    fields = reader.table(
        value,
        field,
        required=("id", "identifier", "plan", "valid_from"),
        optional=("valid_to", "attributes"),
    )
    if fields is None:
        return None
    subscription_id = name_of(reader, fields.get("id"), f"{field}.id")
    identifier = name_of(reader, fields.get("identifier"), f"{field}.identifier")
    plan = name_of(reader, fields.get("plan"), f"{field}.plan")
    attributes = read_attributes(reader, fields.get("attributes"), f"{field}.attributes")
    valid_from_ms = instant_of(reader, fields.get("valid_from"), f"{field}.valid_from", zone=zone)
    end = fields.get("valid_to")
    is_open = end is None or end.data == ""
    valid_to_ms = None if is_open else instant_of(reader, end, f"{field}.valid_to", zone=zone)
    if valid_from_ms is not None and valid_to_ms is not None and valid_to_ms <= valid_from_ms:
        since, until = fields["valid_from"], fields["valid_to"]
        expected = f"something after {since.shown()}"
        reader.complain(until.line, f"{field}.valid_to", expected, until.shown())
        return None
    if not (subscription_id and identifier and plan) or valid_from_ms is None:
        return None
    return Subscription(
        subscription_id=subscription_id,
        identifier=identifier,
        plan=plan,
        valid_from_ms=valid_from_ms,
        valid_to_ms=valid_to_ms,
        attributes=attributes,
    )


class Held(NamedTuple):
    """An entry, whose it is and where it stands."""

    entry: Subscription
    tenant: str
    account_id: str
    file: str
    line: int


class Holdings:
    """All entries of all files. What the lookup would decide by chance is a problem here."""

    def __init__(self) -> None:
        self._by_identifier: dict[tuple[str, str], list[Held]] = {}
        self._by_subscription: dict[tuple[str, str], list[Held]] = {}

    def add(self, held: Held) -> None:
        """Add an entry."""
        identifier = held.entry.identifier
        subscription_id = held.entry.subscription_id
        self._by_identifier.setdefault((held.tenant, identifier), []).append(held)
        self._by_subscription.setdefault((held.account_id, subscription_id), []).append(held)

    def problems(self) -> Iterator[Problem]:
        """Yield identifiers that two entries hold at once, and subscriptions on two plans or with two
        sets of attributes."""
        for (_, identifier), entries in self._by_identifier.items():
            for first, second in _overlaps(entries):
                found = f"{quoted(identifier)}, which account {first.account_id} has"
                yield _problem(second, "identifier", "one that is free", f"{found} {_until(first)}")
        for (_, subscription_id), entries in self._by_subscription.items():
            for first, second in _overlaps(entries):
                if first.entry.plan != second.entry.plan:
                    found = f"{quoted(subscription_id)} on {quoted(first.entry.plan)}"
                    yield _problem(second, "plan", "one plan at a time", f"{found} {_until(first)}")
                elif first.entry.attributes != second.entry.attributes:
                    found = f"others of {quoted(subscription_id)} {_until(first)}"
                    yield _problem(second, "attributes", "the same at one time", found)


def _overlaps(entries: list[Held]) -> Iterator[tuple[Held, Held]]:
    """Yield pairs that hold at one instant: each with the one before it that reaches furthest."""
    furthest: Held | None = None
    for held in sorted(entries, key=lambda each: each.entry.valid_from_ms):
        if furthest is None:
            furthest = held
            continue
        if _end(furthest) > held.entry.valid_from_ms:
            yield furthest, held
        if _end(held) > _end(furthest):
            furthest = held


def _end(held: Held) -> int:
    end_ms = held.entry.valid_to_ms
    return 1 << 62 if end_ms is None else end_ms


def _until(held: Held) -> str:
    end_ms = held.entry.valid_to_ms
    until = "for ever" if end_ms is None else f"until {from_ms(end_ms).isoformat()}"
    return f"{until} by {held.file}:{held.line}"


def _problem(held: Held, name: str, expected: str, found: str) -> Problem:
    field = f"account {held.account_id}.subscriptions.{name}"
    return Problem(held.file, held.line, field, expected, found)
