"""The percentile of a month's samples, in the place of an aggregate."""

from deploy.catalogue_schema.forms import Schema, choice, of, record
from rating.catalogue import read_sampling
from rating.price.percentile import Directions, PercentileMethod
from rating.price.sampling import Billed, Missing, WithinInterval

SAMPLES: Schema = record(
    "The month is priced at its close by a percentile of its samples, one for each interval.",
    {
        "percentile": of(
            "percent", "Up to which samples count: 95 drops the top 5 %.", 95, maximum=100
        ),
        "method": choice(
            "Which sample that is where the percentage of them is no whole number.",
            PercentileMethod,
            default=PercentileMethod.DISCARD_FLOOR,
        ),
        "interval": of("quantity", "What one sample is of; a part of an hour.", "5 min"),
        "within": choice(
            "What the records of one interval make of its sample.",
            WithinInterval,
            default=WithinInterval.SUM,
        ),
        "direction_by": of("text", "The attribute that is in or out.", "direction"),
        "directions": choice(
            "What is looked at: in, out, the larger of the percentiles of both, or the percentile of "
            "their sum or of the larger of each sample.",
            Directions,
        ),
        "missing": choice(
            "What an interval without a record is: no sample, or a sample of zero.",
            Missing,
            default=Missing.LEFT_OUT,
        ),
        "bill": choice(
            "What is billed once the highest samples were dropped: the highest left, or the rest added "
            "up.",
            Billed,
            default=Billed.HIGHEST,
        ),
    },
    required=("percentile",),
    dependentRequired={"direction_by": ["directions"], "directions": ["direction_by"]},
)

WITHOUT: Schema = {
    "if": {"properties": {"aggregate": {"type": "object"}}, "required": ["aggregate"]},
    "then": {"properties": dict.fromkeys(read_sampling.BESIDE, False)},
}
"""What does not stand beside it."""
