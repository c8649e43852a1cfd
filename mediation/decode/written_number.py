"""Numbers as people write them: what a mapping takes out, and what it may not leave in.

Prices go by the digits that a number begins with. "44 20 7946" read as it stands is priced by 44
and not by 4420, and nobody sees it: so a number with a separator in it is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mediation.decode.document import Part
from schemas.refusal import RefusalReason, Refused

# RFC 3966, section 5.1.1, and the blanks that spreadsheets and forms leave. Nothing else: what has
# a letter, a * or a # in it is an address, a name or a code, and means what it says.
_NAMES = {
    " ": "a blank",
    "\t": "a tab",
    "\u00a0": "a no-break space",
    "\u2007": "a no-break space",
    "\u202f": "a no-break space",
    "-": "a dash",
    ".": "a dot",
    "(": "a parenthesis",
    ")": "a parenthesis",
    "/": "a slash",
}
_CLASS = re.escape("".join(_NAMES))
_SEPARATED = re.compile(rf"\d+[{_CLASS}][\d{_CLASS}]*")


def without_prefix(text: str, prefixes: tuple[str, ...]) -> str:
    """Return a text without the first of the prefixes that it begins with."""
    for prefix in prefixes:
        if text.startswith(prefix):
            return text[len(prefix) :]
    return text


def without(text: str, characters: tuple[str, ...]) -> str:
    """Return a text without some characters, wherever they stand."""
    for character in characters:
        text = text.replace(character, "")
    return text


def cleaned(text: str, remove: tuple[str, ...], strip: tuple[str, ...]) -> str:
    """Return what the mapping leaves of a text: first characters are taken out, then a prefix."""
    return without_prefix(without(text, remove) if remove else text, strip)


def is_separated(text: str) -> bool:
    """Return whether a text begins with digits, and has but digits and a separator or more."""
    return not text.isdigit() and _SEPARATED.fullmatch(text) is not None


def separation(*, number: bool) -> Callable[[str], bool]:
    """Return what says of a text whether it is a number with separators: of an address nothing is."""
    return is_separated if number else _never


def _never(_: str) -> bool:
    return False


def separated(text: str, field: str) -> Refused:
    """Return the refusal of a number with separators: it tells them, and nothing of the number."""
    found = [each for each in dict.fromkeys(text) if each in _NAMES]
    names = " and ".join(dict.fromkeys(_NAMES[each] for each in found))
    listed = ", ".join(json.dumps(each) for each in found)
    return Refused(
        RefusalReason.INVALID_FIELD,
        f"{field} is a number with {names} in it, and prices go by the digits it begins with; "
        f"remove: [{listed}] in the mapping takes out all but digits, "
        "number: no says that it is an address",
    )


def text_keys(key: str) -> list[str]:
    """Return what a mapping may say of origin, destination or service class, beside where it is."""
    return ["remove", "strip"] if key == "service_class" else ["remove", "strip", "number"]


def is_number(keys: dict[str, Part]) -> bool:
    """Return whether a mapping takes a text for a number; what is wrong is noted."""
    number = "number" not in keys or keys["number"].choice(("yes", "no")) == "yes"
    if not number and "remove" in keys:
        keys["remove"].problem("no remove beside number: no, since separators mean something there")
    return number


def remove_and_strip(keys: dict[str, Part]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a mapping takes out of a text and off its begin; what is wrong is noted."""
    remove: list[str] = []
    for part in keys["remove"].parts("a list of characters") if "remove" in keys else ():
        expected = 'one character that is no digit, such as " "'
        character = part.text(expected)
        if character and (len(character) != 1 or character.isdigit()):
            part.problem(expected)
        elif character:
            remove.append(character)
    strip: list[str] = []
    for part in keys["strip"].parts("a list of texts") if "strip" in keys else ():
        prefix = part.text()
        if any(character in prefix for character in remove):
            part.problem("a text without what remove takes out, which goes first")
        strip.append(prefix)
    return tuple(remove), tuple(each for each in strip if each)
