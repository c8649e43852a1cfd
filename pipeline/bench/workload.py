"""The standard workload: the same for the same parameters, made once and kept in the data folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from pipeline.bench.charging_files import ChargingFiles, is_file_header
from pipeline.bench.frames import read_frames, write_frame
from pipeline.bench.tariff import CARD_FILE, PLANS, PLANS_FILE, card_prefixes, card_rows
from schemas import raw
from sources.block import Block, block_of, oversize_block
from sources.generate.calls import Asterisk, FreeSwitch
from sources.generate.charging import SwitchingCentre
from sources.generate.draw import Draw
from sources.generate.events import EventGateway
from sources.generate.population import Offer, Service
from sources.generate.scenario import MakeWriter, Scenario
from sources.generate.shares import Kind
from sources.generate.stream import Record, Request, Stream
from sources.generate.usage import Writer
from sources.records import Origin, RawRecord, records_of

TENANT = "bench"

_VERSION = 2  # of what this file makes: another one is not taken from the folder
_DAYS = 20
_DAY_OF_DECADE = 10  # see `start_of`
_CALLS_PER_BLOCK = raw.MAX_RECORD_ITEMS  # files of a switch
_EVENTS_PER_BLOCK = 100  # what a gateway hands on at once
_PROGRESS_EVERY = 10_000

_OFFERS = {
    Service.VOICE: (Offer("voice-basic", "EUR"), Offer("voice-bundle", "EUR")),
    Service.DEVICE: (Offer("iot", "EUR"),),
}
_SHARES = {Kind.DUPLICATE: 100, Kind.LATE: 100, Kind.BROKEN: 50}

# By their names two switches, two gateways and a centre are in each of four partitions; a test
# looks.
SWITCHES = ("fs-05", "fs-11", "fs-01", "fs-02", "pbx-03", "pbx-01", "pbx-02", "pbx-15")
GATEWAYS = ("iot-03", "iot-09", "iot-06", "iot-08", "iot-04", "iot-10", "iot-01", "iot-02")
CENTRES = ("msc-11", "msc-02", "msc-01", "msc-03")

# Percent of the events, each spread evenly over its sources.
SHARE_OF_FORMATS = {"CSV rows": 50, "CloudEvents": 40, "charging records": 10}


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a workload is made of; the same ones give the same bytes on every machine."""

    events: int = 1_000_000
    messages: int = 0  # more events, each a raw record of its own: for the latency
    seed: int = 1
    accounts: int = 20_000
    prefixes: int = 170_000
    start: str = ""  # first day, in UTC
    version: int = _VERSION

    @property
    def name(self) -> str:
        """Return the name of the folder for these parameters."""
        digest = hashlib.blake2b(msgspec.json.encode(self), digest_size=6).hexdigest()
        return f"workload-{self.events}-{digest}"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a workload holds, as the generator knows it."""

    parameters: Parameters
    items: int  # in the blocks
    duplicates: int
    broken: int
    charging_files: int  # each has a header, which is an item beside the events
    raw_records: int
    raw_bytes: int
    accounts: int
    subscriptions: int
    prefixes: int


class Workload:
    """A finished workload on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = msgspec.json.decode((folder / "facts.json").read_bytes(), type=Facts)

    @property
    def catalogue(self) -> Path:
        """Return the folder with the catalogue's files."""
        return self.folder / "catalogue"

    @property
    def accounts(self) -> Path:
        """Return the file of the accounts."""
        return self.folder / "accounts.jsonl"

    def blocks(self) -> Iterator[RawRecord]:
        """Yield the raw records of the events, in the order in which they were written."""
        return read_frames(self.folder / "blocks.frames", RawRecord)

    def messages(self) -> Iterator[RawRecord]:
        """Yield the further events, each a raw record of its own."""
        return read_frames(self.folder / "messages.frames", RawRecord)


