"""Writing a run into a folder: usage by source and day, reference data, the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from schemas.period import from_ms
from sources.errors import SourceFileError
from sources.generate.charging import SwitchingCentre
from sources.generate.shares import Kind
from sources.generate.stream import DAY_MS, Record, Request, Stream
from sources.generate.tlv import HEADER_BYTES
from sources.generate.truth import TRUTH_JSON, FileTruth, SourceTruth, Summary, Truth
from sources.generate.usage import Writer

USAGE = "usage"
ACCOUNTS = Path("reference", "accounts.jsonl")
TRUTH = "truth.jsonl"
SUMMARY = "truth.json"
_PROGRESS_EVERY = 1000


def generate(
    request: Request, folder: Path, *, on_progress: Callable[[int], None] = lambda _: None
) -> Summary:
    """Write a run into a new folder and return what there is.

    ``usage/<source>/<source>-<day>.csv|.jsonl|.cdr``, ``reference/accounts.jsonl``, ``truth.jsonl``
    (a `Truth` per record) and ``truth.json`` (the summary), last. ``on_progress`` is told how many
    records are written. `ValueError` where the request contradicts itself.
    """
    stream = Stream(request)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        # Files of another run among these would be usage that the truth does not know.
        raise SourceFileError(
            f"{folder} exists. Operator action: name a new folder, or remove that one."
        ) from error
    (folder / ACCOUNTS).parent.mkdir()
    with (folder / ACCOUNTS).open("wb") as accounts:
        accounts.writelines(stream.population.reference_lines())
    summary = _write_usage(stream, folder, on_progress)
    (folder / SUMMARY).write_bytes(TRUTH_JSON.encode(summary) + b"\n")
    return summary


@dataclass(slots=True)
class _UsageFile:
    """The file that a source writes today."""

    day: int
    name: str
    file: IO[bytes]
    number: int  # of the files of its source, from 1
    opened_at_ms: int
    lines: int = 0
    size: int = 0
    written_at_ms: int = 0

    def append(self, line: bytes, written_at_ms: int) -> int:
        """Write a line and return its number, from 1; the header of a charging file is one."""
        self.file.write(line)
        self.written_at_ms = written_at_ms
        self.lines += 1
        self.size += len(line)
        return self.lines


class _Folder:
    """The usage files: one per source and day, one of each source open."""

    def __init__(self, folder: Path) -> None:
        self.written: list[FileTruth] = []
        self._folder = folder
        self._open: dict[str, _UsageFile] = {}
        self._numbers: Counter[str] = Counter()
        self._headed: dict[str, SwitchingCentre] = {}

    def __enter__(self) -> _Folder:
        return self

    def __exit__(self, *error: object) -> None:
        for source in list(self._open):
            self._close(source)

    def of(self, writer: Writer, written_at_ms: int) -> _UsageFile:
        """Return the file that a source writes at an instant."""
        day = written_at_ms // DAY_MS
        file = self._open.get(writer.name)
        if file is None or file.day != day:
            if file is not None:
                self._close(writer.name)
            file = self._open[writer.name] = self._new(writer, day, written_at_ms)
        return file

    def _new(self, writer: Writer, day: int, opened_at_ms: int) -> _UsageFile:
        date = from_ms(day * DAY_MS).strftime("%Y%m%d")
        name = f"{USAGE}/{writer.name}/{writer.name}-{date}{writer.suffix}"
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._numbers[writer.name] += 1
        file = _UsageFile(
            day=day,
            name=name,
            file=path.open("wb"),
            number=self._numbers[writer.name],
            opened_at_ms=opened_at_ms,
        )
        if isinstance(writer, SwitchingCentre):
            self._headed[writer.name] = writer
            file.append(bytes(HEADER_BYTES), opened_at_ms)  # it tells what comes behind it
        return file

    def _close(self, source: str) -> None:
        file = self._open.pop(source)
        writer = self._headed.get(source)
        if writer is not None:
            file.file.seek(0)
            file.file.write(
                writer.head(
                    records=file.lines - 1,
                    record_bytes=file.size - HEADER_BYTES,
                    number=file.number,
                    opened_ms=file.opened_at_ms,
                    closed_ms=file.written_at_ms,
                )
            )
        file.file.close()
        self.written.append(
            FileTruth(
                file=file.name,
                source=source,
                lines=file.lines,
                records=file.lines - (writer is not None),
                bytes=file.size,
            )
        )


def _write_usage(stream: Stream, folder: Path, on_progress: Callable[[int], None]) -> Summary:
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    with ExitStack() as stack:
        truth_file = stack.enter_context((folder / TRUTH).open("wb"))
        files = stack.enter_context(_Folder(folder))
        for number, record in enumerate(stream.records(), start=1):
            file = files.of(record.writer, record.written_at_ms)
            line = file.append(record.line, record.written_at_ms)
            truth = _truth(record, number=number, file=file.name, line=line)
            truth_file.write(TRUTH_JSON.encode(truth) + b"\n")
            kinds[truth.kind] += 1
            outcomes[truth.outcome] += 1
            if truth.reason is not None:
                reasons[truth.reason] += 1
            if truth.broken is not None:
                broken[truth.broken] += 1
            if number % _PROGRESS_EVERY == 0:
                on_progress(number)
    on_progress(stream.request.records)
    request = stream.request
    return Summary(
        scenario=request.scenario.name,
        seed=request.seed,
        start=request.start.isoformat(),
        days=request.days,
        records=request.records,
        accounts=request.accounts,
        kinds=_sorted(kinds),
        outcomes=_sorted(outcomes),
        reasons=_sorted(reasons),
        broken=_sorted(broken),
        sources=tuple(
            SourceTruth(
                source=writer.name,
                folder=f"{USAGE}/{writer.name}",
                format=writer.format,
                zone=writer.zone,
            )
            for writer in stream.writers
        ),
        files=tuple(sorted(files.written, key=lambda file: file.file)),
    )


def _truth(record: Record, *, number: int, file: str, line: int) -> Truth:
    usage = record.usage
    holding = record.identifier.holder(usage.started_at_ms) if record.identifier else None
    outcome = "usage" if record.reason is None else "suspended"
    if record.kind is Kind.DUPLICATE:
        outcome = "duplicate"
    return Truth(
        record=number,
        file=file,
        line=line,
        source=record.writer.name,
        kind=record.kind.value,
        outcome=outcome,
        reason=None if record.reason is None else record.reason.value,
        broken=None if record.broken is None else record.broken.value,
        copy_of=record.copy_of,
        record_id=usage.record_id,
        identifier=usage.identifier,
        account_id=None if holding is None else holding.account_id,
        subscription_id=None if holding is None else holding.subscription_id,
        product=usage.product,
        started_at_ms=usage.started_at_ms,
        ended_at_ms=usage.ended_at_ms,
        quantities=usage.quantities,
        destination=usage.destination,
    )


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
