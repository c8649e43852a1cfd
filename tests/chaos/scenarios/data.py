"""Rows of the table whose faults lie in the usage itself; workers die besides."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sources.generate.shares import Kind
from sources.generate.usage import Broken
from tests.chaos.faults.kill import kill_worker
from tests.chaos.feed import Fed, copied, message, origin_of, raw_records
from tests.chaos.hits import Hit
from tests.chaos.play import Fault, Play, files_of, playing
from tests.chaos.problem import NeverBit
from tests.chaos.replay import replay
from tests.chaos.run import Run, version_of
from tests.chaos.services import own_pair
from tests.chaos.usage import SAMPLE, Generated, generated

_WORKERS = ("normalise", "rate-1", "rate-2", "rate-3", "load")
_STAGES = ("normalise", "rate", "load")
_MOST_COPIES = 20
_AT_A_TIME = 8  # copies are many: a hundred thousand records make a third of a million raw ones
_TWO_ACCOUNTS_EVERY = 5  # one record in so many comes again under another account
_DAY_MS = 86_400_000
_HORIZON_DAYS = 62
Said = dict[str, Any]


def _kills(count: int) -> list[Fault]:
    return [kill_worker(_STAGES[place % 3]) for place in range(count)]


async def copies(run: Run) -> None:
    """Every record 1 to 20 times, reordered, across restarts; one id, other content or account."""
    usage = await generated(
        run.new_folder() / "usage",
        records=run.records,
        seed=run.seed,
        shares={Kind.CONFLICT: 200, Kind.DUPLICATE: 0},
    )
    fed = raw_records(usage.folder, whole_files=False, items=4)
    fed += under_two_accounts(usage)
    fed = copied(fed, seed=run.seed, most=_MOST_COPIES)
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*_WORKERS)
        await play.under_load(_kills(run.faults), fed, pause_s=0.005, at_a_time=_AT_A_TIME)
        await play.through()
        await run.check(play)


def under_two_accounts(usage: Generated) -> list[Fed]:
    """Return events that come again under another account's device; the log learns of them."""

    def again(said: Said, event: Said, other: Said) -> None:
        event["subject"] = other["identifier"]
        for field in ("identifier", "account_id", "subscription_id"):
            said[field] = other[field]

    return _altered(usage, again, every=_TWO_ACCOUNTS_EVERY)


def near_the_horizon(usage: Generated, *, horizon_ms: int, now_ms: int) -> list[Fed]:
    """Return new events that began a horizon ago, give or take the time that the run takes."""
    drawn = random.Random(now_ms)

    def older(said: Said, event: Said, _other: Said) -> None:
        at_ms = now_ms - horizon_ms + drawn.randint(-20_000, 90_000)
        at = dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC)
        event["id"] = f"{event['id']}-near"
        event["time"] = f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
        said |= {"record_id": f"{said['record_id']}-near", "started_at_ms": at_ms}

    return _altered(usage, older, every=_TWO_ACCOUNTS_EVERY)


def _altered(
    usage: Generated, alter: Callable[[Said, Said, Said], None], *, every: int
) -> list[Fed]:
    """Return altered copies of events of devices as messages; the log learns of them.

    ``alter`` changes what the log says and the event, given what it says of another account's.
    """
    path = usage.folder / "truth.jsonl"
    lines = path.read_bytes().splitlines()
    summary = json.loads((usage.folder / "truth.json").read_bytes())
    origins = {one["source"]: origin_of(one) for one in summary["sources"]}
    files: dict[str, list[bytes]] = {}
    fed: list[Fed] = []
    for said, other in list(_pairs(lines, every=every)):
        if said["file"] not in files:
            files[said["file"]] = (usage.folder / said["file"]).read_bytes().splitlines()
        event = json.loads(files[said["file"]][said["line"] - 1])
        said = said | {"record": len(lines) + 1}
        alter(said, event, other)
        lines.append(json.dumps(said).encode())
        fed.append(message(origins[said["source"]], json.dumps(event).encode(), len(lines)))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return fed


def _pairs(lines: list[bytes], *, every: int) -> Iterator[tuple[Said, Said]]:
    """Yield events of devices, each with one of another account."""
    before: Said | None = None
    for line in lines[::every]:
        said = json.loads(line)
        if said["kind"] != "ordinary" or said["product"] != "iot-data":
            continue
        if before is not None and before["account_id"] != said["account_id"]:
            yield said, before
        before = said


async def broken(run: Run) -> None:
    """10 % broken records, in every way that the generator knows."""
    usage = await generated(
        run.new_folder() / "usage",
        records=run.records,
        seed=run.seed,
        scenario="operator",
        shares={Kind.BROKEN: 1_000},
    )
    ways = json.loads((usage.folder / "truth.json").read_bytes())["broken"]
    assert set(ways) == set(Broken), "not every way came up: more records are needed"
    for way, count in ways.items():
        run.hits.facts[f"broken records, {way}"] = count
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        await play.workers.start(*_WORKERS)
        await play.under_load(_kills(run.faults), raw_records(usage.folder))
        await play.through()
        await run.check(play)


