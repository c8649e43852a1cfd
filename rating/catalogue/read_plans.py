"""Reads all plans, those that extend others after the ones that they extend."""

from __future__ import annotations

from collections.abc import Iterable

from rating.catalogue.also_rated import check_also_rated
from rating.catalogue.document import Plan
from rating.catalogue.errors import quoted
from rating.catalogue.read_plan import PlanReader
from rating.catalogue.reader import Entry, Reader
from rating.catalogue.yaml_tree import Node

_MOST_LEVELS = 8  # more than anybody follows who asks why an amount is what it is


def read_plans(entries: Iterable[Entry], plan_reader: PlanReader) -> dict[str, Plan]:
    """Return the plans by code, each as if it had been written out in full."""
    plans = _Plans({entry.code: entry for entry in entries}, plan_reader)
    read = {code: plans.of(code) for code in plans.entries}
    found = {code: plan for code, plan in read.items() if plan is not None}
    for code, plan in found.items():
        check_also_rated(plans.entries[code], plan, read, plan_reader.exchange.values())
    return found


class _Plans:
    """Plans that are read when they are asked for, once."""

    def __init__(self, entries: dict[str, Entry], plan_reader: PlanReader) -> None:
        self.entries = entries
        self._plan_reader = plan_reader
        self._read: dict[str, Plan | None] = {}
        self._reading: list[str] = []  # each extends the next one

    def of(self, code: str) -> Plan | None:
        """Return a plan; None where it is refused as a whole."""
        if code not in self._read:
            entry = self.entries[code]
            self._reading.append(code)
            self._read[code] = self._plan_reader.read(
                entry.reader, code, entry.node, entry.field, self._extended
            )
            self._reading.pop()
        return self._read[code]

    def _extended(self, reader: Reader, node: Node, field: str) -> Plan | None:
        """Return the plan that `extends:` names, or None."""
        code = reader.known(node, field, among=self.entries, what="the code of a plan")
        if not code:
            return None
        if code in self._reading:
            circle = [*self._reading[self._reading.index(code) :], code]
            reader.complain(
                node,
                field,
                expected="a plan that does not extend this one",
                found=quoted(" extends ".join(circle)),
            )
            return None
        if len(self._reading) > _MOST_LEVELS:
            expected = f"at most {_MOST_LEVELS} plans, each extending the next"
            reader.complain(node, field, expected=expected, found=f"one more, {code}")
            return None
        return self.of(code)
