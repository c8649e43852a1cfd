"""Reads `aggregate: {percentile: ...}`: what is billed of a month's samples."""

from __future__ import annotations

import msgspec

from rating.catalogue.read_month import complain_unless_of_units
from rating.catalogue.reader import Reader
from rating.catalogue.yaml_tree import Mapping, Node
from rating.price.percentile import Directions, PercentileMethod
from rating.price.sampling import Billed, Missing, Sampling, WithinInterval
from schemas.decimals import ZERO

KEYS = ("method", "interval", "within", "direction_by", "directions", "missing", "bill")
BESIDE = (  # what would be done to each record, or to a charge that is none yet
    *("round_units", "free_records", "free_units", "minimum_units", "allowance", "above_allowance"),
    *("unique_by", "discount_by_usage"),
)
_DEFAULT = 5
_HOUR = 60
_SECONDS = 60


def is_sampling(node: Node | None) -> bool:
    """Return whether what is written at `aggregate:` are samples: a mapping."""
    return isinstance(node, Mapping)


def read_sampling(
    reader: Reader, name: str, values: dict[str, Node], field: str
) -> Sampling | None:
    """Return what is billed of a month's samples; None where it is not readable. ``name``: of the
    model; ``values``: the keys of its price, with an `aggregate` that is a mapping."""
    node, at = values["aggregate"], f"{field}.aggregate"
    complain_unless_of_units(reader, node, at, name, values)
    for key in BESIDE:
        if key in values:
            reader.complain(
                values[key],
                f"{field}.{key}",
                expected="nothing done to single records beside a percentile: the month has a level",
                found=key,
            )
    found = reader.record(node, at, required=("percentile",), optional=KEYS)
    if found is None or "percentile" not in found:
        return None
    percent = reader.percent(found["percentile"], f"{at}.percentile")
    if not ZERO < percent <= 100:
        expected = "a percentile above 0, of at most 100"
        reader.complain(
            found["percentile"], f"{at}.percentile", expected=expected, found=str(percent)
        )
        return None
    sampling = Sampling(
        percent=percent,
        method=reader.choice(
            found.get("method"), f"{at}.method", PercentileMethod, PercentileMethod.DISCARD_FLOOR
        ),
        interval_minutes=_interval(reader, found.get("interval"), f"{at}.interval"),
        within=reader.choice(
            found.get("within"), f"{at}.within", WithinInterval, WithinInterval.SUM
        ),
        missing=reader.choice(found.get("missing"), f"{at}.missing", Missing, Missing.LEFT_OUT),
        billed=reader.choice(found.get("bill"), f"{at}.bill", Billed, Billed.HIGHEST),
    )
    if sampling.billed is Billed.REST and sampling.method is PercentileMethod.LINEAR:
        expected = "a method that drops whole samples, where the rest is billed"
        reader.complain(found["method"], f"{at}.method", expected=expected, found="linear")
    return _with_directions(reader, node, found, at, sampling)


def _interval(reader: Reader, node: Node | None, field: str) -> int:
    """Return the minutes of an interval."""
    if node is None:
        return _DEFAULT
    errors = len(reader.errors)
    seconds = reader.quantity(node, field, unit="s")
    minutes, rest = divmod(seconds, _SECONDS)
    if len(reader.errors) > errors:
        return _DEFAULT
    if rest or minutes < 1 or minutes > _HOUR or _HOUR % minutes:
        reader.complain(
            node,
            field,
            expected="minutes that an hour is a whole number of, such as 5 min",
            found=f"{seconds} s",
        )
        return _DEFAULT
    return int(minutes)


def _with_directions(
    reader: Reader, node: Node, found: dict[str, Node], at: str, sampling: Sampling
) -> Sampling:
    """Return the samples with their directions, which are stated or not as one."""
    if ("direction_by" in found) != ("directions" in found):
        is_there = "direction_by" if "direction_by" in found else "directions"
        reader.complain(
            found[is_there],
            f"{at}.{is_there}",
            expected="direction_by, the attribute that is in or out, and directions, what is "
            "looked at; or neither",
            found=f"{is_there} alone",
        )
        return sampling
    if "directions" not in found:
        return sampling
    return msgspec.structs.replace(
        sampling,
        direction_by=reader.text(found["direction_by"], f"{at}.direction_by"),
        directions=reader.choice(
            found["directions"], f"{at}.directions", Directions, Directions.LARGER
        ),
    )
