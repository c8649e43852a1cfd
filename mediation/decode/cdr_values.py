"""Values of charging records (3GPP TS 32.298): octets to numbers, texts and instants.

Each function gives None where the octets cannot be a value of its kind.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache

from mediation.decode import ber
from mediation.decode.item import MAX_TEXT

Made = int | str | None
Convert = Callable[[bytes], Made]

_SWAPPED = bytes((octet & 0x0F) << 4 | octet >> 4 for octet in range(256))
_BCD = [
    (octet >> 4) * 10 + (octet & 15) if octet >> 4 < 10 and octet & 15 < 10 else 999
    for octet in range(256)
]
_TIME_OCTETS = 9
_SIGNS = {0x2B: 1, 0x2D: -1}
_DAY_MS = 86_400_000
_MOST_OFFSET_MINUTES = 15 * 60
_EPOCH = dt.date(1970, 1, 1).toordinal()
_REMEMBERED = 10_000  # days with their offsets, addresses of nodes, networks
_LONGEST_ADDRESS = 64  # octets; 47 of IPv6 as a text
_MOST_INTEGER_OCTETS = 9  # 64 bits, and an octet that says it is not negative
_NUMBER = re.compile(r"\+?([0-9]{1,32})")
_ALPHANUMERIC = 0x50


def integer(octets: bytes) -> int | None:
    """Return a whole number, with its sign."""
    if 0 < len(octets) <= _MOST_INTEGER_OCTETS:
        return int.from_bytes(octets, "big", signed=True)
    return None


def unsigned(octets: bytes) -> int | None:
    """Return a whole number without a sign: of an identifier that some nodes write so."""
    return int.from_bytes(octets, "big") if 0 < len(octets) <= _MOST_INTEGER_OCTETS else None


def digits(octets: bytes) -> str | None:
    """Return the digits of a TBCD string: the lower half of an octet is the earlier digit."""
    text = octets.translate(_SWAPPED).hex()
    if text.endswith("f"):
        text = text[:-1]
    return text if text.isdigit() and len(text) <= MAX_TEXT else None


def number(octets: bytes) -> str | None:
    """Return the digits of an address: an octet or two say what kind of number it is."""
    if not octets:
        return None
    return digits(octets[1:] if octets[0] & 0x80 else octets[2:])


def sms_number(octets: bytes) -> str | None:
    """Return the digits of an address of TS 23.040: how many, what kind, the digits."""
    if len(octets) < 3 or octets[1] & 0x70 == _ALPHANUMERIC:
        return None
    text = octets[2:].translate(_SWAPPED).hex()[: octets[0]]
    return text if len(text) == octets[0] and text.isdigit() else None


def instant(octets: bytes) -> int | None:
    """Return the milliseconds since 1970 of a TimeStamp: local time with its offset from UTC."""
    if len(octets) != _TIME_OCTETS:
        return None
    began_ms = _day_ms(octets[:3] + octets[6:])
    hour, minute, second = _BCD[octets[3]], _BCD[octets[4]], _BCD[octets[5]]
    if began_ms is None or hour > 23 or minute > 59 or second > 59:
        return None
    return began_ms + (hour * 3600 + minute * 60 + second) * 1000


def day(octets: bytes) -> str | None:
    """Return the date of a TimeStamp, as its own clock showed it."""
    return _day_text(octets[:3] + octets[6:]) if len(octets) == _TIME_OCTETS else None


def text(octets: bytes) -> str | None:
    """Return a text of UTF-8, of which IA5 is a part."""
    try:
        made = octets.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in made or len(made) > MAX_TEXT else made


def hexadecimal(octets: bytes) -> str | None:
    """Return the octets as hex digits."""
    return octets.hex() if 2 * len(octets) <= MAX_TEXT else None


def network(octets: bytes) -> str | None:
    """Return country code and network code of a PLMN, ``26202`` or ``310410``."""
    return _network(octets) if len(octets) == 3 else None


def address(octets: bytes) -> str | None:
    """Return an IP address as a text, whichever of its forms it came in."""
    # No longer one is remembered: what a file is made up of must not fill the memory.
    return _address(octets) if len(octets) <= _LONGEST_ADDRESS else None


def node(octets: bytes) -> str | None:
    """Return the address or the domain name of a node of IMS."""
    found = ber.outer(octets, 0, len(octets))
    if found is None or found[3] != len(octets):
        return None
    tag, begin, end, _ = found
    if tag == 0xA0:
        return address(octets[begin:end])
    return text(octets[begin:end]) if tag == 0x81 else None


def uri(octets: bytes) -> str | None:
    """Return the number of a tel or sip URI without plus, the whole address where it has none."""
    whole = text(octets)
    if not whole:
        return None
    scheme, colon, rest = whole.partition(":")
    if not colon or scheme.lower() not in ("tel", "sip", "sips"):
        rest = whole
    rest = rest.partition(";")[0].partition("?")[0]
    user = rest.partition("@")[0].partition(":")[0]
    found = _NUMBER.fullmatch(user.replace("-", "").replace(".", ""))
    return found[1] if found else rest


@lru_cache(maxsize=_REMEMBERED)
def _network(octets: bytes) -> str | None:
    nibbles = octets.translate(_SWAPPED).hex()
    found = nibbles[:3] + nibbles[4:] + (nibbles[3] if nibbles[3] != "f" else "")
    return found if found.isdigit() else None


@lru_cache(maxsize=_REMEMBERED)
def _address(octets: bytes) -> str | None:
    found = ber.outer(octets, 0, len(octets))
    if found is None or found[3] != len(octets):
        return None
    tag, begin, end, _ = found
    value = octets[begin:end]
    try:
        if tag in (0x80, 0x81):
            is_whole = len(value) == (4 if tag == 0x80 else 16)
            return str(ipaddress.ip_address(value)) if is_whole else None
        if tag in (0x82, 0x83):
            return str(ipaddress.ip_address(value.decode("ascii")))
    except ValueError:
        pass
    return None


@lru_cache(maxsize=_REMEMBERED)
def _day_text(octets: bytes) -> str | None:
    if _day_ms(octets) is None:
        return None
    return f"20{octets[0]:02x}-{octets[1]:02x}-{octets[2]:02x}"


@lru_cache(maxsize=_REMEMBERED)
def _day_ms(octets: bytes) -> int | None:
    year, month, in_month = _BCD[octets[0]], _BCD[octets[1]], _BCD[octets[2]]
    sign = _SIGNS.get(octets[3])
    offset = _BCD[octets[4]] * 60 + _BCD[octets[5]]
    if sign is None or year > 99 or _BCD[octets[5]] > 59 or offset > _MOST_OFFSET_MINUTES:
        return None
    try:
        date = dt.date(2000 + year, month, in_month)
    except ValueError:
        return None
    return (date.toordinal() - _EPOCH) * _DAY_MS - sign * offset * 60_000


INTEGER, TIME = "integer", "time"

KINDS: dict[str, Convert] = {
    INTEGER: integer,
    "unsigned": unsigned,
    "digits": digits,
    "number": number,
    "sms_number": sms_number,
    TIME: instant,
    "day": day,
    "text": text,
    "hex": hexadecimal,
    "network": network,
    "address": address,
    "node": node,
    "uri": uri,
}
"""What a mapping may say a value is."""

CONSTRUCTED = ("address", "node")
"""Those of them that are choices, which are tagged around their own tag."""

MEANINGS = {
    INTEGER: "a whole number",
    "unsigned": "a whole number",
    "digits": "a string of digits",
    "number": "a telephone number",
    "sms_number": "an address of a short message",
    TIME: "a time with its offset",
    "day": "a time with its offset",
    "text": f"a text of at most {MAX_TEXT} characters",
    "hex": f"at most {MAX_TEXT // 2} octets",
    "network": "a network",
    "address": "an IP address",
    "node": "the address of a node",
    "uri": "an address",
}
