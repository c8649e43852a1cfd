"""What does not go with a price of a level over time: its records are changes of the level, and no usage."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rating.price.aggregate import Aggregation

_FREE = "a first tier at amount: 0, for what is free of the level"

OF_USAGE = {
    "round_units": "changes of the level as they are: rounded ones add up to another level",
    "free_records": _FREE,
    "free_units": _FREE,
    "minimum_units": "least: {month: ...}, or commitment: a change of the level may be small",
    "increments": "changes of the level as they are: whole: yes in a tier, or the model package, "
    "makes the level whole",
    "allowance": _FREE,
}
"""The keys that are about the usage of a record, and what to write instead."""


def check_of_changes(
    refuse: Callable[[str, str, str], None], values: Collection[str], aggregation: Aggregation
) -> None:
    """Note each key of a price of a level that is about the usage of a record. ``refuse``: notes a key,
    what was expected and what was found; ``values``: the keys that were written."""
    for key, expected in OF_USAGE.items():
        if key in values:
            refuse(key, expected, f"{key} beside aggregate: {aggregation.value}")
