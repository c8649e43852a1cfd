"""Row of the table about records that this release does not know."""

from __future__ import annotations

import json
from typing import Any

from schemas import raw
from sources.records import RawRecord
from tests.chaos.faults.kill import kill_worker
from tests.chaos.feed import Fed, named, origin_of, raw_records
from tests.chaos.play import playing
from tests.chaos.run import Run
from tests.chaos.services import own_pair
from tests.chaos.usage import Generated, generated

_EVERY = 10
_UNKNOWN = (
    (raw.RECORD, b"hologram", "mediation.missing_header"),
    (raw.FORMAT, b"format-of-next-year", "mediation.unknown_format"),
)


async def unknown_kinds(run: Run) -> None:
    """A record of an unknown kind; the upgrade needs a release before this one."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    fed = raw_records(usage.folder)
    strange = _strange(usage, fed)
    for place, each in enumerate(strange):
        fed.insert(place * len(fed) // len(strange), each)
    run.hits.facts["raw records of an unknown kind or format"] = len(strange)
    run.notes.append(
        "state and topics of the previous release: there is no release before this one"
    )
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start("normalise", "rate", "load")
        await play.under_load([kill_worker("normalise") for _ in range(run.faults)], fed)
        await play.through()
        await run.check(play)


def _strange(usage: Generated, fed: list[Fed]) -> list[Fed]:
    """Return raw records that no reader of this release knows; the log learns of them."""
    path = usage.folder / "truth.jsonl"
    lines = path.read_bytes().splitlines()
    origin = origin_of(json.loads((usage.folder / "truth.json").read_bytes())["sources"][0])
    found: list[Fed] = []
    for place in range(0, len(fed), _EVERY):
        header, value, reason = _UNKNOWN[place // _EVERY % len(_UNKNOWN)]
        said: dict[str, Any] = json.loads(lines[0]) | {
            "record": len(lines) + 1,
            "source": origin.source,
            "record_id": f"unknown-{place}",
            "kind": "broken",
            "reason": reason,
        }
        lines.append(json.dumps(said).encode())
        headers = dict((*origin.headers(), (raw.RECORD, raw.RECORD_MESSAGE))) | {header: value}
        record = RawRecord(origin.stream.encode(), b"whatever it is", tuple(headers.items()), 1)
        found.append(named(record, (len(lines),)))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return found
