"""`ratemill retention` on an installation at work: what goes, what stays, and that all goes on."""

import shutil

import pytest
from aiokafka import TopicPartition

from pipeline.kafka import partition_consumer, stop_consumer
from pipeline.proofs import read_last_proof
from pipeline.snapshot_files import newest, partition_folder, positions
from pipeline.topics import topics_of
from schemas import raw
from schemas.proof import proof_from_json, proof_from_msgpack
from tests.integration.live_installation import LiveInstallation, event_json, eventually

STREAM = b"gateway"
HEADERS = [
    (raw.TENANT, b"default"),
    (raw.SOURCE, b"gateway"),
    (raw.STREAM, STREAM),
    (raw.FORMAT, b"cloudevents-iot"),
    (raw.RECORD, raw.RECORD_MESSAGE),
]
STAGES = ("normalise", "rate")


class Trimming:
    """An installation of one partition each, whose snapshots are frequent."""

    def __init__(self, here):
        self.here = here
        self.topics = topics_of(here.settings)
        self.sent = 0

    def snapshots(self, stage):
        return partition_folder(
            self.here.settings.snapshot_folder(),
            installation=self.here.settings.installation,
            stage=stage,
            partition=0,
        )

    async def send(self, count=20):
        """Usage, a copy of the first of it, and one record of nobody; until it is loaded."""
        numbers = range(self.sent, self.sent + count)
        self.sent += count
        values = [event_json(f"e{n}", subject=f"dev-{1 + n % 2}") for n in numbers]
        values += [values[0], event_json(f"x{self.sent}", subject="nobody")]
        await self.here.publish(values, headers=HEADERS, key=STREAM)
        await self.here.through()

    async def until_snapshots(self, rounds=3):
        """Send until there are as many new snapshots of both stages."""
        for _ in range(rounds):
            before = {stage: max(positions(self.snapshots(stage)), default=0) for stage in STAGES}
            await self.send()

            async def taken(before=before):
                return all(
                    max(positions(self.snapshots(stage)), default=0) > before[stage]
                    for stage in STAGES
                )

            await eventually(taken, what="a snapshot of both stages")

    async def retention(self, *words):
        said = await self.here.command("retention", "--json", *words)
        assert said.code == 0, said
        return {one["topic"].split(".", 1)[1]: one for one in said.json["partitions"]}

    async def begins(self):
        topics = self.topics
        followed = (topics.raw, topics.normalised, topics.ledger, topics.suspense, topics.proofs)
        places = [TopicPartition(topic.name, 0) for topic in followed]
        consumer = partition_consumer(self.here.endpoints.kafka_bootstrap, client_id="test")
        await consumer.start()
        try:
            found = await consumer.beginning_offsets(places)
        finally:
            await stop_consumer(consumer)
        return {place.topic.split(".", 1)[1]: begin for place, begin in found.items()}

    async def last_proofs(self):
        bootstrap = self.here.endpoints.kafka_bootstrap
        for topic, decode in (
            (self.topics.proofs, proof_from_msgpack),
            (self.topics.ledger, proof_from_json),
        ):
            place = TopicPartition(topic.name, 0)
            yield await read_last_proof(bootstrap, place, decode=decode, client_id="test")

    async def reconciled(self):
        said = await self.here.command("verify", "--json")
        assert said.code == 0, said
        assert said.json["reconciled"], said
        return said.json


@pytest.fixture
async def world(services, tmp_path):
    async with LiveInstallation.created(
        services,
        tmp_path,
        raw_partitions=1,
        rating_partitions=1,
        snapshot_changes=1,
        snapshot_interval_ms=1_000,
    ) as here:
        yield Trimming(here)


