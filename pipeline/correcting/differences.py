"""What a correction changes, by the charge that it corrects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from pipeline.correcting.history import History
from pipeline.correcting.replay import Replayed
from pipeline.correcting.sums import Price, Sum, of_month, price_of
from schemas.correction import CorrectedCharge
from schemas.ledger import Charge

_C = TypeVar("_C", Charge, CorrectedCharge)


class Key(NamedTuple):
    """A charge that is corrected under a price. One that has another price by now has two of them."""

    original: str | None  # its id; None: the ledger has no such charge of the month
    price: Price


class Difference(NamedTuple):
    """What is left to be charged, besides what is taken back."""

    now: Sum  # what it comes to
    rest: Sum


Differences = Mapping[Key, Difference]


def differences_of(
    history: History,
    before: Replayed,
    after: Replayed,
    reversals: Iterable[CorrectedCharge],
) -> Differences:
    """Return what each charge of the month differs by, also where that is nothing.

    Together they are what the month differs by, to the last digit: what has no charge of its own in the
    ledger, such as a next tier that is reached only now, stands under its price.
    """
    originals = {row.charge_id for row in history.rows if row.job_id is None}
    was = _by_key(of_month(history, before), originals, lambda one: one.charge_id)
    now = _by_key(of_month(history, after), originals, lambda one: one.charge_id)
    taken_back = _by_key(reversals, originals, lambda one: one.corrects)
    found = {}
    for key in was | now | taken_back:
        comes_to = now.get(key, Sum())
        rest = comes_to.minus(was.get(key, Sum())).minus(taken_back.get(key, Sum()))
        found[key] = Difference(comes_to, rest)
    return found


def is_any(found: Differences) -> bool:
    """Return whether anything differs."""
    return any(any(each.rest) for each in found.values())


def rests_by_price(found: Differences) -> dict[Price, tuple[Sum, set[str]]]:
    """Return what differs under each price, and of which charges that stems."""
    summed: dict[Price, tuple[Sum, set[str]]] = {}
    for key, each in found.items():
        rest, originals = summed.setdefault(key.price, (Sum(), set()))
        summed[key.price] = rest.plus_sum(each.rest), originals
        if key.original is not None and any(each.rest):
            originals.add(key.original)
    return summed


def corrected_originals(found: Differences) -> set[str]:
    """Return the charges that come to something else."""
    return {
        key.original for key, each in found.items() if key.original is not None and any(each.rest)
    }


def _by_key(
    charges: Iterable[_C], originals: set[str], named: Callable[[_C], str | None]
) -> dict[Key, Sum]:
    found: dict[Key, Sum] = {}
    for charge in charges:
        name = named(charge)
        key = Key(name if name in originals else None, price_of(charge))
        found[key] = found.get(key, Sum()).plus(charge)
    return found
