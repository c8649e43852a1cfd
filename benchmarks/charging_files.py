"""The CPU time of reading charging files, per record and per event: no broker, no state.

`python -m benchmarks.charging_files` decodes blocks of records of a switching centre (a call each) and
of a packet gateway (one service data container each, or five of two rating groups). The same seed gives the
same records. Of several rounds the best one counts: what a busy machine adds is not the program's.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from mediation.decode.item import DecodedItem
from mediation.decode.mapping import load_decoder
from pipeline.clock import process_cpu_ns
from schemas import raw
from sources.generate import tlv
from sources.generate.charging import SwitchingCentre
from sources.generate.destinations import Destinations
from sources.generate.draw import Draw

ROOT = Path(__file__).resolve().parents[1]
RECORDS = 1_000  # of a block
START_MS = 1_772_366_400_000  # 2026-03-01 12:00 UTC
HOUR_MS = 3_600_000
_PREFIXES = ("49", "4930", "44", "1", "60", "33", "39")


def call(draw: Draw, number: int) -> bytes:
    """Return the record of a call that a switching centre writes."""
    subscriber = f"4917{draw.below(10**8):08d}"
    return _CENTRE.line(_CENTRE.usage(subscriber, START_MS + number * 1_000, draw))


def session(containers: int) -> Callable[[Draw, int], bytes]:
    """Return what makes the records of a packet gateway with so many containers, of two rating groups
    at most."""

    def made(draw: Draw, number: int) -> bytes:
        at_ms = START_MS + number * 1_000
        listed = [
            tlv.sequence(
                tlv.tlv(1, tlv.integer(1 + place % 2)),
                tlv.tlv(2, b"default"),
                tlv.tlv(4, tlv.integer(place)),
                tlv.tlv(5, tlv.timestamp(at_ms + draw.below(60) * 1_000, 60)),
                tlv.tlv(6, tlv.timestamp(at_ms + HOUR_MS, 60)),
                tlv.tlv(8, b"\x08\x00"),
                tlv.tlv(12, tlv.integer(draw.below(10**7))),
                tlv.tlv(13, tlv.integer(draw.below(10**9))),
            )
            for place in range(containers)
        ]
        record = tlv.group(
            79,
            tlv.tlv(0, tlv.integer(85)),
            tlv.tlv(3, tlv.digits(f"26203{draw.below(10**10):010d}")),
            tlv.group(4, tlv.tlv(0, bytes([10, 99, 0, 10]))),
            tlv.tlv(5, tlv.integer(draw.below(2**31))),
            tlv.group(6, tlv.tlv(0, bytes([10, 98, 0, 1]))),
            tlv.tlv(7, b"internet"),
            tlv.tlv(8, b"\x01\x21"),
            tlv.group(9, tlv.group(0, tlv.tlv(0, bytes([100, 64, 1, draw.below(256)])))),
            tlv.tlv(13, tlv.timestamp(at_ms, 60)),
            tlv.tlv(14, tlv.integer(3600)),
            tlv.tlv(15, tlv.integer(0)),
            tlv.tlv(17, tlv.integer(1 + number % 4)),
            tlv.tlv(18, b"pgw-1"),
            tlv.tlv(22, tlv.number(f"4917{draw.below(10**8):08d}")),
            tlv.tlv(27, bytes([0x62, 0xF2, 0x30])),
            tlv.tlv(30, tlv.integer(6)),
            tlv.group(34, *listed),
        )
        return tlv.with_header(record, tlv.BER_PACKET)

    return made


_CENTRE = SwitchingCentre(
    "msc-1",
    zone="Europe/Berlin",
    number="4917600001",
    destinations=Destinations(_PREFIXES, Draw(1, "destinations")),
)

KINDS: tuple[tuple[str, str, Callable[[Draw, int], bytes]], ...] = (
    ("call of an MSC", "3gpp-msc", call),
    ("PGW record, 1 container", "3gpp-pgw", session(1)),
    ("PGW record, 5 containers", "3gpp-pgw", session(5)),
)


def measured(mapping: str, make: Callable[[Draw, int], bytes], args: argparse.Namespace) -> str:
    """Return what a record and an event of it cost."""
    file = ROOT / "mediation" / "mappings" / f"{mapping}.yaml"
    decoder = load_decoder(file.read_text(encoding="utf-8"), file.name)
    draw = Draw(args.seed, mapping)
    headers = {raw.CONTENT_TYPE: raw.CDRS.encode(), raw.FIRST_BYTE: b"54"}
    blocks = [
        b"".join(make(draw, block * RECORDS + number) for number in range(RECORDS))
        for block in range(args.blocks)
    ]
    best_ns = events = 0
    gc.disable()
    for _ in range(args.rounds):
        events = 0
        started_ns = process_cpu_ns()
        for block in blocks:
            for _, _, item in decoder.each(block, headers):
                assert type(item) is DecodedItem, item
                events += 1
        took_ns = process_cpu_ns() - started_ns
        best_ns = min(best_ns or took_ns, took_ns)
    records = args.blocks * RECORDS
    size = sum(map(len, blocks)) / records
    return (
        f"{best_ns / records / 1e3:6.2f} us a record of {size:,.0f} bytes, "
        f"{best_ns / events / 1e3:6.2f} us an event"
    )


def main() -> None:
    """Print a line for each kind of record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=10, help="of 1,000 records")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name, mapping, make in KINDS:
        sys.stdout.write(f"{name:26} {measured(mapping, make, args)}\n")


if __name__ == "__main__":
    main()
