"""Reference data: accounts and their subscriptions, looked up by identifier in event time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import force_setattr

from schemas.limit import ChargeLimit


class Subscription(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One identifier on one plan for [valid_from, valid_to); numbers move, so there may be several
    entries of one subscription, and of one identifier."""

    subscription_id: str
    identifier: str  # MSISDN, SIP user, device EUI, meter id: as the source writes it
    plan: str
    valid_from_ms: int
    valid_to_ms: int | None = None  # exclusive; None: open-ended
    attributes: dict[str, str] | None = None  # what conditions of prices ask for

    def covers(self, at_ms: int) -> bool:
        """Return whether the entry holds at an instant."""
        return self.valid_from_ms <= at_ms and (
            self.valid_to_ms is None or at_ms < self.valid_to_ms
        )


class AccountAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What an account is like from an instant on, until the next of its entries."""

    valid_from_ms: int | None = None  # None: it always was
    values: dict[str, str]


class AttributesInForce(NamedTuple):
    """The attributes of an account in [from_ms, to_ms); None: without a bound."""

    from_ms: int | None
    to_ms: int | None
    values: Mapping[str, str]


_NONE: Mapping[str, str] = {}
_ALWAYS = AttributesInForce(None, None, _NONE)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account: whom usage is charged to, in which currency, in which zone."""

    tenant: str
    account_id: str
    name: str
    zone: str  # IANA name
    currency: str  # ISO 4217
    subscriptions: tuple[Subscription, ...] = ()
    limits: tuple[ChargeLimit, ...] = ()  # each replaces the catalogue's limit of the same id
    attributes: tuple[AccountAttributes, ...] = ()  # rising in time; each replaces the one before

    @property
    def rating_key(self) -> str:
        """Return the key that its events and its state have: the account."""
        return self.account_id

    def attributes_at(self, at_ms: int) -> AttributesInForce:
        """Return the attributes at an instant, and how long before and after it they are the same."""
        found = _ALWAYS
        for entry in self.attributes:
            if entry.valid_from_ms is not None and at_ms < entry.valid_from_ms:
                return found._replace(to_ms=entry.valid_from_ms)
            found = AttributesInForce(entry.valid_from_ms, None, entry.values)
        return found


Held = tuple[Account, Subscription]
"""An account and one of its subscriptions."""

_Key = tuple[str, str]

LOOKED_THROUGH = 64  # subscriptions of an account, which has no index then


class _ByIdentifier:
    """The subscriptions of all accounts by tenant and identifier.

    It is filled when it is first asked: rate never does, and for a hundred thousand subscriptions
    it weighs as much as they do.
    """

    def __init__(self) -> None:
        # Nearly every key has one subscription, and then no list.
        self._held: dict[_Key, Held | list[Held]] | None = None

    def of(self, key: _Key, accounts: Mapping[str, Account]) -> Sequence[Held]:
        """Return the subscriptions of a key in the order in which they came."""
        if self._held is None:
            self._held = {}
            for account in accounts.values():
                self.add(account)
        held = self._held.get(key)
        if held is None:
            return ()
        return held if isinstance(held, list) else (held,)

    def add(self, account: Account) -> None:
        """Note the subscriptions of one more account."""
        if self._held is None:
            return
        for entry in account.subscriptions:
            key, held = (account.tenant, entry.identifier), (account, entry)
            others = self._held.setdefault(key, held)
            if isinstance(others, list):
                others.append(held)
            elif others is not held:
                self._held[key] = [others, held]

    def remove(self, account: Account) -> None:
        """Forget the subscriptions of an account; those of others under the same keys stay."""
        if self._held is None:
            return
        for entry in account.subscriptions:
            key = (account.tenant, entry.identifier)
            held = self._held.get(key)
            if isinstance(held, list):
                held[:] = [pair for pair in held if pair[0] is not account]
            elif held is not None and held[0] is account:
                del self._held[key]


