"""What was found lately, kept within a bound: a cache whose upkeep costs next to nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")


class Generations(Generic[KeyT, ValueT]):
    """At most two generations of ``most`` entries: what is asked for again moves to the young one,
    and what was not goes with the old one. No order is kept, unlike in a cache of the most recent."""

    __slots__ = ("_most", "_old", "_young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[KeyT, ValueT] = {}
        self._old: dict[KeyT, ValueT] = {}

    def get(self, key: KeyT) -> ValueT | None:
        """Return what was put under a key, if it is still there."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def get_many(self, keys: Sequence[KeyT]) -> dict[KeyT, ValueT]:
        """Return what was put under those of ``keys`` whose values are still there."""
        young = self._young.get
        found = {key: value for key in keys if (value := young(key)) is not None}
        if len(found) < len(keys):
            for key in keys:
                if key not in found and (value := self.get(key)) is not None:
                    found[key] = value
        return found

    def put(self, key: KeyT, value: ValueT) -> None:
        """Keep a value; it takes the place of an earlier one."""
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def put_many(self, values: Mapping[KeyT, ValueT]) -> None:
        """Keep values, in their order."""
        if len(self._young) + len(values) <= self._most:
            self._young.update(values)
            return
        for key, value in values.items():
            self.put(key, value)

    def forget(self, key: KeyT) -> None:
        """Drop what is under a key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Drop everything."""
        self._young, self._old = {}, {}
