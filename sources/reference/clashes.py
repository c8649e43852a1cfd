"""What accounts to be loaded would take from published ones that stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from schemas.reference import Account, Subscription


def clashes(accounts: Sequence[Account], published: Mapping[str, Account]) -> Iterator[str]:
    """Yield why accounts must not be loaded beside those of ``published``, by id.

    Two holders of one identifier at one instant would leave whose usage it is to chance; an
    account id of another tenant would take that tenant's account away.
    """
    ids = {account.account_id for account in accounts}
    for account in accounts:
        known = published.get(account.account_id)
        if known is not None and known.tenant != account.tenant:
            yield f"account {account.account_id} is of tenant {known.tenant}"
    stay = _by_identifier(one for one in published.values() if one.account_id not in ids)
    for account in accounts:
        for entry in account.subscriptions:
            for holder, other in stay.get((account.tenant, entry.identifier), ()):
                if _overlap(entry, other):
                    yield (
                        f"account {account.account_id}, subscription {entry.subscription_id}: "
                        f"identifier {entry.identifier} is of subscription "
                        f"{other.subscription_id} of account {holder.account_id} at that time"
                    )


def _by_identifier(
    accounts: Iterable[Account],
) -> dict[tuple[str, str], list[tuple[Account, Subscription]]]:
    held: dict[tuple[str, str], list[tuple[Account, Subscription]]] = {}
    for account in accounts:
        for entry in account.subscriptions:
            held.setdefault((account.tenant, entry.identifier), []).append((account, entry))
    return held


def _overlap(one: Subscription, other: Subscription) -> bool:
    return _begins_before_end(one, other) and _begins_before_end(other, one)


def _begins_before_end(one: Subscription, other: Subscription) -> bool:
    return other.valid_to_ms is None or one.valid_from_ms < other.valid_to_ms
