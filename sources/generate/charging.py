"""A switching centre that writes charging records: BER of TS 32.298 in files of TS 32.297."""

from __future__ import annotations

from sources.generate import tlv
from sources.generate.calls import SECONDS, Switch
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw
from sources.generate.usage import Broken, Usage

_MO_CALL, _ROAMING = 0, 2
_ANSWERED, _NOT_ANSWERED = 0, 3  # cause for termination: in order, the subscriber was not reached
_MINUTE_MS = 60_000


class SwitchingCentre(Switch):
    """Calls that subscribers make, one record each, as an MSC writes them."""

    suffix = ".cdr"
    breaks = (
        Broken.MISSING_FIELD,
        Broken.NEGATIVE_QUANTITY,
        Broken.TEXT_FOR_QUANTITY,
        Broken.DAMAGED_BER,
        Broken.WRONG_LENGTH,
        Broken.UNKNOWN_RECORD,
    )

    def __init__(self, name: str, *, zone: str, number: str, destinations: Destinations) -> None:
        super().__init__(name, zone=zone, destinations=destinations)
        self.zone = None  # each of its times has its offset
        self._own_number = number

    @property
    def format(self) -> str:
        """Return the name of its mapping."""
        return "3gpp-msc"

    def line(self, usage: Usage) -> bytes:
        """Return the record of a call, behind its header."""
        return self._written(self._fields(usage))

    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the record of a call, broken."""
        fields = self._fields(usage)
        match how:
            case Broken.MISSING_FIELD:
                for tag in (22, 23, 24):
                    fields.pop(tag, None)
            case Broken.NEGATIVE_QUANTITY:
                fields[25] = tlv.integer(-5)
            case Broken.TEXT_FOR_QUANTITY:
                fields[25] = b"from-fxo-gw"
            case Broken.UNKNOWN_RECORD:
                return self._written(fields, tag=_ROAMING)
            case Broken.DAMAGED_BER:
                record = self._written(fields)
                reference = len(fields[32])  # the last value
                return record[: -reference - 1] + b"\x7f" + record[-reference:]
            case Broken.WRONG_LENGTH:
                # That of BER, not that of the header: it costs the record alone.
                record, contents = self._written(fields), _body(fields)
                return record[: -len(contents) - 1] + bytes([len(contents) - 1]) + contents
            case _:
                raise AssertionError(how)
        return self._written(fields)

    def head(
        self, *, records: int, record_bytes: int, number: int, opened_ms: int, closed_ms: int
    ) -> bytes:
        """Return the header of a file: `tlv.HEADER_BYTES`, whatever is in it."""
        return tlv.file_header(
            records=records,
            record_bytes=record_bytes,
            sequence_number=number,
            opened=self._wall.local(opened_ms),
            closed=self._wall.local(closed_ms),
            node=bytes([10, 1, 0, int(self._own_number[-2:])]),
        )

    def _call(
        self, identifier: str, at_ms: int, draw: Draw, destination: str, *, talk: bool
    ) -> Usage:
        usage = super()._call(identifier, at_ms, draw, destination, talk=talk)
        answered_on = self._day(usage.started_at_ms) if _is_answered(usage) else ""
        days = f"{self._day(usage.created_at_ms)}/{answered_on}"
        return usage._replace(record_id=f"mo-call/{self._own_number}/{usage.record_id}/{days}/")

    def _record_id(self, created_at_ms: int, draw: Draw) -> str:
        return f"{self._number & 0xFFFFFFFF:08x}"

    def _fields(self, usage: Usage) -> dict[int, bytes]:
        number = usage.identifier
        fields = {
            0: tlv.integer(0),
            1: tlv.digits("26203" + number[-10:].zfill(10)),
            3: tlv.number(number),
            5: tlv.number(usage.destination or ""),
            9: tlv.number(self._own_number),
            22: self._time(usage.created_at_ms),
            23: self._time(usage.started_at_ms),
            24: self._time(usage.ended_at_ms),
            25: tlv.integer(int(usage.value)),
            30: tlv.integer(_ANSWERED),
            32: bytes.fromhex(usage.record_id.split("/")[2]),
        }
        if not _is_answered(usage):
            del fields[23]
            fields[30] = tlv.integer(_NOT_ANSWERED)
        return fields

    def _written(self, fields: dict[int, bytes], *, tag: int = _MO_CALL) -> bytes:
        return tlv.with_header(tlv.group(tag, _body(fields)), tlv.BER_CIRCUIT)

    def _time(self, at_ms: int) -> bytes:
        return tlv.timestamp(at_ms, self._offset_minutes(at_ms))

    def _day(self, at_ms: int) -> str:
        return self._wall.text(at_ms)[:10]

    def _offset_minutes(self, at_ms: int) -> int:
        return self._wall.offset_ms(at_ms) // _MINUTE_MS


def _body(fields: dict[int, bytes]) -> bytes:
    return b"".join(tlv.tlv(tag, value) for tag, value in fields.items())


def _is_answered(usage: Usage) -> bool:
    return usage.quantities[SECONDS] != "0"
