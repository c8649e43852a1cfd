"""What is no usage: commands, and the ends of files."""

from __future__ import annotations

from mediation.changes import MARK_KEY, SETTLED_KEY
from mediation.coming_back import pinned_by, settle, settled_as
from mediation.decision import Decision, too_large
from mediation.dedup import DAY_MS, MarkState, mark_to_bytes
from mediation.file_progress import what_is_missing
from mediation.received import Command, End, Received, ReceivedItem
from schemas.outcome import NormaliseOutcome, Settled
from schemas.raw import MAX_RECORD_BYTES, CorrectMonthCommand, WriteOffCommand
from schemas.refusal import RefusalReason, Refused
from schemas.usage import (
    RETAIL,
    MonthCorrection,
    NormalisedCommand,
    PeriodClose,
    Provenance,
    to_wire,
)

_COMMAND_FORMAT = "command@1"
_UNKNOWN_ACCOUNT = Refused(RefusalReason.INVALID_COMMAND, "the command's account is not known")
_NOT_OVER = Refused(
    RefusalReason.INVALID_COMMAND,
    "the period ends before it begins, or had not ended when the command arrived",
)


def command_outcome(
    decision: Decision, received: Received, item: ReceivedItem, command: Command
) -> NormaliseOutcome:
    """Hand a command on to rate, in order with usage; a write-off ends here."""
    asked = command.command
    if isinstance(asked, WriteOffCommand):
        return _write_off(decision, received, item, asked)
    copy = decision.copy_outcome(received, item, version=0)
    if copy is not None:
        return copy
    account = decision.reference.accounts.get(asked.account_id)
    if account is None or account.tenant != asked.tenant:
        # Not marked: the outbox may send it again when the account is known.
        return decision.suspend(received, item, _UNKNOWN_ACCOUNT)
    record = received.record
    event: NormalisedCommand
    provenance = Provenance(
        record.partition, record.offset, item.index, _COMMAND_FORMAT, record.appended_at_ms
    )
    latest_ms = record.appended_at_ms + decision.window.future_ms
    if isinstance(asked, CorrectMonthCommand):
        month = asked.correction
        if not month.usage_period_ms < min(month.period_end_ms, latest_ms):
            return decision.suspend(received, item, _NOT_OVER)
        event = MonthCorrection(
            tenant=asked.tenant,
            identity=item.key[1:],
            content_hash=item.content_hash,
            run=RETAIL,
            rating_key=account.rating_key,
            account_id=account.account_id,
            correction=asked.correction,
            provenance=provenance,
            batch=decision.batch,
        )
    else:
        # Obeyed, the close of a period far ahead would hold all usage back until then, for
        # ever: a closed period stays closed.
        if not 0 <= asked.period_start_ms < asked.period_end_ms <= latest_ms:
            return decision.suspend(received, item, _NOT_OVER)
        event = PeriodClose(
            tenant=asked.tenant,
            identity=item.key[1:],
            content_hash=item.content_hash,
            run=RETAIL,
            rating_key=account.rating_key,
            account_id=account.account_id,
            period_start_ms=asked.period_start_ms,
            period_end_ms=asked.period_end_ms,
            provenance=provenance,
            batch=decision.batch,
        )
    value = to_wire(event)
    if len(value) > MAX_RECORD_BYTES:
        return decision.suspend(received, item, too_large(len(value)))
    decision.mark(received, item, 0, record.appended_at_ms // DAY_MS, MarkState.PASSED)
    decision.hand_on(event, value)
    return NormaliseOutcome.COMMAND


def _write_off(
    decision: Decision, received: Received, item: ReceivedItem, asked: WriteOffCommand
) -> NormaliseOutcome:
    """Give up a record in suspense, unless it was settled before: then this changes nothing."""
    key = SETTLED_KEY + bytes.fromhex(asked.suspense_id)
    before = settled_as(decision, key)
    if before is not None:
        decision.into_suspense(received, item, None, first_copy=(before.offset, 0))
        return NormaliseOutcome.DUPLICATE
    settle(decision, key, Settled.WRITTEN_OFF, received)
    if asked.identity is not None:
        identity_key = MARK_KEY + bytes.fromhex(asked.identity)
        mark = pinned_by(decision, received, identity_key, asked.suspense_id)
        if mark is not None:
            mark = mark._replace(state=MarkState.WRITTEN_OFF)
            decision.changed[identity_key] = mark_to_bytes(mark)
    return NormaliseOutcome.COMMAND


def end_of_file_outcome(
    decision: Decision, received: Received, item: ReceivedItem, end: End
) -> NormaliseOutcome:
    """Close a file: refused where some of it never came."""
    copy = decision.copy_outcome(received, item, version=0)
    if copy is not None:
        decision.tally.no_usage(received.origin.source)
        return copy
    progress = decision.progress(end.file_key)
    decision.changed[end.file_key] = None
    missing = what_is_missing(progress, end.end)
    day = received.record.appended_at_ms // DAY_MS
    decision.mark(received, item, 0, day, MarkState.PASSED)
    if missing is not None:
        return decision.suspend(received, item, Refused(RefusalReason.FILE_INCOMPLETE, missing))
    decision.tally.no_usage(received.origin.source)
    return NormaliseOutcome.COMMAND
