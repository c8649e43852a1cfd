"""What is to be corrected, and how much the ledger is to say of it."""

from __future__ import annotations

import enum

import msgspec

from sinks.charge_history import Under


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be corrected."""

    reverse: frozenset[str] = frozenset()  # charges to take back
    rerate: Under | None = None  # versions to rate anew under
    only: frozenset[str] = frozenset()  # charges to rate anew; empty: all of the month
    is_summed: bool = False  # one correction for each price, whatever would fit
    reason: str = ""

    def of_other_months(self) -> Asked:
        """Return what is asked of the months that are corrected with the one that is rated anew: that they
        stay under the versions they count by."""
        return self if self.only else msgspec.structs.replace(self, rerate=None)

    def under(self, charge_id: str) -> Under | None:
        """Return what a charge is rated anew under; None: it stays under the versions it counts by."""
        return self.rerate if not self.only or charge_id in self.only else None


class Detail(enum.Enum):
    """What corrections name: as much as fits into one command."""

    STEPS = "steps"  # each charge that comes to something else, and why it comes to what it does
    EACH = "each"  # each charge
    SUMS = "sums"  # each price; of charges those alone that were asked for
