"""What a price says of the samples that it bills."""

from __future__ import annotations

from rating.price.percentile import Directions
from rating.price.sampling import Billed, Missing, Sampling, WithinInterval
from rating.units import plain

_BILLED = {Billed.HIGHEST: "the highest left", Billed.REST: "all that is left"}
_WITHIN = {WithinInterval.SUM: "the sum", WithinInterval.LARGEST: "the largest"}
_MISSING = {Missing.LEFT_OUT: "no sample", Missing.ZERO: "a sample of nothing"}
_DIRECTIONS = {
    Directions.IN: "what came in",
    Directions.OUT: "what went out",
    Directions.LARGER: "the larger of both directions",
    Directions.SUM_PER_SAMPLE: "both directions of each sample together",
    Directions.MAX_PER_SAMPLE: "the larger direction of each sample",
}


def sampling_said(sampling: Sampling) -> str:
    """Return what of a month's samples is priced."""
    said = [
        f"{_BILLED[sampling.billed]} of its {plain(sampling.percent)}th percentile "
        f"({sampling.method.value})",
        f"of samples of {sampling.interval_minutes} min",
        f"each {_WITHIN[sampling.within]} of its records",
        f"an interval without one {_MISSING[sampling.missing]}",
    ]
    if sampling.directions is not None:
        said.append(f"{_DIRECTIONS[sampling.directions]} by {sampling.direction_by}")
    return ", ".join(said)