async def late(run: Run) -> None:
    """Late and out-of-order records up to and past the horizon, a period closed in the middle."""
    today = dt.datetime.now(dt.UTC).date()  # noqa: TID251  (the horizon is measured from arrival)
    start = today - dt.timedelta(days=40)  # so that the month before is among it
    usage = await generated(
        run.new_folder() / "usage",
        records=run.records,
        seed=run.seed,
        start=start,
        days=40,
        shares={Kind.OUT_OF_ORDER: 2_500, Kind.LATE: 2_000, Kind.PAST_HORIZON: 300},
        horizon_days=_HORIZON_DAYS,
    )
    fed = raw_records(usage.folder)
    now_ms = int(dt.datetime.now(dt.UTC).timestamp()) * 1000  # noqa: TID251  (the same)
    near = near_the_horizon(usage, horizon_ms=_HORIZON_DAYS * _DAY_MS, now_ms=now_ms)
    run.hits.facts["records that began a horizon ago, within two minutes"] = len(near)
    for place, each in enumerate(near):
        fed.insert(place * len(fed) // len(near), each)
    month = (today.replace(day=1) - dt.timedelta(days=1)).strftime("%Y-%m")
    accounts = [json.loads(line)["id"] for line in usage.accounts.read_text().splitlines()]
    async with (
        own_pair() as pair,
        playing(
            pair,
            run.new_folder(),
            usage,
            seed=run.seed,
            hits=run.hits,
            dedup_horizon_ms=_HORIZON_DAYS * _DAY_MS,
            future_ms=_DAY_MS,
        ) as play,
    ):
        await play.workers.start(*_WORKERS)
        faults = [_close(month, account) for account in accounts[: max(3, run.faults)]]
        await play.under_load([*faults, *_kills(run.faults)], fed)
        await play.through()
        await run.check(play)


def _close(month: str, account: str) -> Fault:
    async def strike(play: Play) -> Hit:
        moving = await play.at_work("rate")
        said = await play.here.command("period", "close", "--month", month, "--account", account)
        assert said.code == 0, said
        return Hit("period closed", moving=moving.partitions, note=account)

    return strike


async def catalogue(run: Run) -> None:
    """A catalogue version published in the middle; a replay gives the same bytes."""
    usage = await generated(run.new_folder() / "usage", records=run.records, seed=run.seed)
    versions: dict[int, Path] = {}
    faults: list[Fault] = []
    for place in range(run.faults):
        faults += [
            _publish(_dearer(run.new_folder(), by=place + 1), versions),
            kill_worker(_STAGES[(place + 1) % 3]),
        ]
    async with (
        own_pair() as pair,
        playing(pair, run.new_folder(), usage, seed=run.seed, hits=run.hits) as play,
    ):
        versions[await version_of(play.here)] = SAMPLE
        await play.workers.start(*_WORKERS)
        await play.under_load(faults, raw_records(usage.folder))
        await play.through()
        await run.check(play, catalogues=versions)
        priced = await play.here.rows("SELECT DISTINCT catalogue_version FROM rated_usage")
        run.hits.facts["catalogue versions that priced usage"] = len(priced)
        if len(priced) < 2:
            raise NeverBit("no version that was published in the middle priced anything")
        same, batches = await replay(play.here, versions, run.verdict)
        run.hits.facts["batches that a replay repeated byte for byte"] = same
        run.hits.facts["batches of rate"] = batches


def _dearer(folder: Path, *, by: int) -> Path:
    """Return the sample catalogue with other prices."""
    for name, text in files_of(SAMPLE).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        changed = text.replace("amount: 3.99", f"amount: {by + 3}.99").replace(
            "upto: 10 GB, amount: 1.00", f"upto: 10 GB, amount: 1.{by:02d}"
        )
        path.write_text(changed)
    return folder


def _publish(folder: Path, versions: dict[int, Path]) -> Fault:
    async def strike(play: Play) -> Hit:
        moving = await play.at_work("rate")
        said = await play.here.command("catalogue", "publish", folder)
        assert said.code == 0, said
        versions[await version_of(play.here)] = folder
        return Hit("catalogue published", moving=moving.partitions)

    return strike


_LIMITS = """
limits:
  every-37: {scope: account, records: 37}
  amount-eur: {scope: account, amount: 7.00, currency: EUR}
  amount-gbp: {scope: account, amount: 7.00, currency: GBP}
  messages: {scope: "product:iot-message", records: 11, invoice_scope: "product:iot-message"}
"""


async def busy(run: Run) -> None:
    """A limit on one very busy account, 3 workers: no crossing missed or repeated."""
    folder = run.new_folder()
    for name, text in files_of(SAMPLE).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.partition("\nlimits:")[0] + _LIMITS if name == "plans.yaml" else text)
    usage = await generated(
        run.new_folder() / "usage",
        records=run.records,
        seed=run.seed,
        catalogue=folder,
        scenario="iot",
        accounts=3,  # the fewest for it; the first one has seven records of ten
    )
    said = (json.loads(line) for line in (usage.folder / "truth.jsonl").read_bytes().splitlines())
    busiest = Counter(one.get("account_id") for one in said).most_common(1)[0][1]
    run.hits.facts["records of the busiest account"] = busiest
    async with (
        own_pair() as pair,
        playing(
            pair, run.new_folder(), usage, seed=run.seed, hits=run.hits, catalogue=folder
        ) as play,
    ):
        await play.workers.start(*_WORKERS)
        faults = [kill_worker("rate") for _ in range(run.faults)]
        await play.under_load(faults, raw_records(usage.folder))
        await play.through()
        await run.check(play, catalogues={await version_of(play.here): folder})
