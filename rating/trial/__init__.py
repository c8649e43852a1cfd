"""Rating without a pipeline: the same engine, its counters and its ledger in memory."""

from rating.trial.read_event import FIELDS, Defaults, EventReader, Number, TrialEvent
from rating.trial.read_json import NotJson, Value, values_in
from rating.trial.sums import Sum, Sums
from rating.trial.tallies import Tallies, Tally
from rating.trial.trial import NOT_PUBLISHED, Member, Trial
from rating.trial.usage import YEARS, local_instant_ms, measured, usage_event

__all__ = [
    "FIELDS",
    "NOT_PUBLISHED",
    "YEARS",
    "Defaults",
    "EventReader",
    "Member",
    "NotJson",
    "Number",
    "Sum",
    "Sums",
    "Tallies",
    "Tally",
    "Trial",
    "TrialEvent",
    "Value",
    "local_instant_ms",
    "measured",
    "usage_event",
    "values_in",
]
