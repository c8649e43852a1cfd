"""Dimensions: what of an event may decide its price, by the names that a catalogue has for it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from schemas.usage import UsageEvent

ORIGIN = "origin"
DESTINATION = "destination"
SERVICE_CLASS = "service_class"
ATTRIBUTE = "attribute."
"""Before the name that the mapping gives an attribute: ``attribute.zone``."""

FIELDS = (ORIGIN, DESTINATION, SERVICE_CLASS)
_NUMBERS = (ORIGIN, DESTINATION)

Reading = Callable[[UsageEvent], str | None]


def is_dimension(name: str) -> bool:
    """Return whether an event may say something under a name."""
    return name in FIELDS or (name.startswith(ATTRIBUTE) and name != ATTRIBUTE)


def holds_prefixes(dimension: str) -> bool:
    """Return whether prices are for prefixes of what an event says, and not for all of it."""
    return dimension in _NUMBERS


def reading_of(dimension: str) -> Reading:
    """Return what reads a dimension of an event; that gives None, or nothing, where it says none."""
    assert is_dimension(dimension)
    if dimension in FIELDS:
        return attrgetter(dimension)
    name = dimension.removeprefix(ATTRIBUTE)

    def attribute(event: UsageEvent) -> str | None:
        return event.attributes.get(name)

    return attribute
