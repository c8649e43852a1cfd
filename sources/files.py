"""Reading a file: opened, unpacked, watched for a writer, cut into raw records."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from schemas import raw
from sources.block import Block
from sources.cdr_files import MAX_CDR_FILE_BYTES, cut_cdr_file, is_cut_off
from sources.documents import MAX_DOCUMENT_BYTES, cut_document, is_json
from sources.errors import FileDamaged, FileStillWritten, SourceFileError
from sources.lines import cut_lines
from sources.records import Origin, RawRecord, records_of

CHUNK_BYTES = raw.MAX_RECORD_BYTES
GZIP_MAGIC = b"\x1f\x8b"

# A file whose last line has no end, changed less than this before, is taken for one that is being
# written. Switches write a call's line at once, so that a longer pause inside one is not seen.
SETTLE_S = 60


class FileSummary(NamedTuple):
    """What was read of one file, from its first byte to its last."""

    records: int  # raw records, the end record included
    items: int
    oversize: int  # items that are too large: they go to suspense
    bytes: int  # unpacked
    sha256: str  # of the unpacked bytes: a file and its `.gz` are the same file


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a write changes. The inode is the open one's: a file that is renamed stays the same."""

    size: int
    modified_ns: int


class FileReading:
    """One attempt to read one file. `records` yields; then `summary` says what was read.

    A context manager; the file is open in it. The records end with the end record, so an attempt
    that breaks off never looks whole. Reading a file again is safe: copies are recognised.
    """

    def __init__(
        self, path: Path, *, origin: Origin, file_id: str, now_ms: int, settle_s: int = SETTLE_S
    ) -> None:
        """Open the file. ``now_ms`` is the present: a file's age is measured from it."""
        self.path = path
        self.summary: FileSummary | None = None
        self._origin = origin
        self._file_id = file_id
        self._now_ms = now_ms
        self._settle_s = settle_s
        self._sha256 = hashlib.sha256()
        self._unpacked_bytes = 0
        self._last_byte = b""
        self._file = _opened(path)
        self._before = _stamp(self._file)

    def __enter__(self) -> FileReading:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._file.close()

    @property
    def size(self) -> int:
        """Return the bytes on disk, as of the opening."""
        return self._before.size

    def position(self) -> int:
        """Return how many of the bytes on disk were read; `size` in the end."""
        return self._file.tell()

    def records(self) -> Iterator[RawRecord]:
        """Yield the raw records of the file, cut at the ends of its lines or events.

        `FileStillWritten` before the first record where the file's last line is unfinished and
        young, or before the end record where the file changed while it was read.
        """
        self._check_last_line()
        records = items = oversize = 0
        for record in records_of(
            self._blocks(),
            origin=self._origin,
            file_name=self.path.name,
            file_id=self._file_id,
        ):
            records += 1
            items += record.items
            oversize += any(name == raw.OVERSIZE_BYTES for name, _ in record.headers)
            yield record
        self.summary = FileSummary(
            records=records,
            items=items,
            oversize=oversize,
            bytes=self._unpacked_bytes,
            sha256=self._sha256.hexdigest(),
        )

    def _blocks(self) -> Iterator[Block]:
        if self._origin.reads_cdr_files:
            yield from cut_cdr_file(self._cdr_file())
        elif is_document(self.path):
            yield from cut_document(self._document())
        else:
            yield from cut_lines(self._chunks())
            if self._last_byte not in (b"", b"\n"):
                self._refuse_if_young()
        if _stamp(self._file) != self._before:
            raise FileStillWritten(
                f"{self.path} changed while it was read; what was read of it counts, and is "
                "recognised when it comes again. "
                "Operator action: ingest it again when its writer has closed it."
            )

    def _document(self) -> bytes:
        chunks: list[bytes] = []
        for chunk in self._chunks():
            chunks.append(chunk)
            if self._unpacked_bytes > MAX_DOCUMENT_BYTES:
                raise SourceFileError(
                    f"{self.path} is one JSON document of more than {MAX_DOCUMENT_BYTES:,} bytes. "
                    "Operator action: write one event per line, to a file called .jsonl."
                )
        data = b"".join(chunks)
        if not is_json(data):
            self._refuse_if_young()
        return data

    def _cdr_file(self) -> bytes:
        chunks: list[bytes] = []
        for chunk in self._chunks():
            chunks.append(chunk)
            if self._unpacked_bytes > MAX_CDR_FILE_BYTES:
                raise SourceFileError(
                    f"{self.path} is a file of more than {MAX_CDR_FILE_BYTES:,} bytes. Operator "
                    "action: have the network element close its files earlier."
                )
        data = b"".join(chunks)
        if is_cut_off(data):
            self._refuse_if_young()
        return data

    def _chunks(self) -> Iterator[bytes]:
        try:
            for chunk in _chunks_of(self._file, self.path):
                self._sha256.update(chunk)
                self._unpacked_bytes += len(chunk)
                self._last_byte = chunk[-1:]
                yield chunk
        except FileDamaged:
            self._refuse_if_young()
            raise

    def _check_last_line(self) -> None:
        if self._origin.reads_cdr_files:
            return  # its header says where it ends
        if self.size and not is_document(self.path) and not _is_packed(self._file):
            self._file.seek(-1, io.SEEK_END)
            unfinished = self._file.read(1) != b"\n"
            self._file.seek(0)
            if unfinished:
                self._refuse_if_young()

    def _refuse_if_young(self) -> None:
        age_ms = self._now_ms - _stamp(self._file).modified_ns // 1_000_000
        # A file that is dated in the future has a negative age; it is read with --settle 0 too.
        if self._settle_s and age_ms < self._settle_s * 1000:
            raise FileStillWritten(
                f"{self.path} is still being written: its end is unfinished, and it changed "
                f"less than {self._settle_s} s ago. Operator action: ingest it again when its "
                "writer has closed it; if it is complete as it is, use --settle 0."
            )


