"""The usage of a run, with the truth about each item; what it costs is the verifier's matter."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from schemas import raw
from schemas.reference import Account, Subscription
from sources.block import block_of
from sources.records import Origin, RawRecord, records_of

DEVICES = 5  # each of an account of its own
CALLERS = 3
LATER = f"dev-{DEVICES}"  # a device that nobody knows until it is loaded
FEBRUARY_MS, MARCH_MS = 1_769_900_400_000, 1_772_319_600_000  # in Berlin
STREAMS = ("fleet-a", "fleet-b", "fleet-c", "switch-1", "switch-2")
DAY = "2026-02-28"  # a day before the simulation begins


class Item(NamedTuple):
    """The truth about one item of a raw record."""

    what: str  # data, call, broken, end, close
    key: tuple[str, str]  # what makes it the same item again; empty text for broken ones
    account: str | None  # None: nobody's
    quantity: Fraction  # bytes or seconds
    destination: str = ""
    month: int = 2  # local to its account
    content: str = ""  # what decides whether a copy is the same


@dataclass(frozen=True)
class Sent:
    """One raw record and the truth about its items, in order."""

    record: RawRecord
    items: tuple[Item, ...]


CATALOGUE = """
products:
  voice: {{type: telephony, usage_kind: voice, unit: s}}
  iot-data: {{type: data, usage_kind: data, unit: B}}
cards:
  abroad: {{file: abroad.csv, currency: EUR, unit: s}}
plans:
  home:
    name: Home
    currency: EUR
    prices:
      calls: {{product: voice, price: {{model: rate_card, card: abroad}}}}
  traffic:
    name: Traffic
    currency: EUR
    prices:
      data:
        product: iot-data
        price:
          model: graduated
          per: 1 B
          tiers: [{{upto: 40 B, amount: 0.01}}, {{amount: {second_tier}}}]
limits:
  four-records: {{scope: "product:iot-data", records: 4}}
"""
CARD = """prefix,destination,price,per_units,first_units,following_units
49,Germany,0.06,60,60,1
4930,Berlin,0.07,60,30,6
44,Britain,0.11,60,1,1
"""
SECOND_TIERS = ("0.02", "0.03")  # of the first version of the catalogue, and of the second one


def catalogue_files(version: int) -> dict[str, bytes]:
    """Return the files of the first or the second version."""
    plans = CATALOGUE.format(second_tier=SECOND_TIERS[version])
    return {"plans.yaml": plans.encode(), "abroad.csv": CARD.encode()}


def accounts(*, later: bool = False) -> list[Account]:
    """Return the accounts: one for each device and each caller; or the one that is loaded later."""
    if later:
        return _accounts([(LATER, "traffic")])
    plans = [(f"dev-{i}", "traffic") for i in range(DEVICES)]
    plans += [(f"49301110{i}", "home") for i in range(CALLERS)]
    return _accounts(plans)


def _accounts(plans: list[tuple[str, str]]) -> list[Account]:
    return [
        Account(
            tenant="acme",
            account_id=f"acc-{identifier}",
            name=identifier,
            zone="Europe/Berlin",
            currency="EUR",
            subscriptions=(
                Subscription(
                    subscription_id=f"sub-{identifier}",
                    identifier=identifier,
                    plan=plan,
                    valid_from_ms=0,
                ),
            ),
        )
        for identifier, plan in plans
    ]


def usage(draw: random.Random, *, records: int) -> Iterator[Sent]:
    """Yield raw records: events of devices one by one, calls in small files."""
    past: list[Sent] = []
    for number in range(records):
        kind = draw.random()
        if number > records // 3 and draw.random() < 0.06:
            yield _close(draw)  # some of them more than once
        if past and kind < 0.15:
            yield draw.choice(past)  # the same again, whole
            continue
        sent = [_event(draw, number, past)] if kind < 0.75 else list(_file(draw, number))
        past += [each for each in sent if all(item.what != "end" for item in each.items)]
        yield from sent


def _close(draw: random.Random) -> Sent:
    """February of an account is over: what comes later of it is billed in March."""
    account = f"acc-dev-{draw.randrange(DEVICES)}"
    stream = f"command:acme:{account}"
    command = raw.ClosePeriodCommand("acme", account, FEBRUARY_MS, MARCH_MS)
    headers = (
        (raw.TENANT, b"acme"),
        (raw.SOURCE, b"ratemill"),
        (raw.STREAM, stream.encode()),
        (raw.FORMAT, b"command"),
        (raw.RECORD, raw.RECORD_COMMAND),
        (raw.COMMAND_ID, f"close {account}".encode()),
    )
    record = RawRecord(stream.encode(), raw.command_to_json(command), headers, 1)
    return Sent(record, (Item("close", ("command", account), account, Fraction(0)),))


def _event(draw: random.Random, number: int, past: list[Sent]) -> Sent:
    stream = draw.choice(STREAMS[:3])
    device, size, event_id = draw.randrange(DEVICES + 1), draw.randint(0, 30), f"e{number}"
    hour = draw.randrange(12, 24)
    if past and draw.random() < 0.05:
        event_id = f"e{draw.randrange(number)}"  # used before, perhaps; then another content
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": stream,
        "type": "sensor.data",
        "subject": f"dev-{device}",
        "time": f"{DAY}T{hour:02}:00:00Z",
        "data": {"bytes": size},
    }
    value = json.dumps(event).encode()
    known = device < DEVICES
    item = Item(
        "data",
        (stream, event_id),
        f"acc-dev-{device}" if known else None,
        Fraction(size),
        month=3 if hour == 23 else 2,  # in Berlin, an hour ahead, the month is over
        content=f"{device} {size} {hour}",
    )
    if draw.random() < 0.05:
        value, item = value[:-3], Item("broken", ("", ""), None, Fraction(0))
    headers = (
        *Origin("acme", stream, stream, "cloudevents-iot").headers(),
        ("record", b"message"),
    )
    return Sent(RawRecord(stream.encode(), value, headers, 1), (item,))


def _file(draw: random.Random, number: int) -> Iterator[Sent]:
    stream = draw.choice(STREAMS[3:])
    blocks, truths = [], []
    for block in range(draw.randint(1, 3)):
        lines, items = [], []
        for line in range(draw.randint(1, 4)):
            seconds, caller = draw.randint(1, 200), draw.randrange(CALLERS)
            called = draw.choice(("4930222", "4989333", "442071"))
            uuid = f"c{number}-{block}-{line}"
            start = f"{DAY} {draw.randrange(23):02}:10:00"
            fields = ("n", f"49301110{caller}", called, "default", start, start, start)
            more = (str(seconds), str(seconds), "NORMAL_CLEARING", uuid, "", "", "PCMA", "PCMA")
            lines.append(",".join(f'"{field}"' for field in (*fields, *more)) + "\n")
            items.append(
                Item("call", (stream, uuid), f"acc-49301110{caller}", Fraction(seconds), called)
            )
        blocks.append(block_of("".join(lines).encode(), items=len(lines)))
        truths.append(tuple(items))
    truths.append((Item("end", ("", ""), None, Fraction(0)),))
    origin = Origin("acme", stream, stream, "freeswitch-csv", zone="UTC")
    file = f"f{number}.csv"
    for record, items in zip(
        records_of(blocks, origin=origin, file_name=file, file_id=file), truths, strict=True
    ):
        yield Sent(record, items)
