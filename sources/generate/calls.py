"""Telephone calls: how long they ring and last, and the two switches that write them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sources.generate.destinations import Destinations
from sources.generate.draw import Curve, Draw
from sources.generate.population import Service
from sources.generate.usage import TOO_LARGE_BYTES, Broken, Usage
from sources.generate.wall import HOUR_MS, Wall

VOICE = "voice"
SECONDS = "s"

# Seconds of talk at each twentieth of the calls: half are under 70 s, one in twenty above 17 min.
_TALK = Curve(
    (1, 4, 8, 13, 19, 26, 34, 43, 52, 61, 70, 84, 102, 126, 158, 200, 260, 350, 520, 1020, 7200)
)
_RING = Curve((1, 3, 5, 7, 9, 13, 20, 45))
_ANSWERED = "NORMAL_CLEARING"
_CAUSES = (
    ("NO_ANSWER",) * 8 + ("USER_BUSY",) * 4 + ("ORIGINATOR_CANCEL",) * 3 + ("NO_USER_RESPONSE",)
)
_YEAR_9999 = "9999-01-01 00:00:00"


class Switch(ABC):
    """What both switches share: drawing calls."""

    suffix = ".csv"
    service = Service.VOICE
    breaks: tuple[Broken, ...] = ()

    def __init__(self, name: str, *, zone: str, destinations: Destinations) -> None:
        self.name = name
        self.zone: str | None = zone
        self._wall = Wall(zone)
        self._destinations = destinations
        self._number = 0

    def usage(self, identifier: str, at_ms: int, draw: Draw) -> Usage:
        """Return a call that was answered and ended at about an instant."""
        return self._call(identifier, at_ms, draw, self._destinations.number(draw), talk=True)

    def unanswered(self, identifier: str, at_ms: int, draw: Draw) -> Usage:
        """Return a call that nobody took."""
        return self._call(identifier, at_ms, draw, self._destinations.number(draw), talk=False)

    def to_nowhere(self, identifier: str, at_ms: int, draw: Draw) -> Usage:
        """Return a call to a number that the rate card has no price for."""
        number = self._destinations.unknown_number(draw)
        return self._call(identifier, at_ms, draw, number, talk=True)

    def altered(self, usage: Usage) -> Usage:
        """Return the same call, a second longer."""
        longer = str(int(usage.value) + 1)
        return usage._replace(value=longer, quantities={SECONDS: longer})

    def _call(
        self, identifier: str, at_ms: int, draw: Draw, destination: str, *, talk: bool
    ) -> Usage:
        ring_s = _RING.pick(draw)
        talk_s = _TALK.pick(draw) if talk else 0
        created_at_ms = (at_ms // 1000 - ring_s - talk_s) * 1000
        while not self._wall.is_clear(created_at_ms):
            created_at_ms -= HOUR_MS
        self._number += 1
        return Usage(
            record_id=self._record_id(created_at_ms, draw),
            identifier=identifier,
            product=VOICE,
            created_at_ms=created_at_ms,
            # A call starts when it is answered; one that nobody took, when it was dialled.
            started_at_ms=created_at_ms + ring_s * 1000 if talk else created_at_ms,
            ended_at_ms=created_at_ms + (ring_s + talk_s) * 1000,
            value=str(talk_s),
            quantities={SECONDS: str(talk_s)},
            destination=destination,
        )

    @property
    @abstractmethod
    def format(self) -> str: ...

    @abstractmethod
    def line(self, usage: Usage) -> bytes:
        """Return the row of a call."""

    @abstractmethod
    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the row of a call, broken."""

    @abstractmethod
    def _record_id(self, created_at_ms: int, draw: Draw) -> str: ...

    def _answered(self, usage: Usage) -> str:
        return self._wall.text(usage.started_at_ms) if _is_answered(usage) else ""


