"""Charges put together from parts, without an event, and a batch of them decided."""

import msgspec

from pipeline.rate_prepare import Item, RateBatch
from pipeline.rate_read import ReadRuns
from pipeline.rate_step import RateStep
from schemas.flow import SourceRecord
from schemas.proof import RATE, Proof, Versions, sealed
from tests.rate_world import catalogue_of, reference_of

PARTITION = 3
STEP = RateStep(catalogue=catalogue_of(), reference=reference_of())
BEFORE = sealed(
    Proof(
        stage=RATE, installation="i", genesis_id="g", cluster_id="c", source_topic="t",
        source_partition=PARTITION, batch=1, first=0, next=0, records=0, items=0, outcomes={},
        refusals={}, read={}, charges={}, quantities={}, ledger_records=0, set_hash="0" * 32,
        suspense_count=0, suspense_hash="0" * 32, sources={}, versions=Versions(7, 2), previous="",
    )
)  # fmt: skip


def made(cls, **fields):
    """Return a struct of which nothing else is asked than these fields."""
    asked = [each.name for each in msgspec.structs.fields(cls) if each.required]
    return cls(**{**dict.fromkeys(asked), **fields})


def batch_of(verdicts):
    items = [
        Item(SourceRecord(PARTITION, 1000 + number, 5, None, b"", ()), None, each)
        for number, each in enumerate(verdicts)
    ]
    return RateBatch(items, ReadRuns(), [], Versions(7, 2))


def outcome(decide, batch, state):
    """Return what a batch comes to, or which error it is."""
    try:
        return decide(batch, state, previous=BEFORE)
    except Exception as error:
        return type(error)
