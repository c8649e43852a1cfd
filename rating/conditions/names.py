"""The names that a condition may use, and the values that they have for one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

import msgspec

from schemas.usage import UsageEvent

_NONE: Mapping[str, str] = {}


class Holder(msgspec.Struct, frozen=True, gc=False):
    """Whose usage it is, as far as conditions ask: at the time of the usage."""

    account_id: str
    subscription_id: str
    account: Mapping[str, str] = _NONE  # its attributes
    subscription: Mapping[str, str] = _NONE
    month: int | None = None  # of the subscription: 1 is its first; None: nobody asks


class NameOf(Enum):
    """What a name belongs to."""

    EVENT = "event"
    ACCOUNT = "account"
    SUBSCRIPTION = "subscription"
    USAGE = ""  # it stands alone, as `quantity` does


class Name(NamedTuple):
    """A name of a condition: `account.vip` is ``(NameOf.ACCOUNT, "vip")``."""

    of: NameOf
    name: str

    @property
    def written(self) -> str:
        """Return the name as a condition has it."""
        if self.of is NameOf.USAGE:
            return self.name
        plain = self.name.isidentifier()
        return f"{self.of.value}.{self.name}" if plain else f'{self.of.value}["{self.name}"]'

    @property
    def is_number(self) -> bool:
        """Return whether its values are numbers; those of all others are texts."""
        return self in (QUANTITY, SUBSCRIPTION_MONTH)

    @property
    def is_of_holder(self) -> bool:
        """Return whether it has a value without an event, too."""
        of_holder = self.of in (NameOf.ACCOUNT, NameOf.SUBSCRIPTION)
        return of_holder or self == SUBSCRIPTION_MONTH


ID = "id"
"""The attribute that every account and every subscription has."""

QUANTITY = Name(NameOf.USAGE, "quantity")
SUBSCRIPTION_MONTH = Name(NameOf.USAGE, "subscription_month")
"""Which month of the subscription it is, a whole number from 1 on."""

ALONE = (
    *("quantity", "destination", "origin", "service_class", "usage_kind"),
    SUBSCRIPTION_MONTH.name,
)


def symbol(place: int) -> str:
    """Return what the expression library calls the name at a place of a condition's names."""
    return f"n{place}"


TextOf = Callable[[UsageEvent | None, Holder], str]


def text_of(name: Name) -> TextOf:
    """Return what finds the value of a name that is a text; an attribute that is not there is
    the empty text. Only names of the holder have one without an event."""
    attribute = name.name
    match name.of:
        case NameOf.ACCOUNT:
            if attribute == ID:
                return lambda event, holder: holder.account_id
            return lambda event, holder: holder.account.get(attribute, "")
        case NameOf.SUBSCRIPTION:
            if attribute == ID:
                return lambda event, holder: holder.subscription_id
            return lambda event, holder: holder.subscription.get(attribute, "")
        case NameOf.EVENT:
            return lambda event, holder: _known(event).attributes.get(attribute, "")
        case NameOf.USAGE:
            return _ALONE[attribute]


def value_of(name: Name) -> Callable[[UsageEvent | None, Holder], str | Decimal]:
    """Return what finds the value of a name other than the quantity."""
    return _month if name == SUBSCRIPTION_MONTH else text_of(name)


def _month(_event: UsageEvent | None, holder: Holder) -> Decimal:
    assert holder.month is not None, "who asks for the month says it"
    return Decimal(holder.month)


def _known(event: UsageEvent | None) -> UsageEvent:
    assert event is not None, "asked of the holder alone"
    return event


_ALONE: dict[str, TextOf] = {
    "destination": lambda event, holder: _known(event).destination or "",
    "origin": lambda event, holder: _known(event).origin or "",
    "service_class": lambda event, holder: _known(event).service_class or "",
    "usage_kind": lambda event, holder: _known(event).usage_kind,
}