def is_document(path: Path) -> bool:
    """Return whether a file is one JSON document by its name, rather than lines."""
    return path.name.lower().removesuffix(".gz").endswith(".json")


def content_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's unpacked bytes, to ask whether it was read before."""
    digest = hashlib.sha256()
    with _opened(path) as file:
        for chunk in _chunks_of(file, path):
            digest.update(chunk)
    return digest.hexdigest()


def _opened(path: Path) -> IO[bytes]:
    try:
        # Asked before it is opened: opening a pipe waits for its writer.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceFileError(
                f"{path} is not a file. Operator action: write it to a file, and ingest that."
            )
        return path.open("rb")
    except FileNotFoundError as error:
        raise SourceFileError(f"{path} is gone. Operator action: check the path.") from error
    except OSError as error:
        raise SourceFileError(
            f"{path} cannot be opened: {error.strerror}. "
            "Operator action: check that you may read it."
        ) from error


def _stamp(file: IO[bytes]) -> _Stamp:
    status = os.fstat(file.fileno())
    return _Stamp(size=status.st_size, modified_ns=status.st_mtime_ns)


def _is_packed(file: IO[bytes]) -> bool:
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    return packed


def _chunks_of(file: IO[bytes], path: Path) -> Iterator[bytes]:
    packed = _is_packed(file)
    if path.name.lower().endswith(".gz") and not packed and os.fstat(file.fileno()).st_size:
        raise FileDamaged(
            f"{path} is called .gz and is not packed by gzip. "
            "Operator action: rename it, or fetch it again."
        )
    unpacked = gzip.GzipFile(fileobj=file) if packed else file
    try:
        while chunk := unpacked.read(CHUNK_BYTES):
            yield chunk
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FileDamaged(
            f"{path} does not unpack to its end: {error}. What was read of it counts, and is "
            "recognised when it comes again. Operator action: fetch it again, and ingest that."
        ) from error
