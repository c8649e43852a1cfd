"""The normalised topic rated once more, in memory, under the versions that its proofs name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aiokafka import ConsumerRecord

from pipeline.cli.catalogue import catalogue_files
from pipeline.rate_step import RateStep
from pipeline.topics import topics_of
from rating.catalogue import check
from rating.catalogue import compile as compile_catalogue
from schemas.flow import Channel, SourceRecord
from schemas.proof import Proof, proof_from_json, proof_to_json
from schemas.reference import ReferenceData, account_from_json
from tests.chaos.verifier.verdict import Verdict
from tests.integration.live_installation import LiveInstallation, Place


async def replay(
    here: LiveInstallation, catalogues: Mapping[int, Path], verdict: Verdict
) -> tuple[int, int]:
    """Return how many batches gave the same bytes, and how many there are; note each other one."""
    topics = topics_of(here.settings)
    reference = ReferenceData()
    for record in (await here.read(topics.reference)).values():
        if record.key:
            reference.apply([account_from_json(record.value)], version=record.offset)
    compiled = {}
    for version, folder in catalogues.items():
        document = check(catalogue_files(folder)).document
        assert document is not None
        compiled[version] = compile_catalogue(document, version)
    source = await here.read(topics.normalised)
    ledger = await here.read(topics.ledger)
    same = batches = 0
    for number in range(topics.ledger.partitions):
        step = RateStep(catalogue=next(iter(compiled.values())), reference=reference)
        state: dict[bytes, bytes] = {}
        previous: Proof | None = None
        written: list[bytes] = []
        for place in sorted(one for one in ledger if one.partition == number):
            record = ledger[place]
            if json.loads(record.value)["kind"] != "proof":
                written.append(record.value)
                continue
            proof = proof_from_json(record.value)
            if previous is not None:
                batches += 1
                step.catalogue = compiled[proof.versions.catalogue]
                reference.version = proof.versions.reference
                values, again = _again(step, source, state, previous, proof)
                if values == written and again == record.value:
                    same += 1
                else:
                    verdict.wrong_is(f"batch {proof.batch} of rate {number} came out otherwise")
            previous, written = proof, []
    return same, batches


def _again(
    step: RateStep,
    source: Mapping[Place, ConsumerRecord],
    state: dict[bytes, bytes],
    previous: Proof,
    proof: Proof,
) -> tuple[list[bytes], bytes]:
    records = [
        SourceRecord(
            place.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value,
            tuple(record.headers),
        )
        for place, record in (
            (Place(proof.source_partition, offset), source.get((proof.source_partition, offset)))
            for offset in range(proof.first, proof.next)
        )
        if record is not None
    ]
    batch = step.prepare(records)
    known = {key: state[key] for key in batch.state_keys if key in state}
    decided = step.decide(batch, known, previous=previous)
    for key, value in decided.changes:
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    values = [one.value for one in decided.appends if one.channel is Channel.LEDGER]
    return values, proof_to_json(decided.proof)
