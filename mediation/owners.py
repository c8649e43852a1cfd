"""Whose usage it is: what the events of one owner have in common, made once and remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from native import compiled
from schemas.reference import Account, ReferenceData, Subscription
from schemas.sethash import owned_by
from schemas.usage import RETAIL

_REMEMBERED = 100_000  # identifiers, about 35 MB; the busy ones are fewer
_MOST_BYTES = 24 * 1024 * 1024  # of those that are remembered compiled, about 170,000
_NO_END_MS = (1 << 63) - 1
_native = compiled("owners")
_new_tuple = tuple.__new__  # in half the time of its own constructor
_NOBODY: Mapping[str, tuple[Owner, ...]] = {}


class OwnerAccount(NamedTuple):
    """The account that usage belongs to, as its events say it."""

    rating_key: str
    key: bytes  # of the record: the rating key
    partition: int  # of the rating key, among the normalised ones
    account_id: str
    zone: str
    in_digest: bytes  # `sethash.owned_by`


class Owner(NamedTuple):
    """The account and the subscription that usage belongs to, and from when to when."""

    from_ms: int
    to_ms: int  # exclusive
    subscription_id: str
    account: OwnerAccount


class Owners:
    """Looks owners up as `ReferenceData.find` does."""

    def __init__(self, reference: ReferenceData, partition_of: Callable[[str], int]) -> None:
        self._reference = reference
        self._partition_of = partition_of
        self._version = reference.version
        # By tenant, then by identifier: who held it first, and the others.
        self._remembered: dict[str, dict[str, tuple[Owner, ...]]] = {}
        self._count = 0
        self._accounts: dict[str, OwnerAccount] = {}  # of those that are remembered
        self.at_hand = _native and _native.OwnersAtHand(self.held, most_bytes=_MOST_BYTES)

    def refresh(self) -> None:
        """Forget everything if the reference data is of another version. Once before a batch."""
        if self._version != self._reference.version:
            self._version = self._reference.version
            self._forget()

    def find(self, tenant: str, identifiers: tuple[str, ...], at_ms: int) -> Owner | None:
        """Return the owner of the first identifier that somebody held at an instant."""
        # Not put there: of tenants that a source makes up there is no end.
        of_tenant = self._remembered.get(tenant, _NOBODY)
        for identifier in identifiers:
            held = of_tenant.get(identifier)
            if held is None:
                held = self._learn(tenant, identifier)
            for owner in held:
                if owner[0] <= at_ms < owner[1]:
                    return owner
        return None

    def held(self, tenant: str, identifier: str) -> tuple[Owner, ...]:
        """Return whose an identifier is at one time or another, in the order in which they are tried."""
        found = self._reference.holders(tenant=tenant, identifier=identifier)
        return tuple([self._owner(account, entry) for account, entry in found])

    def _learn(self, tenant: str, identifier: str) -> tuple[Owner, ...]:
        held = self.held(tenant, identifier)
        if held:  # what usage makes up must not fill the memory
            if self._count >= _REMEMBERED:
                self._forget()
            self._count += 1
            self._remembered.setdefault(tenant, {})[identifier] = held
        return held

    def _forget(self) -> None:
        self._remembered.clear()
        self._accounts.clear()
        self._count = 0
        if self.at_hand is not None:
            self.at_hand.forget()

    def _owner(self, account: Account, subscription: Subscription) -> Owner:
        until_ms = subscription.valid_to_ms
        return _new_tuple(
            Owner,
            (
                subscription.valid_from_ms,
                _NO_END_MS if until_ms is None else until_ms,
                subscription.subscription_id,
                self._accounts.get(account.account_id) or self._account(account),
            ),
        )

    def _account(self, account: Account) -> OwnerAccount:
        if len(self._accounts) >= _REMEMBERED:
            self._accounts.clear()
        rating_key = account.rating_key
        found = self._accounts[account.account_id] = OwnerAccount(
            rating_key,
            rating_key.encode(),
            self._partition_of(rating_key),
            account.account_id,
            account.zone,
            owned_by(RETAIL, rating_key),
        )
        return found
