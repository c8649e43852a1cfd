"""No byte of normalise moves unnoticed: digests of all that it makes of seeded streams.

What is written stays readable only by the same rules: a replay must give the same bytes, an
identity that is made another way charges twice. Where a difference is meant, write the file anew
with `python -m tests.golden.test_normalise_bytes`, and say why in docs/decisions/.
"""

import hashlib
import json
import pathlib

import msgspec
import pytest

from schemas.proof import proof_to_msgpack
from schemas.refusal import RefusalReason
from tests.normalise_stream import Draw, decided

FILE = pathlib.Path(__file__).parent / "normalise.jsonl"
RECORDS = 600
CUTS = {
    "whole": frozenset(),
    "each": frozenset(range(RECORDS)),
    "some": frozenset(at for at in range(RECORDS) if Draw(at).chance(10)),
}
OF_CHARGING_FILES = {RefusalReason.NOT_BER, RefusalReason.UNKNOWN_RECORD}  # the streams have none
CASES = [(seed, cut) for seed in range(4) for cut in CUTS]


def digest(parts):
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        whole.update(msgspec.msgpack.encode(part))
    return whole.hexdigest()


def line_of(seed, cut):
    """What a stream comes to: counts to read, digests to compare."""
    stage, decisions = decided(seed, RECORDS, CUTS[cut])
    outcomes, refusals = {}, {}
    for decision in decisions:
        for total, more in (
            (outcomes, decision.proof.outcomes),
            (refusals, decision.proof.refusals),
        ):
            for name, count in more.items():
                total[name] = total.get(name, 0) + count
    return {
        "seed": seed,
        "cut": cut,
        "batches": len(decisions),
        "outcomes": dict(sorted(outcomes.items())),
        "refusals": dict(sorted(refusals.items())),
        "appends": digest(stage.appends),
        "proofs": digest(proof_to_msgpack(decision.proof) for decision in decisions),
        "changes": digest(decision.changes for decision in decisions),
    }


def recorded():
    lines = [json.loads(line) for line in FILE.read_text().splitlines()]
    return {(line["seed"], line["cut"]): line for line in lines}


@pytest.mark.parametrize(("seed", "cut"), CASES)
def test_every_byte_is_what_it_was(seed, cut):
    assert line_of(seed, cut) == recorded()[seed, cut]


def test_the_streams_meet_every_outcome_and_refusal_of_normalise():
    lines = recorded().values()
    outcomes = {name for line in lines for name in line["outcomes"]}
    assert outcomes == {"normalised", "duplicate", "suspended", "ignored", "command"}
    refusals = {name for line in lines for name in line["refusals"]}
    expected = {reason for reason in RefusalReason if not reason.startswith("rating.")}
    assert refusals == expected - OF_CHARGING_FILES


if __name__ == "__main__":
    FILE.write_text("".join(json.dumps(line_of(*case)) + "\n" for case in CASES))
