"""Rates one usage event, in two steps: `select` finds the price, `charge` applies it.

Between them the caller fetches what the price must know of the month so far: the counters that
`Selected.counters` names.
"""

from rating.charging import RatedUsage, charge
from rating.selection import Filtered, Selected, select

__all__ = ["Filtered", "RatedUsage", "Selected", "charge", "select"]
