"""The record of what goes to suspense: a refusal, or the notice of a duplicate."""

from __future__ import annotations

from mediation.changes import MARK_KEY
from mediation.intake import MAX_HEADER_BYTES
from mediation.received import Received, ReceivedItem
from schemas import raw
from schemas.flow import Headers
from schemas.ids import suspense_id
from schemas.proof import NORMALISE
from schemas.refusal import Refused
from schemas.suspense import Suspended, SuspenseClass
from schemas.usage import RETAIL

_KEPT_HEADER_BYTES = 4 * 1024
_OURS = frozenset(
    {
        raw.TENANT,
        raw.SOURCE,
        raw.STREAM,
        raw.FORMAT,
        raw.ZONE,
        raw.RECORD,
        raw.SOURCE_FILE,
        raw.SOURCE_SEQUENCE,
        raw.FILE_ID,
        raw.BLOCK,
        raw.FIRST_LINE,
        raw.COLUMNS_LINE,
        raw.CONTENT_TYPE,
        raw.COMMAND_ID,
        raw.RECYCLES,
        raw.RECYCLED_AS,
        raw.RECYCLED_FIRST,
        raw.RECYCLED_APPENDED_MS,
        raw.RECYCLED_ATTEMPTS,
        raw.RECYCLED_IDENTITY,
        raw.OVERSIZE_BYTES,
        raw.OVERSIZE_DIGEST,
        raw.FIRST_BYTE,
        raw.CDR_FILE_RECORDS,
        raw.CDR_FILE_BYTES,
        raw.CDR_FAULT,
    }
)


def suspended(
    received: Received,
    item: ReceivedItem,
    refused: Refused | None,
    *,
    topic: str,
    first_copy: tuple[int, int] | None = None,
) -> Suspended:
    """Return the record of a refusal; of a duplicate where ``refused`` is None.

    It is always smaller than the broker's limit: of a record that is too large, its head is kept.
    """
    record, origin = received.record, received.origin
    value = item.raw
    if len(value) > raw.MAX_RECORD_BYTES:
        value = value[: raw.OVERSIZE_HEAD_BYTES]
    # What cannot be read any more still says whose mark it pins.
    identity_key = b"" if received.recycling is None else received.recycling.identity_key
    return Suspended(
        suspense_id=suspense_id(
            stage=NORMALISE,
            partition=record.partition,
            offset=record.offset,
            index=item.index,
            run=RETAIL,
        ),
        suspense_class=SuspenseClass.DUPLICATE if refused is None else SuspenseClass.SUSPENDED,
        stage=NORMALISE,
        tenant=origin.tenant,
        source=origin.source,
        format=origin.format,
        reason="" if refused is None else refused.reason,
        detail="" if refused is None else refused.detail,
        raw=value,
        raw_headers=_kept(record.headers),
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        index=item.index,
        appended_at_ms=record.appended_at_ms,
        identity=(item.key or identity_key).removeprefix(MARK_KEY).hex() or None,
        first_copy=first_copy,
        attempts=1 if received.recycling is None else received.recycling.attempts + 1,
    )


def _kept(headers: Headers) -> Headers:
    """Return the headers as they came; only ours, and of sane length, where they are too large."""
    size = sum(len(name) + len(value or b"") for name, value in headers)
    if size <= MAX_HEADER_BYTES:
        return tuple((name, value or b"") for name, value in headers)
    kept: list[tuple[str, bytes]] = []
    room = _KEPT_HEADER_BYTES
    for name, value in headers:
        size = len(name) + len(value or b"")
        if name in _OURS and size <= room:
            kept.append((name, value or b""))
            room -= size
    return tuple(kept)
