"""CloudEvents of devices, meters, clients and viewers, one JSON object per line."""

from __future__ import annotations

from typing import NamedTuple

from sources.generate.draw import Curve, Draw
from sources.generate.population import Service
from sources.generate.usage import TOO_LARGE_BYTES, Broken, Usage
from sources.generate.wall import Wall

QUARTER_HOUR_MS = 900_000


class Event(NamedTuple):
    """One type of event: its product, what it says in `data`, what that comes to."""

    type: str
    product: str
    field: str  # of `data`
    values: Curve
    unit: str | None = None  # of the quantity that the field states
    is_counted: bool = False  # each event counts as one `record`
    lasts_ms: int = 0


# From a temperature to the night's recording of a camera: the busiest pass 10 GB in a week.
_BYTES = Curve((40, 900, 60_000, 4_000_000, 120_000_000, 1_500_000_000))
_WATT_HOURS = Curve((1, 80, 250, 900, 4_000))
_DATA = Event("sensor.data", "iot-data", "bytes", _BYTES, unit="B")
_MESSAGE = Event("device.message", "iot-message", "size", Curve((1, 40, 160)), is_counted=True)
_ENERGY = Event(
    "com.example.meter.energy",
    "energy",
    "kwh",
    _WATT_HOURS,
    unit="Wh",
    lasts_ms=QUARTER_HOUR_MS,
)
_API_CALL = Event(
    "api-calls", "api-calls", "duration", Curve((1, 2, 4, 30)), unit="s", is_counted=True
)
_VIDEO = Event(
    "video.watched", "video", "seconds", Curve((60, 1_500, 2_700, 7_500)), is_counted=True
)

# The first event of a service is the one that a broken quantity is written for.
_EVENTS: dict[Service, tuple[Event, ...]] = {
    Service.DEVICE: (_DATA, _MESSAGE),
    Service.METER: (_ENERGY,),
    Service.CLIENT: (_API_CALL,),
    Service.VIEWER: (_VIDEO,),
}
_BY_PRODUCT = {event.product: event for events in _EVENTS.values() for event in events}

_BREAKS = (
    Broken.TOO_LARGE,
    Broken.NOT_JSON,
    Broken.INVALID_UTF8,
    Broken.MISSING_FIELD,
    Broken.TIME_WITHOUT_ZONE,
    Broken.YEAR_9999,
)


class EventGateway:
    """Writes the events of one kind of subscription."""

    format = "cloudevents-iot"
    suffix = ".jsonl"
    zone: str | None = None

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self.service = service
        self._events = _EVENTS[service]
        measured = (Broken.NEGATIVE_QUANTITY, Broken.TEXT_FOR_QUANTITY)
        self.breaks = _BREAKS + (measured if self._events[0].unit else ())
        self._wall = Wall("UTC")

    def usage(self, identifier: str, at_ms: int, draw: Draw) -> Usage:
        """Return some usage, reported at an instant."""
        # Two of three events are of the service's first type.
        event = self._events[-1] if draw.below(3) == 0 else self._events[0]
        value = event.values.pick(draw)
        quantities = {"record": "1"} if event.is_counted else {}
        if event.unit:
            quantities[event.unit] = str(value)
        return Usage(
            record_id=f"{self.name}/{draw.bits(80):020x}",
            identifier=identifier,
            product=event.product,
            created_at_ms=at_ms,
            started_at_ms=at_ms,
            ended_at_ms=at_ms + event.lasts_ms,
            value=_thousandths(value) if event.unit == "Wh" else str(value),
            quantities=quantities,
        )

    def line(self, usage: Usage) -> bytes:
        """Return the event as one line of JSON."""
        return self._line(usage, self._time(usage.started_at_ms), _json(usage.value))

    def altered(self, usage: Usage) -> Usage:
        """Return the same event, a second later: as that, another one."""
        return usage._replace(
            started_at_ms=usage.started_at_ms + 1000, ended_at_ms=usage.ended_at_ms + 1000
        )

    def broken_line(self, usage: Usage, how: Broken) -> bytes:
        """Return the event, broken."""
        time, value = self._time(usage.started_at_ms), _json(usage.value)
        match how:
            case Broken.NOT_JSON:
                return self._line(usage, time, value)[:-9] + b"\n"
            case Broken.INVALID_UTF8:
                line = self._line(usage._replace(identifier="caf@"), time, value)
                return line.replace(b"caf@", b"caf\xe9")
            case Broken.MISSING_FIELD:
                line = self._line(usage, time, value)
                return line.replace(b',"subject":"' + usage.identifier.encode() + b'"', b"")
            case Broken.TIME_WITHOUT_ZONE:
                return self._line(usage, time[:-1], value)
            case Broken.YEAR_9999:
                return self._line(usage, "9999-01-01T00:00:00.000Z", value)
            case Broken.TOO_LARGE:
                return self._line(usage, time, f'"{"9" * TOO_LARGE_BYTES}"')
            case Broken.NEGATIVE_QUANTITY:
                return self._line(usage._replace(product=self._events[0].product), time, "-5")
            case Broken.TEXT_FOR_QUANTITY:
                return self._line(usage._replace(product=self._events[0].product), time, '"many"')
            case Broken.WRONG_COLUMN_COUNT:
                raise AssertionError("an event has no columns")
            case Broken.DAMAGED_BER | Broken.WRONG_LENGTH | Broken.UNKNOWN_RECORD:
                raise AssertionError("an event is no charging record")

    def _line(self, usage: Usage, time: str, value: str) -> bytes:
        event = _BY_PRODUCT[usage.product]
        until = f',"until":"{self._time(usage.ended_at_ms)}"' if event.lasts_ms else ""
        return (
            f'{{"specversion":"1.0","id":"{usage.record_id.rpartition("/")[2]}",'
            f'"source":"{self.name}","type":"{event.type}","subject":"{usage.identifier}",'
            f'"time":"{time}","datacontenttype":"application/json",'
            f'"data":{{"{event.field}":{value}{until}}}}}\n'
        ).encode()

    def _time(self, at_ms: int) -> str:
        return f"{self._wall.text(at_ms).replace(' ', 'T')}.{at_ms % 1000:03d}Z"


def _thousandths(value: int) -> str:
    return f"{value // 1000}.{value % 1000:03d}"


def _json(value: str) -> str:
    """Return a value as its source writes it: a number, but a text where it has a fraction."""
    return f'"{value}"' if "." in value else value
