"""What was recycled or written off: the proofs of normalise against the rows that say so."""

from __future__ import annotations

from collections import Counter

from msgspec import UNSET

from pipeline.verify.report import Check, Finding, Findings
from schemas.outcome import Settled
from schemas.proof import Proof
from sinks.proofs import settled_in
from sinks.reconcile import TablesSnapshot

_MOST = 20  # mismatches that a statement over whole tables returns


class SettledSuspense:
    """The suspense ids that proofs settle. It grows with what was settled, not with records."""

    def __init__(self, findings: Findings, *, topic: str) -> None:
        self._findings = findings
        self._topic = topic
        self._known: dict[str, tuple[str, bool]] = {}  # by suspense id: as what, and is it loaded
        self._trimmed: Counter[str] = Counter()  # of proofs that are kept without the ids

    def put(self, proof: Proof, offset: int, *, whole: bool, is_loaded: bool) -> None:
        """Note one proof of normalise."""
        if proof.settled is UNSET:
            return
        if not whole:
            self._trimmed.update(proof.settled)
            return
        ids = settled_in(proof)
        found = Counter(settled for _, settled in ids)
        if found != proof.settled:
            self._add(
                Check.NORMALISE_OUTCOMES,
                f"{proof.settled} settled",
                f"{dict(found)}",
                proof,
                offset,
            )
        for suspense_id, settled in ids:
            if suspense_id in self._known:
                self._add(
                    Check.NORMALISE_OUTCOMES,
                    f"record {suspense_id} of suspense settled once",
                    f"{self._known[suspense_id][0]} before, {settled} again",
                    proof,
                    offset,
                )
            self._known[suspense_id] = settled, is_loaded

    async def compare(self, tables: TablesSnapshot) -> None:
        """Check the rows: of all that is loaded, each says as what it was settled, and no other is."""
        left = {key: settled for key, (settled, is_loaded) in self._known.items() if is_loaded}
        others: Counter[str] = Counter()
        async for rows in tables.suspense_outcomes():
            for row in rows:
                known = self._known.get(row.suspense_id)
                left.pop(row.suspense_id, None)
                if known is None:
                    others[row.outcome] += 1
                elif known[0] != row.outcome:
                    self._add(
                        Check.POSTGRES_SETTLED,
                        f"record {row.suspense_id} of suspense {known[0]}",
                        row.outcome,
                    )
        for suspense_id, settled in left.items():
            self._add(
                Check.POSTGRES_SETTLED, f"record {suspense_id} of suspense {settled}", "no row"
            )
        for settled in Settled:
            if others[settled] != self._trimmed[settled]:
                self._add(
                    Check.POSTGRES_SETTLED,
                    f"{self._trimmed[settled]:,} {settled} by proofs that are trimmed",
                    f"{others[settled]:,} that no other proof settles",
                )
        for wrong in await tables.settled_differences(most=_MOST):
            self._add(
                Check.POSTGRES_SETTLED,
                f"record {wrong.suspense_id} of suspense {wrong.expected}",
                wrong.found,
            )

    def _add(
        self,
        check: Check,
        expected: str,
        found: str,
        proof: Proof | None = None,
        offset: int | None = None,
    ) -> None:
        self._findings.add(
            Finding(
                check=check,
                topic=self._topic,
                partition=-1 if proof is None else proof.source_partition,
                batches=None if proof is None else (proof.batch, proof.batch),
                offsets=None if offset is None else (offset, offset + 1),
                expected=expected,
                found=found,
            )
        )
