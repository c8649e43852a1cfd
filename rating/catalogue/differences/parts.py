"""What is said of a thing, part by part, so that a difference shows only the part that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rating.units import readable
from schemas.decimals import EXACT, to_text
from schemas.money import Rounding, round_quotient

NONE = "none"
_HUNDRED = Decimal(100)
_PERCENT_PLACES = 1


class Part(NamedTuple):
    """One thing that is said, under a key that stays with it."""

    key: str
    name: str  # as a line calls it; empty: the price of the thing
    said: str
    number: str = ""  # what ``said`` begins with, where the rest is the unit of it
    price: tuple[Decimal, Decimal] | None = None  # an amount, and how many units it is for
    default: bool = False  # it need not be said where the whole thing is described


class Change(NamedTuple):
    """What one part was and is; None: there was no such part."""

    name: str
    before: str | None
    after: str | None
    percent: Decimal | None


def words(key: str, said: str, *, name: str | None = None, default: str = NONE) -> Part:
    """Return a part that is a text; empty: the default."""
    said = said or default
    return Part(key, key if name is None else name, said, default=said == default)


def money(key: str, amount: Decimal | None, currency: str, *, name: str | None = None) -> Part:
    """Return a part that is an amount; None: there is none."""
    called = key if name is None else name
    if amount is None:
        return Part(key, called, NONE, default=True)
    number = to_text(amount)
    return Part(key, called, f"{number} {currency}", number, (amount, Decimal(1)))


def price(
    key: str, amount: Decimal, per_units: Decimal, *, currency: str, unit: str, name: str = ""
) -> Part:
    """Return a part that is an amount for so many units."""
    number = to_text(amount)
    per = readable(per_units, unit).removeprefix("1 ")  # per min, not per 1 min
    return Part(key, name, f"{number} {currency} per {per}", number, (amount, per_units))


def percent(key: str, share: Decimal, *, name: str = "") -> Part:
    """Return a part that is a share in percent; what it changes by is plain without a percentage
    of it."""
    number = to_text(share)
    return Part(key, name, f"{number} %", number)


def described(parts: Iterable[Part]) -> str:
    """Return all that is said, without what goes without saying."""
    return ", ".join(f"{part.name} {part.said}".strip() for part in parts if not part.default)


def changes(before: Sequence[Part], after: Sequence[Part]) -> Iterator[Change]:
    """Yield the parts that differ, in the order of what is now, then what is no more."""
    was, is_now = {part.key: part for part in before}, {part.key: part for part in after}
    for key in dict.fromkeys([*is_now, *was]):
        old, new = was.get(key), is_now.get(key)
        if old is None:
            assert new is not None, "a key is of one of the two"
            if not new.default:
                yield Change(new.name, None, new.said, None)
        elif new is None:
            if not old.default:
                yield Change(old.name, old.said, None, None)
        elif old.said != new.said:
            yield Change(new.name, _short(old, new), new.said, _percent(old, new))


def _short(old: Part, new: Part) -> str:
    """Return what was, without the unit where that is as it is now."""
    same_unit = old.said.removeprefix(old.number) == new.said.removeprefix(new.number)
    return old.number if old.number and new.number and same_unit else old.said


def _percent(old: Part, new: Part) -> Decimal | None:
    """Return by how much a price changed, in percent of what it was; None where that says
    nothing: it was nothing, or only its digits changed."""
    if old.price is None or new.price is None or not old.price[0]:
        return None
    was = EXACT.multiply(old.price[0], new.price[1])
    now = EXACT.multiply(new.price[0], old.price[1])
    if was == now:
        return None
    more = EXACT.multiply(EXACT.subtract(now, was), _HUNDRED)
    return round_quotient(more, was, _PERCENT_PLACES, Rounding.HALF_UP)
