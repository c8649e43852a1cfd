"""What several months of an account take of: allowances that roll over, and what is given once."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.correcting.replay import Replayed
from pipeline.correcting.sums import Price, price_of
from rating.counting import EVER_MS, CounterKind

_NAMED = (CounterKind.ALLOWANCE.value, CounterKind.DISCOUNTED.value)


class Shared:
    """What charges took of that which other months take of as well, by price and month."""

    def __init__(self, replays: Collection[Replayed]) -> None:
        self._found: dict[tuple[Price, int], set[tuple[str, str]]] = {}
        counters = {name for replayed in replays for name, _ in replayed.counters}
        rolled = {of for kind, of in map(_named, counters) if kind == CounterKind.ROLLED.value}
        for replayed in replays:
            for charge in replayed.charges:
                for counter in charge.counters_after:
                    kind, of = _named(counter.counter)
                    if kind in _NAMED and (counter.period_start_ms == EVER_MS or of in rolled):
                        key = price_of(charge), charge.usage_period_ms
                        self._found.setdefault(key, set()).add((kind, of))

    def of(self, price: Price, month_start_ms: int) -> tuple[tuple[str, str], ...]:
        """Return of each thing whether it is an allowance or a discount, as counters say it, and its name,
        such as plan/allowance."""
        return tuple(sorted(self._found.get((price, month_start_ms), ())))


def _named(counter: str) -> tuple[str, str]:
    """Return the kind of a counter, and the plan's thing that it is of, without how often it begins anew."""
    kind, *_whose, of, _unit = counter.split(":") if counter.count(":") > 1 else ("", "", "")
    return kind, "/".join(of.split("/")[:2])
