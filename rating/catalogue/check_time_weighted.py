"""What does not go with a time-weighted price: its records are changes of a level, and no usage."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rating.price.aggregate import Aggregation

OF_USAGE = {
    "round_units": "changes of the level as they are: rounded ones add up to another level",
    "free_records": "a first tier at amount: 0, for what is free of the average",
    "free_units": "a first tier at amount: 0, for what is free of the average",
    "minimum_units": "least: {month: ...}, or commitment: a change of the level may be small",
    "increments": "changes of the level as they are: whole: yes in a tier, or the model package, "
    "makes the average whole",
    "allowance": "a first tier at amount: 0, for what is free of the average",
}


def check_time_weighted(refuse: Callable[[str, str, str], None], values: Collection[str]) -> None:
    """Note each key of a time-weighted price that is about the usage of a record. ``refuse``: notes a
    key, what was expected and what was found; ``values``: the keys that were written."""
    for key, expected in OF_USAGE.items():
        if key in values:
            refuse(key, expected, f"{key} beside aggregate: {Aggregation.TIME_WEIGHTED.value}")
