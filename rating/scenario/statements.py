"""What the lines of a scenario state, once they are read."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec

from rating.conditions.names import ID, Holder
from rating.trial import Member

_ACCOUNT_ID = "account"


class StatedAmount(NamedTuple):
    """An amount as it is written: it is compared to as many places as it shows."""

    amount: Decimal
    currency: str
    places: int


class StatedUnits(NamedTuple):
    """A quantity as it is written."""

    quantity: Decimal
    unit: str


class StatedUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Usage as a line describes it."""

    times: int  # so many events alike; what is expected is of all of them together
    used: tuple[StatedUnits, ...]
    product: str
    subscription_id: str
    origin: str | None = None
    destination: str | None = None
    service_class: str | None = None
    attributes: dict[str, str] = {}


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What must become of usage."""

    free: StatedUnits | None = None
    billed: StatedUnits | None = None
    price: str | None = None  # "<plan>/<price>"
    earlier: StatedAmount | None = None  # what it changes of earlier charges; None: nothing
    ratings: dict[str, StatedAmount] = {}  # what it comes to under other plans, by their names
    margins: dict[str, StatedAmount] = {}  # over these
    charge: StatedAmount | None = None  # one of the three
    refused: str | None = None
    filtered: str | None = None  # the word itself


class UsageLine(msgspec.Struct, frozen=True, kw_only=True):
    """Usage, and what must become of it."""

    line: int
    text: str
    usage: StatedUsage
    started_at_ms: int
    ended_at_ms: int | None
    expected: Expected


class CloseLine(msgspec.Struct, frozen=True, kw_only=True):
    """The close of a month, and what prices must still ask for."""

    line: int
    text: str
    at_ms: int  # its first instant
    charge: StatedAmount


class TotalLine(msgspec.Struct, frozen=True, kw_only=True):
    """What all lines before it must come to."""

    line: int
    text: str
    total: StatedAmount
    subscription_id: str | None = None  # of this one alone


Statement = UsageLine | CloseLine | TotalLine


class ScenarioAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Whose usage it is."""

    plan: str
    currency: str
    zone: str
    members: tuple[Member, ...]
    attributes: dict[str, str] = {}  # that conditions ask for; `id` is the account's

    def holder_of(self, subscription_id: str) -> Holder:
        """Return whose usage it is, as conditions ask."""
        member = next(m for m in self.members if m.subscription_id == subscription_id)
        return Holder(self.account_id, subscription_id, self.attributes, member.attributes or {})

    @property
    def account_id(self) -> str:
        """Return the id, where the text states one."""
        return self.attributes.get(ID, _ACCOUNT_ID)

    def plan_of(self, subscription_id: str) -> str:
        """Return the plan of a subscription that the account has."""
        return next(m.plan for m in self.members if m.subscription_id == subscription_id)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario: it begins with nothing used and nothing charged."""

    file: str
    line: int
    title: str
    account: ScenarioAccount
    statements: tuple[Statement, ...]
