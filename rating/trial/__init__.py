"""Rating without a pipeline: the same engine, its counters and its ledger in memory."""

from rating.trial.tallies import Tallies, Tally
from rating.trial.trial import NOT_PUBLISHED, Member, Trial

__all__ = ["NOT_PUBLISHED", "Member", "Tallies", "Tally", "Trial"]
