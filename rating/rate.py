"""Rates one usage event, in two steps: `select` finds the price, `charge` applies it.

Between them the caller fetches what the price must know of the month so far: the counters that
`Selected.counters` names. `find_offer` and `select_price` are the halves of `select`, for a caller
that keeps what is the same for all events of a subscription; `charge_after` is `charge` for a caller
that has found the two quantities.
"""

from rating.charging import Priced, RatedUsage, charge, charge_after
from rating.conditions.names import Holder
from rating.selection import (
    Filtered,
    Selected,
    counter_names,
    find_offer,
    select,
    select_price,
)

__all__ = [
    "Filtered",
    "Holder",
    "Priced",
    "RatedUsage",
    "Selected",
    "charge",
    "charge_after",
    "counter_names",
    "find_offer",
    "select",
    "select_price",
]