def start_of(today: dt.date) -> dt.date:
    """Return the first day of the usage: the same one for ten days, so that the folder is used again.

    Its last day has been, and late usage is younger than the horizon of the duplicates.
    """
    ended = today - dt.timedelta(days=_DAYS)
    day = min((ended.day - 1) // _DAY_OF_DECADE * _DAY_OF_DECADE + 1, 21)
    return ended.replace(day=day)


def workload_of(
    parameters: Parameters,
    folder: Path,
    *,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Workload:
    """Return the workload in ``folder``; it is made where it is not there yet.

    ``on_progress`` is told how many events are written; what it raises leaves nothing behind.
    """
    place = folder / parameters.name
    if not (place / "facts.json").exists():
        unfinished = folder / f"{parameters.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            _make(parameters, unfinished, on_progress)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    return Workload(place)


def _make(parameters: Parameters, folder: Path, on_progress: Callable[[int], None]) -> None:
    prefixes = card_prefixes(parameters.prefixes, Draw(parameters.seed, "card"))
    card = folder / "catalogue" / CARD_FILE
    card.parent.mkdir(parents=True)
    with card.open("w", encoding="utf-8") as file:
        file.writelines(card_rows(prefixes, Draw(parameters.seed, "prices")))
    (folder / "catalogue" / PLANS_FILE).write_text(PLANS, encoding="utf-8")
    stream = Stream(
        Request(
            scenario=_scenario(),
            seed=parameters.seed,
            records=parameters.events + parameters.messages,
            start=dt.date.fromisoformat(parameters.start),
            days=_DAYS,
            accounts=parameters.accounts,
            offers=_OFFERS,
            prefixes=prefixes,
            shares=_SHARES,
        )
    )
    with (folder / "accounts.jsonl").open("wb") as accounts:
        accounts.writelines(stream.population.reference_lines())
    facts = _write_usage(stream, parameters, folder, on_progress)
    (folder / "facts.json").write_bytes(msgspec.json.encode(facts) + b"\n")


def _scenario() -> Scenario:
    rows, events, records = SHARE_OF_FORMATS.values()
    # A centre is no first element: none of its records can be too large.
    makers = (
        *((_switch(name), rows, SWITCHES) for name in SWITCHES),
        *((_gateway(name), events, GATEWAYS) for name in GATEWAYS),
        *((_centre(name), records, CENTRES) for name in CENTRES),
    )
    most = len(SWITCHES)  # sources of one format; no weight is a fraction then
    weighted = tuple((make, share * most // len(sources)) for make, share, sources in makers)
    return Scenario("standard", weighted, _SHARES)


def _switch(name: str) -> MakeWriter:
    kind = FreeSwitch if name.startswith("fs") else Asterisk
    return lambda destinations: kind(name, zone="Europe/Berlin", destinations=destinations)


def _centre(name: str) -> MakeWriter:
    number = f"49176000{name[-2:]}"
    return lambda destinations: SwitchingCentre(
        name, zone="Europe/Berlin", number=number, destinations=destinations
    )


def _gateway(name: str) -> MakeWriter:
    return lambda _: EventGateway(name, Service.DEVICE)


def _write_usage(
    stream: Stream, parameters: Parameters, folder: Path, on_progress: Callable[[int], None]
) -> Facts:
    counts: Counter[str] = Counter()
    files = {writer.name: _files_of(writer, parameters) for writer in stream.writers}
    with (
        (folder / "blocks.frames").open("wb") as blocks,
        (folder / "messages.frames").open("wb") as messages,
    ):
        for number, record in enumerate(stream.records(), start=1):
            if number <= parameters.events:
                counts[record.kind] += 1
                _write(
                    blocks, files[record.writer.name].add(record.line, record.written_at_ms), counts
                )
            elif _is_message(record):
                write_frame(messages, files[record.writer.name].message(record.line))
            if number % _PROGRESS_EVERY == 0:
                on_progress(number)
        for file in files.values():
            _write(blocks, file.end(), counts)
    identifiers = stream.population.identifiers
    return Facts(
        parameters=parameters,
        items=parameters.events,
        duplicates=counts[Kind.DUPLICATE],
        broken=counts[Kind.BROKEN],
        charging_files=counts["charging_files"],
        raw_records=counts["raw_records"],
        raw_bytes=counts["raw_bytes"],
        accounts=parameters.accounts,
        subscriptions=sum(len(identifiers(service)) for service in _OFFERS),
        prefixes=parameters.prefixes,
    )


def _is_message(record: Record) -> bool:
    """Return whether an event may stand alone: latency is measured on usage that is charged."""
    return record.kind in (Kind.ORDINARY, Kind.LATE)


def _write(file: IO[bytes], records: list[RawRecord], counts: Counter[str]) -> None:
    for record in records:
        write_frame(file, record)
        counts["raw_records"] += 1
        counts["charging_files"] += is_file_header(record)
        counts["raw_bytes"] += len(record.value)


def _files_of(writer: Writer, parameters: Parameters) -> _SourceFile | ChargingFiles:
    is_centre = isinstance(writer, SwitchingCentre)
    origin = Origin(
        tenant=TENANT,
        source=writer.name,
        stream=writer.name,
        format=writer.format,
        zone=writer.zone,
        reads_cdr_files=is_centre,
    )
    file_id = f"{parameters.name}.{writer.name}"
    if isinstance(writer, SwitchingCentre):
        return ChargingFiles(writer, origin, file_id=file_id)
    return _SourceFile(writer, origin, file_id=file_id)


class _SourceFile:
    """The one file that a source writes, cut into raw records as it grows."""

    def __init__(self, writer: Writer, origin: Origin, *, file_id: str) -> None:
        self._most = _CALLS_PER_BLOCK if writer.service is Service.VOICE else _EVENTS_PER_BLOCK
        self._lines: list[bytes] = []
        self._size = 0
        self._whole: deque[Block] = deque()
        self._origin = origin
        self._records = records_of(
            _until_empty(self._whole),
            origin=origin,
            file_name=f"{writer.name}{writer.suffix}",
            file_id=file_id,
        )

    def add(self, line: bytes, written_at_ms: int) -> list[RawRecord]:
        """Take a line, whenever it was written; return the raw records that are whole by it."""
        found: list[RawRecord] = []
        if len(line) > raw.MAX_RECORD_BYTES:
            found += self._cut()
            digest = raw.digest_block(line)
            found += self._record(oversize_block(line, whole_bytes=len(line), digest=digest))
            return found
        if self._lines and self._size + len(line) > raw.MAX_RECORD_BYTES:
            found += self._cut()
        self._lines.append(line)
        self._size += len(line)
        if len(self._lines) == self._most:
            found += self._cut()
        return found

    def end(self) -> list[RawRecord]:
        """Return the rest, and the end record."""
        return [*self._cut(), *self._records]

    def message(self, line: bytes) -> RawRecord:
        """Return a line as a raw record of its own."""
        origin = self._origin
        headers = (*origin.headers(), (raw.RECORD, raw.RECORD_MESSAGE))
        return RawRecord(origin.stream.encode(), line.rstrip(b"\n"), headers, 1)

    def _cut(self) -> list[RawRecord]:
        if not self._lines:
            return []
        block = block_of(b"".join(self._lines), items=len(self._lines))
        self._lines, self._size = [], 0
        return self._record(block)

    def _record(self, block: Block) -> list[RawRecord]:
        self._whole.append(block)
        return [next(self._records)]


def _until_empty(blocks: deque[Block]) -> Iterator[Block]:
    """Yield what is put in while it is asked for; asked with nothing there, the file has ended."""
    while blocks:
        yield blocks.popleft()
