"""Months of an account that hang together: what one took of something is not left to the others.

What is given once, and what rolls over, is counted across months. So they are replayed as they were
rated, in the order of the ledger, from the first charge of those that are to be corrected on; what was
rated before that stays, and its counters are what the replay begins with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from pipeline.correcting.history import History
from pipeline.errors import CannotCorrect
from rating.catalogue import Catalogue
from schemas.ledger import CounterAfter
from sinks.account_ledger import MonthInLedger


class HangsTogether(CannotCorrect):
    """A month that takes of others, or that others take of: it is corrected with them."""


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """The months of an account from a place in its ledger on, each with what was charged since."""

    months: tuple[History, ...]
    before: tuple[CounterAfter, ...]  # the counters at that place
    by_now: tuple[CounterAfter, ...]
    sequence: int  # of the newest record of the account


def reaches(ledger: Sequence[MonthInLedger], wanted: Collection[int]) -> tuple[int, list[int]]:
    """Return from which place of the ledger months must be replayed, and which have charges from there
    on. ``wanted``: the beginnings of those that are to be corrected; each has charges.

    What was corrected since is replayed from its own beginning, since it does not count as it was rated
    any more.
    """
    since = min(each.first for each in ledger if each.month_start_ms in wanted)
    while True:
        earlier = [
            each.first
            for each in ledger
            if each.last_corrected is not None
            and each.last_corrected >= since
            and each.first < since
        ]
        if not earlier:
            break
        since = min(earlier)
    return since, sorted(each.month_start_ms for each in ledger if each.last >= since)


def take_of_earlier(
    charged: Iterable[tuple[int, str]], catalogues: Mapping[int, Catalogue]
) -> bool:
    """Return whether charges of later months, each by the version of its catalogue and its price, may have
    looked at what earlier ones left. Every price is asked under every version: by now a month may count
    under another one than it was rated by."""
    versions, prices = set(), set()
    for version, price_id in charged:
        versions.add(version)
        prices.add(price_id)
    # A version that cannot be read might say so.
    return any(
        version not in catalogues or not prices.isdisjoint(_rolling(catalogues[version]))
        for version in versions
    )


def _rolling(catalogue: Catalogue) -> set[str]:
    return {
        rule.price_id
        for plan in catalogue.plans.values()
        for offer in plan.offers.values()
        for entry in offer.entries
        for rule in entry.rules
        if rule.months_rolled
    }
