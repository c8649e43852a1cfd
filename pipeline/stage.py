"""The transactional stage: one machine, used by normalise and by rate with another pure step."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from mediation.dedup import Window
from pipeline import correlation, event_time
from pipeline.backoff import Backoff
from pipeline.batch import BatchSize, Suspects
from pipeline.clock import Clock
from pipeline.errors import BrokenChain, Halted, RatemillError, StepFailed
from pipeline.idle import Idle
from pipeline.kafka import reading
from pipeline.metrics import StageMetrics
from pipeline.ownership import Ownership
from pipeline.pace import Pace
from pipeline.proofs import LastProof, read_last_proof, wait_until_closed
from pipeline.recent_state import RecentState, Store
from pipeline.restore import Changelog, catch_up
from pipeline.settings import Settings
from pipeline.snapshots import Snapshots
from pipeline.state import FORMAT, Folded, StateStore, StateUnavailable
from pipeline.state_folder import open_state
from pipeline.transaction import Transaction
from pipeline.upkeep import Upkeep
from schemas.flow import Append, Channel, Decided, SourceRecord, StateChange, Step
from schemas.proof import Proof, Versions

_log = structlog.get_logger(__name__)

_POLL_MS = 200
_EXPECTED = (KafkaError, RatemillError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class StageSpec:
    """What makes the machine normalise or rate."""

    step: Step[Any]
    source_topic: str
    changelog_topic: str  # where the proofs lie, and what the state is a fold of
    topics: Mapping[Channel, str]
    proof_channel: Channel
    encode_proof: Callable[[Proof], bytes]
    decode_proof: Callable[[bytes], Proof]
    is_proof: Callable[[SourceRecord], bool]
    proof_headers: tuple[tuple[str, bytes], ...]
    wait_for_versions: Callable[[Versions], Awaitable[None]]
    recent_values: int = 0  # values of the state that are kept at hand; 0: RocksDB is asked
    window: Window | None = None  # of the marks in the state: what is behind it is pruned
    fold_many: Callable[[Sequence[bytes]], Iterable[StateChange]] | None = None  # see Changelog

    def __post_init__(self) -> None:
        assert self.window is None or not self.recent_values, "pruning goes past what is at hand"


BatchState = Store[Folded]
"""What a batch reads and writes: the state, or the state with its newest values at hand."""


def _with_recent(store: StateStore, most_values: int) -> BatchState:
    return RecentState(store, most_values=most_values) if most_values else store


class StagePartition:
    """One source partition of a stage, from its fence to the loss of it."""

    def __init__(
        self,
        spec: StageSpec,
        settings: Settings,
        *,
        bootstrap: str,
        cluster_id: str,
        ownership: Ownership,
        partition: TopicPartition,
        folder: Path,
        clock: Clock,
        metrics: StageMetrics,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._bootstrap = bootstrap
        self._cluster_id = cluster_id
        self._ownership = ownership
        self._partition = partition
        self._number = partition.partition
        self._changelog = TopicPartition(spec.changelog_topic, self._number)
        self._name = f"{settings.installation}.{spec.step.stage}.{partition.topic}.{self._number}"
        self._folder = folder / f"{spec.step.stage}-{self._number}"
        self._metrics = metrics
        self._size = BatchSize(
            most_records=settings.batch_records,
            work_ms=settings.batch_work_ms,
            clock=clock,
        )
        self._suspects = Suspects(
            folder / f"{spec.step.stage}-{self._number}.suspects.json",
            most_per_hour=settings.internal_errors_per_hour,
            clock=clock,
        )
        self._snapshots = Snapshots(
            settings,
            stage=spec.step.stage,
            partition=self._number,
            state_folder=folder,
            clock=clock,
            metrics=metrics,
        )
        self.position: int | None = None

    async def run(self) -> None:
        """Own the partition until cancelled or until the group says that it is another's.

        Any doubt ends a session (`_session`); the next one starts from the last committed proof,
        and only after the group has confirmed the ownership anew (`Ownership.prove`).
        """
        self._metrics.owned(self._number)
        try:
            await self._sessions()
        finally:
            self._metrics.released(self._number)
            self._snapshots.stop()

    async def _sessions(self) -> None:
        backoff = Backoff()
        in_doubt = False
        while True:
            correlation.of_session()
            try:
                # A position of 0 is as good as any other here: the commit is a question.
                if in_doubt and not await self._ownership.prove(
                    self._partition, position=self.position or 0
                ):
                    _log.warning("partition_given_up", partition=self._name)
                    return
                await self._session(on_progress=backoff.reset)
            except Exception as error:
                # Halted too: it waits and looks again, since what was wrong may be mended. An error
                # that nobody thought of stops this partition alone; the others go on.
                in_doubt = True
                self._metrics.doubt(self._number, type(error).__name__)
                _log.error(
                    "partition_stopped",
                    partition=self._name,
                    error=str(error) or repr(error),
                    exc_info=not isinstance(error, _EXPECTED),
                )
                await backoff.wait()

    async def _session(self, *, on_progress: Callable[[], None]) -> None:
        """Work from the last committed proof until something is in doubt.

        This is the commit order; every other text links here.

        1. Fence: start a transactional producer with this partition's stable id. From here on the
           earlier owner's commits fail. A transaction time-out looks exactly like a fence.
        2. Know where you are: wait until nothing is open in the changelog, read its last committed
           proof, wait until our catalogue and reference data are at least that proof's. The source
           position comes from the proof, never from the group.
        3. Catch up: fold into RocksDB what the changelog holds past the position that RocksDB
           remembers; an empty state, or one of another format, is rebuilt from the newest snapshot
           that verifies, else from the changelog's beginning. One of another installation is an
           error: nothing is overwritten.
        4. For each batch of source records: run the pure step; in one transaction append its
           outputs and then its proof; await the answer to every append and check its offset; only
           then commit; only then write the changes of state to RocksDB, in one batch with the
           changelog position that they stand for.
        5. Any doubt (an error, a time-out, a refusal) ends this function: abort, retire the
           producer, never use it again. State that was not committed was never written. Nothing is
           guessed: the next session starts at step 1.

        A crash in any gap is harmless: before the commit nothing was said; between the commit and
        RocksDB step 3 folds what RocksDB missed.
        """
        settings, spec = self._settings, self._spec
        transaction = await Transaction.fence(  # 1
            self._bootstrap,
            transactional_id=self._name,
            transaction_timeout_ms=settings.transaction_timeout_ms,
            topics=spec.topics,
        )
        try:
            last = await self._last_proof()  # 2
            store = await open_state(self._folder, wait_s=settings.session_timeout_ms / 1000)
            try:
                await catch_up(  # 3
                    store,
                    Changelog(
                        bootstrap=self._bootstrap,
                        partition=self._changelog,
                        client_id=f"{self._name}.restore",
                        fold=spec.step.fold,
                        proof_of=self._proof_of,
                        fold_many=spec.fold_many,
                    ),
                    upto=last,
                    snapshots=self._snapshots.folder,
                    progress=lambda done: self._metrics.restored(self._number, done),
                )
                self._metrics.working(self._number, last.proof)
                await self._loop(transaction, store, last.proof, on_progress=on_progress)  # 4
            finally:
                store.close()
        except BaseException:
            await transaction.abort()  # 5
            raise
        finally:
            await transaction.retire()

    async def _last_proof(self) -> LastProof:
        spec = self._spec
        await wait_until_closed(
            self._bootstrap,
            self._changelog,
            client_id=f"{self._name}.proofs",
            wait_s=self._settings.open_transaction_wait_ms / 1000,
        )
        last = await read_last_proof(
            self._bootstrap,
            self._changelog,
            decode=spec.decode_proof,
            client_id=f"{self._name}.proofs",
        )
        proof = last.proof
        if (
            proof.cluster_id != self._cluster_id
            or proof.installation != self._settings.installation
        ):
            raise BrokenChain(
                f"{self._changelog.topic}/{self._number} belongs to installation "
                f"{proof.installation} on cluster {proof.cluster_id}, not to "
                f"{self._settings.installation} on {self._cluster_id}. Operator action: check "
                "RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_INSTALLATION."
            )
        await spec.wait_for_versions(proof.versions)
        return last

    async def _loop(
        self,
        transaction: Transaction,
        store: StateStore,
        previous: Proof,
        *,
        on_progress: Callable[[], None],
    ) -> None:
        spec = self._spec
        source = self._partition
        async with reading(
            self._bootstrap, source, client_id=f"{self._name}.source", source=True
        ) as consumer:
            consumer.seek(source, previous.next)
            self.position = previous.next
            fetched: deque[SourceRecord] = deque()
            idle = Idle(consumer, source)
            upkeep = Upkeep(store, window=spec.window, snapshots=self._snapshots)
            state = _with_recent(store, spec.recent_values)
            pace = Pace(consumer, source, self._settings.batch_every_ms)
            while True:
                await pace.turn()
                records = await self._next_batch(consumer, fetched)
                if not records:
                    upkeep.while_idle(previous)
                    self._metrics.caught_up(self._number, behind=await idle.look())
                    continue
                pace.took(full=bool(fetched) or len(records) >= self._size.records)
                upkeep.before_batch(records)
                correlation.of_batch(previous.batch + 1)
                appends, proof, changes = self._decide(records, state, previous)
                offset = await transaction.write(
                    appends,
                    last=Append(
                        spec.proof_channel,
                        self._number,
                        None,
                        spec.encode_proof(proof),
                        spec.proof_headers,
                    ),
                )
                state.write(
                    changes,
                    Folded(
                        format=FORMAT,
                        cluster_id=self._cluster_id,
                        genesis_id=proof.genesis_id,
                        next_offset=offset + 1,
                        chain=proof.chain,
                    ),
                )
                upkeep.after_batch(records, changes=len(changes), proof=proof)
                previous = proof
                self.position = proof.next
                on_progress()
                highwater = consumer.highwater(source) or proof.next
                self._metrics.batch(
                    self._number,
                    proof,
                    behind=max(0, highwater - proof.next),
                    appended_at_ms=records[-1].appended_at_ms,
                    event_time_ms=event_time.of_appends(appends),
                )

    async def _next_batch(
        self, consumer: AIOKafkaConsumer, fetched: deque[SourceRecord]
    ) -> list[SourceRecord]:
        """Return what has arrived, bounded by count, bytes and expected work; empty: nothing yet."""
        if not fetched:
            try:
                answer = await consumer.getmany(
                    self._partition, timeout_ms=_POLL_MS, max_records=self._size.records
                )
            except OffsetOutOfRangeError as error:
                raise Halted(
                    f"{self._name}: the source no longer holds offset {self.position}. Operator "
                    "action: run `ratemill verify`; records were deleted before they were read."
                ) from error
            except UnicodeDecodeError as error:
                raise Halted(
                    f"{self._name}: a record at or behind offset {self.position} has a header whose "
                    "name is not UTF-8, which the client cannot read. Operator action: find its "
                    "producer and correct it; delete the records up to it with "
                    "kafka-delete-records.sh only after they were saved, for they were not rated."
                ) from error
            fetched.extend(answer.get(self._partition, ()))
        return self._size.take(
            fetched, most_bytes=self._settings.batch_bytes, suspects=self._suspects
        )

    def _decide(
        self, records: list[SourceRecord], store: BatchState, previous: Proof
    ) -> tuple[list[Append], Proof, list[StateChange]]:
        refused = self._suspects.refused(records[0].offset, records[-1].offset + 1)
        with self._size.timing(len(records)):
            try:
                decided = self._run_step(records, store, previous, refused)
            except StateUnavailable:
                raise  # the disk's fault, not the record's
            except Exception as error:
                # The outermost loop of the stage: whatever the step raised is a bug of ours.
                offset = self._culprit(records, store, previous, refused)
                _log.exception("step_failed", partition=self._name, offset=offset)
                will = (
                    "It goes to suspense as pipeline.internal_error."
                    if self._suspects.remember(offset)
                    else "It is tried once more, alone, before it goes to suspense."
                )
                raise StepFailed(
                    f"{self._name}: the step failed on the record at offset {offset}: {error!r}. "
                    f"{will} Operator action: report the trace in the log.",
                    offset=offset,
                ) from error
        proof = decided.proof
        if (proof.previous, proof.first, proof.next) != (
            previous.chain,
            previous.next,
            records[-1].offset + 1,
        ):
            raise BrokenChain(
                f"{self._name}: the proof of batch {proof.batch} does not follow the one before. "
                "Nothing of it was appended. Operator action: report the log; this is a bug."
            )
        return decided.appends, proof, decided.changes

    def _run_step(
        self,
        records: Sequence[SourceRecord],
        store: BatchState,
        previous: Proof,
        refused: frozenset[int],
    ) -> Decided:
        prepared = self._spec.step.prepare(records, internal_errors=refused)
        state = store.get_many(prepared.state_keys)
        return self._spec.step.decide(prepared, state, previous=previous)

    def _culprit(
        self,
        records: Sequence[SourceRecord],
        store: BatchState,
        previous: Proof,
        refused: frozenset[int],
    ) -> int:
        """Return the offset of the first record with which the batch fails.

        The step is pure, so it can be asked about ever shorter heads of the batch.
        """
        works, fails = 0, len(records)
        while fails - works > 1:
            middle = (works + fails) // 2
            try:
                self._run_step(records[:middle], store, previous, refused)
            except StateUnavailable:
                raise
            except Exception:
                fails = middle
            else:
                works = middle
        return records[fails - 1].offset

    def _proof_of(self, record: SourceRecord) -> Proof | None:
        return self._spec.decode_proof(record.value) if self._spec.is_proof(record) else None
