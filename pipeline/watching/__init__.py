"""What the proofs of normalise tell of single sources: for dashboards and alarms, never for money."""

WATCH = "watch"  # what its worker is called, beside the stages