class _OfAccounts:
    """The entries of each subscription of an account. Most accounts have a few, and an index of all
    would weigh as much as they do; but one may have a hundred thousand devices."""

    def __init__(self) -> None:
        self._of_large: dict[str, dict[str, list[Subscription]]] = {}  # those that were asked for

    def of(self, account: Account, subscription_id: str) -> Sequence[Subscription]:
        """Return the entries in the order in which the account has them."""
        entries = account.subscriptions
        if len(entries) <= LOOKED_THROUGH:
            return [entry for entry in entries if entry.subscription_id == subscription_id]
        by_id = self._of_large.get(account.account_id)
        if by_id is None:
            by_id = self._of_large[account.account_id] = {}
            for entry in entries:
                by_id.setdefault(entry.subscription_id, []).append(entry)
        return by_id.get(subscription_id, ())

    def remove(self, account: Account) -> None:
        """Forget an account, which is replaced."""
        self._of_large.pop(account.account_id, None)


class ReferenceData:
    """All accounts as of one version; changed only between batches, by whole versions."""

    def __init__(self) -> None:
        self.version = -1
        self.accounts: dict[str, Account] = {}
        self._by_identifier = _ByIdentifier()
        self._of_accounts = _OfAccounts()
        self._texts: dict[str, str] = {}  # one copy of what most accounts say alike
        self._attributes: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}

    def apply(self, accounts: Iterable[Account], *, version: int) -> None:
        """Add or replace accounts whole; the data is then of ``version``."""
        assert version > self.version
        for account in accounts:
            self._share_texts(account)
            old = self.accounts.pop(account.account_id, None)
            self.accounts[account.account_id] = account
            if old is not None:
                self._by_identifier.remove(old)
                self._of_accounts.remove(old)
            self._by_identifier.add(account)
        self.version = version

    def _share_texts(self, account: Account) -> None:
        share = self._texts.setdefault
        force_setattr(account, "tenant", share(account.tenant, account.tenant))
        force_setattr(account, "zone", share(account.zone, account.zone))
        force_setattr(account, "currency", share(account.currency, account.currency))
        for entry in account.subscriptions:
            force_setattr(entry, "plan", share(entry.plan, entry.plan))
            if entry.attributes is not None:
                force_setattr(entry, "attributes", self._shared(entry.attributes))

    def _shared(self, attributes: dict[str, str]) -> dict[str, str]:
        """Return the one copy of attributes that many subscriptions have alike."""
        return self._attributes.setdefault(tuple(sorted(attributes.items())), attributes)

    def holders(self, *, tenant: str, identifier: str) -> Sequence[Held]:
        """Return whose an identifier is at one time or another, in the order that `find` tries."""
        return self._by_identifier.of((tenant, identifier), self.accounts)

    def find(self, *, tenant: str, identifier: str, at_ms: int) -> Held | None:
        """Return the account and subscription that an identifier belongs to at an instant."""
        return _at(self._by_identifier.of((tenant, identifier), self.accounts), at_ms)

    def entries(self, *, account_id: str, subscription_id: str) -> Sequence[Subscription]:
        """Return all entries of a subscription of an account."""
        account = self.accounts.get(account_id)
        return () if account is None else self._of_accounts.of(account, subscription_id)

    def subscription(self, *, account_id: str, subscription_id: str, at_ms: int) -> Held | None:
        """Return the account and the entry of one of its subscriptions at an instant."""
        account = self.accounts.get(account_id)
        if account is None:
            return None
        entries: Sequence[Subscription] = account.subscriptions
        if len(entries) > LOOKED_THROUGH:
            entries = self._of_accounts.of(account, subscription_id)
        for entry in entries:  # no further than to the first that fits: each is a wait for memory
            if entry.subscription_id == subscription_id and entry.covers(at_ms):
                return account, entry
        return None


def _at(held: Sequence[Held], at_ms: int) -> Held | None:
    for pair in held:
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