class FreeSwitch(Switch):
    """mod_cdr_csv with its default template: 15 columns, all quoted."""

    @property
    def format(self) -> str:
        """Return the name of its mapping."""
        return "freeswitch-csv"

    breaks = (
        Broken.TOO_LARGE,
        Broken.WRONG_COLUMN_COUNT,
        Broken.INVALID_UTF8,
        Broken.MISSING_FIELD,
        Broken.NEGATIVE_QUANTITY,
        Broken.TEXT_FOR_QUANTITY,
        Broken.YEAR_9999,
    )

    def line(self, usage: Usage) -> bytes:
        """Return the row of a call."""
        return _quoted(self._columns(usage))

    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the row of a call, broken."""
        columns = self._columns(usage)
        match how:
            case Broken.WRONG_COLUMN_COUNT:
                del columns[12:]
            case Broken.MISSING_FIELD:
                columns[10] = ""
            case Broken.NEGATIVE_QUANTITY:
                columns[8] = "-5"
            case Broken.TEXT_FOR_QUANTITY:
                columns[8] = "from-fxo-gw"
            case Broken.YEAR_9999:
                columns[4:7] = [_YEAR_9999] * 3
            case Broken.TOO_LARGE:
                columns[0] = "x" * TOO_LARGE_BYTES
            case Broken.INVALID_UTF8:
                columns[0] = "Caf@"
            case _:
                raise AssertionError(how)
        row = _quoted(columns)
        return row.replace(b"Caf@", b"Caf\xe9") if how is Broken.INVALID_UTF8 else row

    def _columns(self, usage: Usage) -> list[str]:
        number = usage.identifier
        cause = _ANSWERED if _is_answered(usage) else _cause(usage)
        return [
            f"Büro, {number[-3:]}",  # a comma inside quotes, and a letter of two bytes
            number,
            usage.destination or "",
            "default",
            self._wall.text(usage.created_at_ms),
            self._answered(usage),
            self._wall.text(usage.ended_at_ms),
            str((usage.ended_at_ms - usage.created_at_ms) // 1000),
            usage.value,
            cause,
            usage.record_id,
            "",
            number,
            "PCMA",
            "PCMA",
        ]

    def _record_id(self, created_at_ms: int, draw: Draw) -> str:
        digits = f"{draw.bits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _is_answered(usage: Usage) -> bool:
    return usage.value != "0"


def _quoted(columns: list[str]) -> bytes:
    return ('"' + '","'.join(columns) + '"\n').encode()


def _cause(usage: Usage) -> str:
    """Return why nobody answered; of the record id, so that a copy says the same."""
    return _CAUSES[int(usage.record_id[0], 16)]


class Asterisk(Switch):
    """cdr_csv in its stock order, with `loguniqueid` and `loguserfield`: 18 columns."""

    @property
    def format(self) -> str:
        """Return the name of its mapping."""
        return "asterisk"

    breaks = (
        Broken.WRONG_COLUMN_COUNT,
        Broken.INVALID_UTF8,
        Broken.MISSING_FIELD,
        Broken.NEGATIVE_QUANTITY,
        Broken.TEXT_FOR_QUANTITY,
    )

    def line(self, usage: Usage) -> bytes:
        """Return the row of a call."""
        return self._row(self._columns(usage))

    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the row of a call, broken."""
        columns = self._columns(usage)
        match how:
            case Broken.WRONG_COLUMN_COUNT:
                del columns[12:]
            case Broken.MISSING_FIELD:
                columns[9], columns[10] = '""', ""
            case Broken.NEGATIVE_QUANTITY:
                columns[13] = "-5"
            case Broken.TEXT_FOR_QUANTITY:
                columns[13] = '"from-fxo-gw"'
            case Broken.INVALID_UTF8:
                columns[4] = '"Caf@"'
            case _:
                raise AssertionError(how)
        row = self._row(columns)
        return row.replace(b"Caf@", b"Caf\xe9") if how is Broken.INVALID_UTF8 else row

    def _row(self, columns: list[str]) -> bytes:
        return (",".join(columns) + "\n").encode()

    def _columns(self, usage: Usage) -> list[str]:
        number, destination = usage.identifier, usage.destination
        serial = usage.record_id.rpartition(".")[2]
        answered = self._answered(usage)
        disposition = "ANSWERED" if answered else "NO ANSWER"
        return [
            f'"{number}"',
            f'"{number}"',
            f'"{destination}"',
            '"from-internal"',
            f'"""{number}"" <{number}>"',
            f'"PJSIP/{number}-{int(serial) % 0xFFFFFFFF:08x}"',
            f'"PJSIP/trunk-{int(serial) + 1 & 0xFFFFFFFF:08x}"',
            '"Dial"',
            f'"PJSIP/{destination}@trunk,60,gT"',
            f'"{self._wall.text(usage.created_at_ms)}"',
            f'"{answered}"' if answered else "",  # as Asterisk does: nothing, not even quotes
            f'"{self._wall.text(usage.ended_at_ms)}"',
            str((usage.ended_at_ms - usage.created_at_ms) // 1000),
            usage.value,
            f'"{disposition}"',
            '"DOCUMENTATION"',
            f'"{usage.record_id}"',
            '""',
        ]

    def _record_id(self, created_at_ms: int, draw: Draw) -> str:
        return f"{self.name}-{created_at_ms // 1000}.{self._number}"