@pytest.mark.timeout(300)
async def test_topics_are_trimmed_behind_proof_load_and_snapshots_and_all_goes_on(world):
    here = world.here
    nothing = dict.fromkeys(await world.begins(), 0)

    held = await world.retention("--keep-days", "0")
    assert await world.begins() == nothing
    for name in ("usage.rated.v1", "normalise.proofs.v1", "usage.normalised.v1"):
        assert "0 of 2 snapshots" in held[name]["why"]
        assert "let the workers run" in held[name]["action"]

    async with here.working():
        await world.until_snapshots()
        young = await world.retention()
        assert await world.begins() == nothing
        assert young["usage.raw.v1"]["why"] == "what is younger is kept, as asked for"
        before = await world.reconciled()
        planned = await world.retention("--dry-run", "--keep-days", "0")
        assert await world.begins() == nothing, "a dry run deletes nothing"
        assert all(one["trim_to"] > 0 for one in planned.values()), planned
        held = await world.retention("--dry-run", "--keep-days", "0", "--behind-group", "invoicing")
        assert held["usage.rated.v1"]["trim_to"] == 0
        assert "invoicing" in held["usage.rated.v1"]["why"]

        done = await world.retention("--keep-days", "0")
        begins = await world.begins()
        assert begins == {name: one["trim_to"] for name, one in done.items()}
        assert all(begins[name] >= one["trim_to"] for name, one in planned.items())
        assert [last.proof.batch > 0 async for last in world.last_proofs()] == [True, True]
        after = await world.reconciled()
        assert after["totals"]["items"] >= before["totals"]["items"]
        assert after["totals"]["charges"] == before["totals"]["charges"]
        assert len(after["not_checked"]) == 5
        await world.send()
        await world.reconciled()
    said = await here.command("topics", "apply")
    assert said.code == 0, said

    # A new machine: nothing but the snapshots and what is left of the topics.
    shutil.rmtree(here.settings.state_folder())
    async with here.working():
        await world.send()
        await world.reconciled()
    assert "state_begins_from_snapshot" in here.log("normalise") + here.log("rate")
    rows = await here.rows("SELECT count(*), count(DISTINCT record_id) FROM rated_usage")
    assert tuple(rows[0]) == (world.sent, world.sent)

    # Neither state nor snapshots: nothing is guessed.
    shutil.rmtree(here.settings.state_folder())
    for stage in STAGES:
        shutil.rmtree(world.snapshots(stage))
    async with here.working():

        async def halted():
            return all("copy the snapshots of this" in here.log(stage) for stage in STAGES)

        await eventually(halted, what="both stages halt and say what to do")


@pytest.mark.timeout(200)
async def test_what_does_not_belong_together_trims_nothing(world):
    here = world.here
    async with here.working():
        await world.until_snapshots()
    nothing = dict.fromkeys(await world.begins(), 0)

    # Load is behind: nothing that it has not read goes, and the reason is said.
    await here.execute(
        "UPDATE progress SET next_position = 1, chain = previous FROM proofs "
        "WHERE topic LIKE '%rated%' AND proofs.stage = 'rate' AND proofs.batch = 1"
    )
    behind = (await world.retention("--dry-run", "--keep-days", "0"))["usage.rated.v1"]
    assert (behind["trim_to"], behind["action"]) == (0, "let load catch up")
    await here.execute("UPDATE progress SET next_position = 2 WHERE topic LIKE '%rated%'")
    wrong = (await world.retention("--dry-run", "--keep-days", "0"))["usage.rated.v1"]
    assert (wrong["trim_to"], wrong["why"]) == (
        0,
        "load stands at offset 1, where its proof does not lie",
    )

    # A damaged snapshot is none.
    table = min((newest(world.snapshots("normalise"))[0].folder / "state").glob("*.sst"))
    table.write_bytes(table.read_bytes()[:-1])
    one_left = (await world.retention("--dry-run", "--keep-days", "0"))["normalise.proofs.v1"]
    assert one_left["trim_to"] == 0
    assert one_left["why"].startswith("1 of 2 snapshots of normalise 0")

    # Another installation's database.
    await here.execute("UPDATE installation SET genesis_id = 'another'")
    said = await here.command("retention", "--keep-days", "0")
    assert said.code == 4
    assert await world.begins() == nothing


async def test_a_broker_without_the_topics_is_said_at_once(world):
    here = world.here
    said = await here.command("retention", "--installation", "other")
    assert said.code != 0
    assert "topics apply" in said.err
