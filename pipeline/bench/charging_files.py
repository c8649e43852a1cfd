"""The files that a switching centre of the standard workload writes, cut as `ratemill ingest` cuts them.

The header of such a file states what comes behind it, so a file goes out when it is closed.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import raw
from sources.cdr_files import cut_cdr_file
from sources.generate.charging import SwitchingCentre
from sources.records import Origin, RawRecord, records_of

RECORDS_PER_FILE = raw.MAX_RECORD_ITEMS  # as many as a block of a switch that writes rows has


class ChargingFiles:
    """The files of one centre: one is open, those before it are closed."""

    def __init__(self, writer: SwitchingCentre, origin: Origin, *, file_id: str) -> None:
        self._writer = writer
        self._origin = origin
        self._file_id = file_id
        self._closed = 0
        self._opened_ms = self._written_ms = 0
        self._records: list[bytes] = []

    def add(self, line: bytes, written_at_ms: int) -> list[RawRecord]:
        """Take a record; return the raw records of the file where it is full by it."""
        if not self._records:
            self._opened_ms = written_at_ms
        self._written_ms = written_at_ms
        self._records.append(line)
        return self._close() if len(self._records) == RECORDS_PER_FILE else []

    def end(self) -> list[RawRecord]:
        """Return the raw records of the last file."""
        return self._close() if self._records else []

    def message(self, line: bytes) -> RawRecord:
        """Return a record, with its header, as a raw record of its own."""
        headers = (*self._origin.headers(), (raw.RECORD, raw.RECORD_MESSAGE))
        return RawRecord(self._origin.stream.encode(), line, headers, 1)

    def _close(self) -> list[RawRecord]:
        self._closed += 1
        records = b"".join(self._records)
        head = self._writer.head(
            records=len(self._records),
            record_bytes=len(records),
            number=self._closed,
            opened_ms=self._opened_ms,
            closed_ms=self._written_ms,
        )
        self._records = []
        return list(self._cut(head + records))

    def _cut(self, data: bytes) -> Iterator[RawRecord]:
        name = f"{self._writer.name}-{self._closed:05d}"
        return records_of(
            cut_cdr_file(data),
            origin=self._origin,
            file_name=f"{name}{self._writer.suffix}",
            file_id=f"{self._file_id}.{self._closed}",
        )


def is_file_header(record: RawRecord) -> bool:
    """Return whether a raw record is the header of a charging file, which is no event."""
    return (raw.CONTENT_TYPE, raw.CDR_FILE_HEADER.encode()) in record.headers
