"""One difference of two catalogues, and the line in which a person reads it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum

import msgspec

from rating.catalogue.differences.dates import said_span
from rating.units import plain


class Kind(StrEnum):
    """What became of a thing."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one thing was and is; ``str`` gives the line."""

    kind: Kind
    at: str  # where it stands, in codes: "plans.business.prices.national"
    thing: str  # "plan Business, price national"
    what: str = ""  # the part of the thing: "connect fee"; empty: the thing itself, or its price
    before: str | None = None  # None: it was not there
    after: str | None = None
    change_percent: Decimal | None = None  # of a price, rounded to a tenth; negative: cheaper
    valid_from: dt.date | None = None  # the days on which it differs; None: open
    valid_to: dt.date | None = None  # exclusive
    destinations: tuple[str, ...] = ()  # of rows of a card
    prefixes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return one line, with what was and what is."""
        span = said_span(self.valid_from, self.valid_to)
        name = ", ".join(part for part in (self.thing, self.what, span) if part)
        match self.kind:
            case Kind.ADDED:
                return f"added: {name}: {self.after}" if self.after else f"added: {name}"
            case Kind.REMOVED:
                return f"removed: {name}: {self.before}" if self.before else f"removed: {name}"
            case Kind.CHANGED if self.before is None:
                return name
            case Kind.CHANGED:
                by = "" if self.change_percent is None else f" ({_signed(self.change_percent)} %)"
                return f"{name}: {self.before} -> {self.after}{by}"


def _signed(percent: Decimal) -> str:
    return f"{'+' if percent > 0 else ''}{plain(percent)}"
