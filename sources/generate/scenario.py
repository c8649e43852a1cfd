"""The scenarios: which network elements there are, and how much each of them writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sources.generate.calls import Asterisk, FreeSwitch
from sources.generate.charging import SwitchingCentre
from sources.generate.destinations import Destinations
from sources.generate.events import EventGateway
from sources.generate.population import Service
from sources.generate.shares import DEFAULT_SHARES, Kind, Shares
from sources.generate.usage import Writer

MakeWriter = Callable[[Destinations], Writer]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What writes usage, with the weight of each, and the shares of the kinds of record."""

    name: str
    writers: tuple[tuple[MakeWriter, int], ...]
    shares: Shares


def _free_switch(name: str, zone: str) -> MakeWriter:
    return lambda destinations: FreeSwitch(name, zone=zone, destinations=destinations)


def _asterisk(name: str, zone: str) -> MakeWriter:
    return lambda destinations: Asterisk(name, zone=zone, destinations=destinations)


def _switching_centre(name: str, zone: str, number: str) -> MakeWriter:
    return lambda destinations: SwitchingCentre(
        name, zone=zone, number=number, destinations=destinations
    )


def _gateway(name: str, service: Service) -> MakeWriter:
    return lambda _: EventGateway(name, service)


_CALLS = (
    (_free_switch("fs-berlin", "Europe/Berlin"), 320),
    (_free_switch("fs-london", "Europe/London"), 160),
    (_asterisk("pbx-penang", "Asia/Kuala_Lumpur"), 120),
)
# All three formats. The centre is no first element: none of its records can be too large.
_MOBILE_CALLS = ((_switching_centre("msc-hamburg", "Europe/Berlin", "4917600001"), 200),)
_THINGS = (
    (_gateway("lora-north", Service.DEVICE), 180),
    (_gateway("lora-south", Service.DEVICE), 100),
    (_gateway("meters", Service.METER), 80),
    (_gateway("api", Service.CLIENT), 36),
)
_WATCHING = ((_gateway("video", Service.VIEWER), 4),)

# Only calls go unanswered or to a number that has no price.
_WITHOUT_CALLS: Shares = {
    kind: share
    for kind, share in DEFAULT_SHARES.items()
    if kind not in (Kind.UNANSWERED, Kind.UNKNOWN_DESTINATION)
}

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("mixed", (*_CALLS, *_THINGS, *_WATCHING), DEFAULT_SHARES),
        Scenario("telco", _CALLS, DEFAULT_SHARES),
        Scenario("operator", (*_CALLS, *_MOBILE_CALLS, *_THINGS, *_WATCHING), DEFAULT_SHARES),
        Scenario("iot", _THINGS, _WITHOUT_CALLS),
        Scenario("video", _WATCHING, _WITHOUT_CALLS),
    )
}
