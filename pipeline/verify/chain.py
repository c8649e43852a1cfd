"""Whether the proofs of one partition follow each other, and give every record one outcome."""

from __future__ import annotations

from pipeline.verify.report import Check, Finding, Findings
from schemas.proof import Proof, is_sealed, sealed

_NO_CHAIN = "0" * 32


class Chain:
    """The proofs of one partition as they come, each checked against the one before it."""

    def __init__(
        self,
        findings: Findings,
        *,
        topic: str,
        partition: int,
        installation: str,
        source_topic: str,
        chain_check: Check,
        outcome_check: Check,
    ) -> None:
        self._findings = findings
        self._topic = topic
        self._partition = partition
        self._installation = installation
        self._source_topic = source_topic
        self._chain_check = chain_check
        self._outcome_check = outcome_check
        self.last: Proof | None = None
        self.trimmed = False  # the genesis is gone from the topic, and is not kept elsewhere

    def follow(self, proof: Proof, *, offset: int, whole: bool = True) -> bool:
        """Check one proof; return whether it moves on (a genesis and a repeated one do not).

        Not ``whole``: as Postgres keeps it, without what its own chain is made of besides; the
        chain of the next one still holds it.
        """
        before, self.last = self.last, proof
        if whole and not is_sealed(proof):
            self._add(self._chain_check, proof, offset, "a proof as its chain says", "another")
        if before is None and self.trimmed and proof.batch == 1:
            before = genesis_before(proof)
            self._begin(before, 0)
        if before is None:
            return self._begin(proof, offset)
        if _subject(proof) != _subject(before):
            self._add(self._chain_check, proof, offset, str(_subject(before)), str(_subject(proof)))
        if proof.batch <= before.batch:
            self._add(
                self._chain_check,
                proof,
                offset,
                f"batch {before.batch + 1}",
                f"batch {proof.batch} again",
            )
            self.last = before
            return False
        if proof.batch != before.batch + 1:
            self._missing(before, proof, offset)
        elif proof.previous != before.chain:
            self._add(self._chain_check, proof, offset, f"previous {before.chain}", proof.previous)
        if proof.first != before.next or proof.next < proof.first:
            self._add(
                self._chain_check,
                proof,
                offset,
                f"positions from {before.next} on",
                f"[{proof.first}, {proof.next}) of {self._source_topic}",
            )
        counted = sum(proof.outcomes.values())
        if counted != proof.items:
            self._add(
                self._outcome_check,
                proof,
                offset,
                f"{proof.items} items with one outcome each",
                f"{counted} outcomes",
            )
        for outcome, count in (proof.recycled or {}).items():
            if count > proof.outcomes.get(outcome, 0):
                self._add(
                    self._outcome_check,
                    proof,
                    offset,
                    f"at most {proof.outcomes.get(outcome, 0)} {outcome} that came back",
                    f"{count}",
                )
        refused = sum(proof.refusals.values())
        if refused != proof.outcomes.get("suspended", 0):
            self._add(
                self._outcome_check,
                proof,
                offset,
                f"{proof.outcomes.get('suspended', 0)} suspended with one reason each",
                f"{refused} reasons",
            )
        return True

    def end(self) -> None:
        """Check that there was a proof at all."""
        if self.last is None:
            self._findings.add(
                Finding(
                    check=self._chain_check,
                    topic=self._topic,
                    partition=self._partition,
                    expected="a genesis proof",
                    found="no proof at all",
                )
            )

    def _begin(self, proof: Proof, offset: int) -> bool:
        whose = (proof.installation, proof.source_topic, proof.source_partition)
        if whose != (self._installation, self._source_topic, self._partition):
            self._add(
                self._chain_check,
                proof,
                offset,
                f"a proof of {self._installation} over {self._source_topic}/{self._partition}",
                f"one of {whose[0]} over {whose[1]}/{whose[2]}",
            )
        if (proof.batch, proof.first, proof.next, proof.previous) != (0, 0, 0, _NO_CHAIN):
            self._add(
                self._chain_check,
                proof,
                offset,
                "the genesis first",
                f"batch {proof.batch} over positions [{proof.first}, {proof.next})",
            )
        return proof.batch > 0

    def _missing(self, before: Proof, proof: Proof, offset: int) -> None:
        self._findings.add(
            Finding(
                check=self._chain_check,
                topic=self._topic,
                partition=self._partition,
                batches=(before.batch + 1, proof.batch - 1),
                offsets=(offset, offset + 1),
                expected=f"the proofs between batch {before.batch} and batch {proof.batch}",
                found=f"none; source positions [{before.next}, {proof.first}) are not proved",
            )
        )

    def _add(self, check: Check, proof: Proof, offset: int, expected: str, found: str) -> None:
        self._findings.add(
            Finding(
                check=check,
                topic=self._topic,
                partition=self._partition,
                batches=(proof.batch, proof.batch),
                offsets=(offset, offset + 1),
                expected=expected,
                found=found,
            )
        )


def genesis_before(proof: Proof) -> Proof:
    """Return the genesis of the partition that a proof is of: nothing else is in one."""
    return sealed(
        Proof(
            stage=proof.stage,
            installation=proof.installation,
            genesis_id=proof.genesis_id,
            cluster_id=proof.cluster_id,
            source_topic=proof.source_topic,
            source_partition=proof.source_partition,
            batch=0,
            first=0,
            next=0,
        )
    )


def _subject(proof: Proof) -> tuple[str, str, str, str, str, int]:
    return (
        proof.stage,
        proof.installation,
        proof.genesis_id,
        proof.cluster_id,
        proof.source_topic,
        proof.source_partition,
    )
