"""Draws from a seed, in whole numbers only: the same seed gives the same bytes everywhere."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Draw:
    """A source of draws of its own, so that one more draw in one place moves no other."""

    def __init__(self, seed: int, purpose: str) -> None:
        # Of `random`, only seeding by text and getrandbits are used: both are the same in every
        # version and on every machine.
        self.bits = random.Random(f"{seed}/{purpose}").getrandbits

    def below(self, bound: int) -> int:
        """Return a whole number in [0, bound); the bias is below 1 in 2^60 / bound."""
        return self.bits(60) * bound >> 60

    def between(self, low: int, high: int) -> int:
        """Return a whole number in [low, high)."""
        return low + self.below(high - low)

    def one_of(self, values: Sequence[T]) -> T:
        """Return one of the values, each as likely as the other."""
        return values[self.below(len(values))]


class Weighted(Generic[T]):
    """Values with whole weights; `pick` is as likely as the weight says."""

    def __init__(self, values: Sequence[T], weights: Sequence[int]) -> None:
        assert len(values) == len(weights), "a weight for each value"
        assert values, "at least one value"
        self._values = values
        self._bounds: list[int] = []
        total = 0
        for weight in weights:
            total += weight
            self._bounds.append(total)
        assert total > 0, "at least one weight above zero"
        self._total = total

    def pick(self, draw: Draw) -> T:
        """Return one of the values."""
        return self._values[bisect_right(self._bounds, draw.below(self._total))]


def skewed(values: Sequence[T], *, head: int) -> Weighted[T]:
    """Return the values weighted as Zipf saw words: the k-th by 1 / (k + head).

    The smaller ``head``, the more the first ones take.
    """
    return Weighted(values, [(1 << 32) // (rank + head) for rank in range(1, len(values) + 1)])


class Curve:
    """A distribution by its quantiles at equal steps; whole numbers in between."""

    def __init__(self, quantiles: Sequence[int]) -> None:
        assert len(quantiles) > 1
        self._quantiles = quantiles

    def pick(self, draw: Draw) -> int:
        """Return one value: between two quantiles all are equally likely."""
        step, within = divmod(draw.below((len(self._quantiles) - 1) << 20), 1 << 20)
        low, high = self._quantiles[step], self._quantiles[step + 1]
        return low + ((high - low) * within >> 20)
