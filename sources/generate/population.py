"""Whose usage it is: accounts, their subscriptions, and numbers that move between accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from schemas.period import from_ms, month_start_ms
from sources.generate.destinations import HOME
from sources.generate.draw import Draw, Weighted

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@unique
class Service(StrEnum):
    """What a subscription is for. Each has identifiers of its own kind."""

    VOICE = "voice"  # a telephone number
    DEVICE = "device"  # a LoRaWAN device, by its EUI
    METER = "meter"
    CLIENT = "client"  # a program that calls an API
    VIEWER = "viewer"  # a household that watches


class Offer(NamedTuple):
    """A plan that accounts of one currency can be on."""

    plan: str
    currency: str


Offers = Mapping[Service, tuple[Offer, ...]]


class Holding(msgspec.Struct, frozen=True):
    """An identifier in the hands of one account, for [valid_from, valid_to)."""

    account_id: str
    subscription_id: str
    valid_from_ms: int
    valid_to_ms: int | None


@dataclass(slots=True)
class Identifier:
    """One identifier and who holds it when, in order of time."""

    text: str
    service: Service
    holdings: tuple[Holding, ...]

    def holder(self, at_ms: int) -> Holding | None:
        """Return who held the identifier at an instant."""
        for holding in reversed(self.holdings):
            if holding.valid_from_ms <= at_ms:
                ended = holding.valid_to_ms is not None and at_ms >= holding.valid_to_ms
                return None if ended else holding
        return None


@dataclass(slots=True)
class _Account:
    account_id: str
    name: str
    zone: str
    currency: str
    entries: list[dict[str, str]]  # its subscriptions, as the file says them


# Where accounts are, and in which currency they are charged if it is offered.
_HOMES = Weighted(
    (
        ("Europe/Berlin", "EUR"),
        ("Europe/London", "GBP"),
        ("America/New_York", "EUR"),
        ("Asia/Kuala_Lumpur", "EUR"),
    ),
    (75, 15, 5, 5),
)
_FIRST_WORDS = (
    "Alder",
    "Brückner",
    "Calder",
    "Dahl",
    "Eriksen",
    "Fontaine",
    "Grünwald",
    "Hollis",
    "Iberia",
    "Jensen",
    "Kestrel",
    "Lindqvist",
    "Moreau",
    "Nordsee",
    "Okafor",
    "Pellegrini",
    "Quist",
    "Rosenthal",
    "Sørensen",
    "Tanaka",
    "Urban",
    "Vasquez",
    "Weber",
    "Zieliński",
)
_SECOND_WORDS = (
    "Bakery",
    "Dental",
    "Energy, Ltd",
    "Farms",
    "Freight",
    "Galleries",
    "Hotels",
    "& Sons",
    "Laboratories",
    "Logistics",
    "Metering",
    "Printing",
    "Schools",
    '"Studio"',
    "Textiles",
    "Vineyards",
)


class Population:
    """All accounts of a seed; the first ones of each service use the most."""

    def __init__(
        self, *, accounts: int, moves: int, offers: Offers, start: dt.date, days: int, draw: Draw
    ) -> None:
        assert accounts > 1, "a number moves from one account to another"
        self._accounts: list[_Account] = []
        self._identifiers: dict[Service, list[Identifier]] = {service: [] for service in Service}
        self._draw = draw
        self._offers = offers
        self._start = start
        # Older than any usage: late usage finds its account too.
        self._since = dt.date(start.year - 2, 1, 1)
        for number in range(1, accounts + 1):
            self._add_account(number)
        self._move_numbers(moves, days)

    def identifiers(self, service: Service) -> list[Identifier]:
        """Return the identifiers of a service, the busiest first."""
        return self._identifiers[service]

    def reference_lines(self) -> Iterator[bytes]:
        """Yield the lines of `accounts.jsonl`: an account each."""
        for account in self._accounts:
            stated = {
                "id": account.account_id,
                "name": account.name,
                "zone": account.zone,
                "currency": account.currency,
                "subscriptions": account.entries,
            }
            yield msgspec.json.encode(stated) + b"\n"

    def _add_account(self, number: int) -> None:
        draw = self._draw
        zone, currency = _HOMES.pick(draw)
        offered = sorted({offer.currency for offers in self._offers.values() for offer in offers})
        if currency not in offered:
            currency = draw.one_of(offered)
        account = _Account(
            account_id=f"acc-{number:05d}",
            name=f"{draw.one_of(_FIRST_WORDS)} {draw.one_of(_SECOND_WORDS)}",
            zone=zone,
            currency=currency,
            entries=[],
        )
        self._accounts.append(account)
        for service, count in self._services(number).items():
            plans = [
                offer.plan for offer in self._offers.get(service, ()) if offer.currency == currency
            ]
            for _ in range(count if plans else 0):
                self._add_subscription(account, service, draw.one_of(plans))

    def _services(self, number: int) -> dict[Service, int]:
        """Return how many subscriptions of each service an account has.

        Which ones is not drawn: few accounts must have all services among them too.
        """
        draw = self._draw
        return {
            Service.VOICE: draw.between(1, 5),
            Service.DEVICE: draw.between(4, 30) if number % 4 == 1 else 0,
            Service.METER: draw.between(1, 4) if number % 5 == 2 else 0,
            Service.CLIENT: draw.between(1, 3) if number % 6 == 3 else 0,
            Service.VIEWER: 1 if number % 3 == 0 else 0,
        }

    def _add_subscription(self, account: _Account, service: Service, plan: str) -> None:
        text = _identifier(service, len(self._identifiers[service]))
        subscription_id = self._enter(account, text, plan, {"valid_from": str(self._since)})
        # The reference says a local date; the exact instant does not matter that far back.
        since_ms = month_start_ms(account.zone, self._since.year, 1)
        holding = Holding(account.account_id, subscription_id, since_ms, None)
        self._identifiers[service].append(Identifier(text, service, (holding,)))

    def _enter(
        self, account: _Account, identifier: str, plan: str, validity: dict[str, str]
    ) -> str:
        subscription_id = f"{account.account_id}-{len(account.entries) + 1:02d}"
        account.entries.append(
            {"id": subscription_id, "identifier": identifier, "plan": plan, **validity}
        )
        return subscription_id

    def _move_numbers(self, moves: int, days: int) -> None:
        """Move busy numbers to other accounts, at a minute of the middle of the period."""
        numbers = self._identifiers[Service.VOICE]
        start_ms = month_start_ms("UTC", self._start.year, self._start.month)
        start_ms += (self._start.day - 1) * _DAY_MS
        by_id = {account.account_id: account for account in self._accounts}
        for move in range(min(moves, len(numbers) // 3)):
            moved = numbers[3 * move + 1]
            minute = self._draw.between(days * 1440 // 4, days * 1440 * 3 // 4)
            self._move(moved, start_ms + minute * 60_000, by_id)

    def _move(self, moved: Identifier, at_ms: int, by_id: Mapping[str, _Account]) -> None:
        (held,) = moved.holdings
        old = by_id[held.account_id]
        takers = [
            account
            for account in self._accounts
            if account is not old and account.currency == old.currency
        ]
        if not takers:
            return
        new = self._draw.one_of(takers)
        at = from_ms(at_ms).strftime("%Y-%m-%dT%H:%M:%SZ")
        entry = next(entry for entry in old.entries if entry["identifier"] == moved.text)
        entry["valid_to"] = at
        subscription_id = self._enter(new, moved.text, entry["plan"], {"valid_from": at})
        moved.holdings = (
            msgspec.structs.replace(held, valid_to_ms=at_ms),
            Holding(new.account_id, subscription_id, at_ms, None),
        )


def _identifier(service: Service, serial: int) -> str:
    """Return the identifier of a serial number: never the same for two."""
    match service:
        case Service.VOICE:
            return f"{HOME}30{2_000_000 + serial * 7:07d}"
        case Service.DEVICE:
            # An odd factor takes each 40-bit number to another one.
            return f"70b3d5{serial * 0x9E3779B97B & 0xFFFFFFFFFF:010x}"
        case Service.METER:
            return f"1EMH00{11_000_000 + serial:08d}"
        case Service.CLIENT:
            return f"client-{serial + 1:06d}"
        case Service.VIEWER:
            return f"household-{serial + 1:06d}"


def unknown_identifier(service: Service, draw: Draw) -> str:
    """Return an identifier of that kind which nobody has."""
    match service:
        case Service.VOICE:
            return f"{HOME}39{draw.below(10_000_000):07d}"
        case Service.DEVICE:
            return f"fffffe{draw.bits(40):010x}"
        case Service.METER:
            return f"9XXX00{draw.below(100_000_000):08d}"
        case Service.CLIENT:
            return f"client-x{draw.below(1_000_000):06d}"
        case Service.VIEWER:
            return f"household-x{draw.below(1_000_000):06d}"
