"""Reference data: accounts and their subscriptions, looked up by identifier in event time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from schemas.limit import ChargeLimit


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One identifier on one plan for [valid_from, valid_to); numbers move, so there may be several
    entries of one subscription, and of one identifier."""

    subscription_id: str
    identifier: str  # MSISDN, SIP user, device EUI, meter id: as the source writes it
    plan: str
    valid_from_ms: int
    valid_to_ms: int | None = None  # exclusive; None: open-ended

    def covers(self, at_ms: int) -> bool:
        """Return whether the entry holds at an instant."""
        return self.valid_from_ms <= at_ms and (
            self.valid_to_ms is None or at_ms < self.valid_to_ms
        )


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account: whom usage is charged to, in which currency, in which zone."""

    tenant: str
    account_id: str
    name: str
    zone: str  # IANA name
    currency: str  # ISO 4217
    subscriptions: tuple[Subscription, ...] = ()
    limits: tuple[ChargeLimit, ...] = ()  # each replaces the catalogue's limit of the same id

    @property
    def rating_key(self) -> str:
        """Return the key that its events and its state have: the account."""
        return self.account_id


class ReferenceData:
    """All accounts as of one version; changed only between batches, by whole versions."""

    def __init__(self) -> None:
        self.version = -1
        self.accounts: dict[str, Account] = {}
        self._by_identifier: dict[tuple[str, str], list[tuple[Account, Subscription]]] = {}
        # By account and subscription: an account may have a hundred thousand devices.
        self._by_subscription: dict[tuple[str, str], list[tuple[Account, Subscription]]] = {}

    def apply(self, accounts: Iterable[Account], *, version: int) -> None:
        """Add or replace accounts whole; the data is then of ``version``."""
        assert version > self.version
        for account in accounts:
            self._remove(account.account_id)
            self.accounts[account.account_id] = account
            for entry in account.subscriptions:
                key = (account.tenant, entry.identifier)
                self._by_identifier.setdefault(key, []).append((account, entry))
                key = (account.account_id, entry.subscription_id)
                self._by_subscription.setdefault(key, []).append((account, entry))
        self.version = version

    def _remove(self, account_id: str) -> None:
        old = self.accounts.pop(account_id, None)
        if old is None:
            return
        for entry in old.subscriptions:
            key = (old.tenant, entry.identifier)
            left = [pair for pair in self._by_identifier[key] if pair[0].account_id != account_id]
            self._by_identifier[key] = left
            self._by_subscription.pop((account_id, entry.subscription_id), None)

    def holders(self, *, tenant: str, identifier: str) -> Sequence[tuple[Account, Subscription]]:
        """Return whose an identifier is at one time or another, in the order that `find` tries."""
        return self._by_identifier.get((tenant, identifier), ())

    def find(
        self, *, tenant: str, identifier: str, at_ms: int
    ) -> tuple[Account, Subscription] | None:
        """Return the account and subscription that an identifier belongs to at an instant."""
        for pair in self._by_identifier.get((tenant, identifier), ()):
            if pair[1].covers(at_ms):
                return pair
        return None

    def subscription(
        self, *, account_id: str, subscription_id: str, at_ms: int
    ) -> tuple[Account, Subscription] | None:
        """Return the account and the entry of one of its subscriptions at an instant."""
        for pair in self._by_subscription.get((account_id, subscription_id), ()):
            if pair[1].covers(at_ms):
                return pair
        return None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Account)


def account_to_json(account: Account) -> bytes:
    """Return the JSON of an account."""
    return _encoder.encode(account)


def account_from_json(value: bytes) -> Account:
    """Return the account; `msgspec.ValidationError` where the JSON is none."""
    return _decoder.decode(value)
