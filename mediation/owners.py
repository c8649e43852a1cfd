"""Whose usage it is: what the events of one owner have in common, made once and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from schemas.reference import Account, ReferenceData, Subscription
from schemas.sethash import EventDigest, event_digests
from schemas.usage import RETAIL

_REMEMBERED = 50_000  # identifiers, about 30 MB; the busy ones are fewer
_NO_END_MS = 1 << 63


class Owner(NamedTuple):
    """The account and the subscription that usage belongs to, as its events say it."""

    rating_key: str
    key: bytes  # of the record: the rating key
    partition: int  # of the rating key, among the normalised ones
    account_id: str
    subscription_id: str
    zone: str
    member: EventDigest  # of the events of this rating key


class Owners:
    """Looks owners up as `ReferenceData.find` does."""

    def __init__(self, reference: ReferenceData, partition_of: Callable[[str], int]) -> None:
        self._reference = reference
        self._partition_of = partition_of
        self._version = reference.version
        self._remembered: dict[tuple[str, str], list[tuple[int, int, Owner]]] = {}

    def refresh(self) -> None:
        """Forget everything if the reference data is of another version. Once before a batch."""
        if self._version != self._reference.version:
            self._version = self._reference.version
            self._remembered.clear()

    def find(self, tenant: str, identifiers: tuple[str, ...], at_ms: int) -> Owner | None:
        """Return the owner of the first identifier that somebody held at an instant."""
        for identifier in identifiers:
            held = self._remembered.get((tenant, identifier))
            if held is None:
                held = self._learn(tenant, identifier)
            for from_ms, to_ms, owner in held:
                if from_ms <= at_ms < to_ms:
                    return owner
        return None

    def _learn(self, tenant: str, identifier: str) -> list[tuple[int, int, Owner]]:
        held = [
            (
                entry.valid_from_ms,
                _NO_END_MS if entry.valid_to_ms is None else entry.valid_to_ms,
                self._owner(account, entry),
            )
            for account, entry in self._reference.holders(tenant=tenant, identifier=identifier)
        ]
        if held:  # what usage makes up must not fill the memory
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            self._remembered[tenant, identifier] = held
        return held

    def _owner(self, account: Account, subscription: Subscription) -> Owner:
        rating_key = account.rating_key
        return Owner(
            rating_key=rating_key,
            key=rating_key.encode(),
            partition=self._partition_of(rating_key),
            account_id=account.account_id,
            subscription_id=subscription.subscription_id,
            zone=account.zone,
            member=event_digests(RETAIL, rating_key),
        )
