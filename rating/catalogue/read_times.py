"""Reads `times:`: what an allowance is so many times of."""

from __future__ import annotations

import re

from rating.catalogue.document import Sharing
from rating.catalogue.errors import quoted
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Node
from rating.conditions.names import ID, NameOf
from rating.counting import CounterPeriod
from rating.fitting_names import MEMBERS, name_of

_ATTRIBUTE = re.compile(r"(account|subscription)\.[a-z][a-z0-9_]{0,63}", re.ASCII)


def read_times(
    reader: Reader,
    values: dict[str, Node],
    field: str,
    shared_by: Sharing,
    period: CounterPeriod,
) -> str:
    """Return what an allowance is so many times of; empty where it is given once."""
    node, at = values.get("times"), f"{field}.times"
    if node is None:
        return ""
    expected = "members, account.<attribute> or subscription.<attribute>"
    text = reader.text(node, at, expected=expected)
    if not text:
        return ""
    is_members = text == MEMBERS
    if not is_members and (not _ATTRIBUTE.fullmatch(text) or name_of(text).name == ID):
        reader.complain(node, at, expected=expected, found=quoted(text))
        return ""
    if "rolls_over" in values:
        expected = "an allowance that does not roll over: of earlier months nobody says the number"
        reader.complain(node, at, expected=expected, found="rolls_over")
    if is_members and shared_by is Sharing.SUBSCRIPTION:
        expected = "shared_by: account, whose members have it together"
        reader.complain(node, at, expected=expected, found="one for each subscription")
    if is_members and period is CounterPeriod.ONCE:
        expected = "an allowance of the month or day, whose members are known"
        reader.complain(node, at, expected=expected, found="every: once")
    of_one = not is_members and name_of(text).of is NameOf.SUBSCRIPTION
    if of_one and shared_by is Sharing.ACCOUNT:
        expected = "members or account.<attribute>, since all of an account's share the allowance"
        reader.complain(node, at, expected=expected, found=quoted(text))
    return text
