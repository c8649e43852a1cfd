"""Reads for which usage an allowance is: bands, days, a condition."""

from __future__ import annotations

import collections.abc
import datetime as dt
from typing import NamedTuple

from rating.catalogue.document import BandSet
from rating.catalogue.errors import quoted
from rating.catalogue.read_condition import read_condition
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Mapping, Node
from rating.conditions.names import ID

KEYS = ("only_in", "when", "valid_from", "valid_to")


class Fits(NamedTuple):
    """For which usage an allowance is."""

    bands: str = ""  # the set; empty: whatever the hour
    only_in: tuple[str, ...] = ()  # of its bands, in the order of the set
    when: str = ""  # a condition; empty: always
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None  # exclusive


def read_fits(
    reader: Reader,
    values: dict[str, Node],
    field: str,
    bands: collections.abc.Mapping[str, BandSet],
) -> Fits:
    """Return for which usage an allowance is."""
    code, only_in = _read_only_in(reader, values.get("only_in"), f"{field}.only_in", bands)
    condition = read_condition(reader, values.get("when"), f"{field}.when")
    since = reader.date(values.get("valid_from"), f"{field}.valid_from")
    until = reader.date(values.get("valid_to"), f"{field}.valid_to")
    if since and until and until <= since:
        expected = f"a date after {since}"
        reader.complain(
            values["valid_to"], f"{field}.valid_to", expected=expected, found=quoted(str(until))
        )
    for key in ("valid_from", "valid_to"):
        if key in values and "rolls_over" in values:
            expected = "an allowance that does not roll over: months before and after leave nothing"
            reader.complain(values[key], f"{field}.{key}", expected=expected, found="rolls_over")
    if condition is not None and "rolls_over" in values:
        of_holder = [name for name in condition.names if name.is_of_holder and name.name != ID]
        if of_holder:
            expected = (
                "a condition of the usage alone, beside rolls_over: of earlier months nobody says "
                "whether it held, and they would leave all of their allowance"
            )
            found = ", ".join(name.written for name in of_holder)
            reader.complain(values["when"], f"{field}.when", expected=expected, found=found)
    return Fits(code, only_in, "" if condition is None else condition.text, since, until)


def _read_only_in(
    reader: Reader, node: Node | None, field: str, sets: collections.abc.Mapping[str, BandSet]
) -> tuple[str, tuple[str, ...]]:
    """Return a set of bands, and those of it that are named."""
    if node is None:
        return "", ()
    entries = list(reader.entries(node, field))
    if len(entries) != 1 and isinstance(node, Mapping):
        expected = "one set of bands and a list of its bands, such as {hours: [off-peak]}"
        reader.complain(node, field, expected=expected, found=f"{len(entries)} sets")
    if len(entries) != 1:
        return "", ()
    ((key, named),) = entries
    code = reader.known(key, field, among=sets, what="the code of a set of bands")
    if not code:
        return "", ()
    known = [band.code for band in sets[code].bands]
    found: list[str] = []
    for item in reader.items(named, f"{field}.{code}"):
        band = reader.known(item, f"{field}.{code}", among=known, what="the code of a band of it")
        if band in found:
            reader.complain(item, f"{field}.{code}", expected="each band once", found=band)
        elif band:
            found.append(band)
    if len(found) == len(known):
        expected = "some bands of the set; for all of them without only_in"
        reader.complain(named, f"{field}.{code}", expected=expected, found="all of them")
    return code, tuple(band for band in known if band in found)
