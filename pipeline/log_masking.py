"""No subscriber's number in a log: the last guard, behind messages that do not hold any.

Our own messages show a few digits at most. What a library or a bug of ours says may hold a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SHOWN_DIGITS = 4  # enough to see the country
# Eight digits or more, as numbers of subscribers, cards and devices have. Not part of a word, a path
# or a hash; not what is said to be a place in a topic.
_NUMBER = re.compile(
    r"(?P<place>\b(?:offset|position|batch|sequence|version)s? \d+(?: to \d+)?)"
    r"|(?<![\w./-])(?P<plus>\+?)(?P<digits>\d{8,})(?!\w|\.\d)"
)


def masked(text: str) -> str:
    """Return a text with the end of each long number left out."""
    return _NUMBER.sub(_shown, text)


def mask_numbers(_logger: object, _method: str, event: Any) -> Any:  # noqa: ANN401  (structlog's)
    """Return the fields of a log line with `masked` texts, those in lists and maps too."""
    return _masked(event)


def _masked(value: Any) -> Any:  # noqa: ANN401  (whatever a log line holds)
    match value:
        case str():
            return masked(value)
        case Mapping():
            return {name: _masked(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(each) for each in value]
        case bytes() | BaseException():
            return masked(repr(value))
        case _:
            return value  # a number by itself is a count or a place


def _shown(found: re.Match[str]) -> str:
    return found["place"] or f"{found['plus']}{found['digits'][:_SHOWN_DIGITS]}..."
