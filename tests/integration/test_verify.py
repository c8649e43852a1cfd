"""`verify` of the topics: one thing is broken at a time, and the place of it is named."""

import msgspec
import pytest

from pipeline.errors import MissingGenesis, SettingsError
from pipeline.settings import Settings
from pipeline.verify import Check, to_text, verify
from schemas.flow import Channel
from schemas.proof import sealed
from tests.verify_world import VerifyWorld, as_decided, changed

replace = msgspec.structs.replace


@pytest.fixture
async def world(services, prefix):
    world = await VerifyWorld.create(prefix, bootstrap=services.kafka_bootstrap, dsn=None)
    await world.publish_usage()
    return world


def at_batch(number, doctor, *, partition=0):
    """Return a doctor that lets all batches pass but one."""

    def doctored(appends, proof):
        if (proof.batch, proof.source_partition) != (number, partition):
            return as_decided(appends, proof)
        return doctor(appends, proof)

    return doctored


async def findings_of(world):
    """Return the findings by check; each is the first of its partition."""
    report = await world.verify()
    assert not report.consistent
    assert "Operator action" in to_text(report)
    return {finding.check: finding for finding in reversed(report.findings)}


async def test_topics_alone_are_verified_without_a_database(world):
    await world.normalise()
    await world.rate()
    report = await world.verify()
    assert report.consistent
    assert Check.POSTGRES_RATED not in report.checked
    assert report.not_checked == ("Postgres: no database was given",)


async def test_trimmed_raw_records_are_said_to_be_not_checked(world):
    await world.normalise()
    await world.trim(world.topics.raw, partition=0, before=25)
    report = await world.verify()
    assert report.consistent
    assert f"{world.topics.raw.name}/0 below 25: trimmed" in report.not_checked


async def test_trimmed_normalised_records_are_said_to_be_not_checked(world):
    await world.normalise()
    await world.rate()
    await world.trim(world.topics.normalised, partition=0, before=15)
    report = await world.verify()
    assert report.consistent
    assert f"{world.topics.normalised.name}/0 below 15: trimmed" in report.not_checked
    await world.publish_usage(first=500)
    await world.normalise()
    new = (await world.read(world.normalised(0), begin=15))[-3]
    await world.rate(skip=lambda record: record == new)
    found = (await findings_of(world))[Check.RATE_READ]
    assert found.offsets[0] <= new.offset < found.offsets[1], "what is left is checked"


async def test_an_installation_that_is_not_there_is_said_at_once(services, prefix):
    with pytest.raises(MissingGenesis, match="ratemill topics apply"):
        await verify(Settings(installation=prefix), services.kafka_bootstrap, None)


async def test_another_number_of_partitions_is_said_at_once(world):
    more = world.settings.model_copy(update={"rating_partitions": 3})
    with pytest.raises(SettingsError, match="RATEMILL_RATING_PARTITIONS"):
        await verify(more, world.bootstrap, None)


class TestNormalise:
    async def test_a_dropped_proof_is_named(self, world):
        await world.normalise(at_batch(3, lambda appends, proof: [(appends, None)]))
        found = (await findings_of(world))[Check.NORMALISE_CHAIN]
        assert (found.topic, found.partition) == (world.topics.proofs.name, 0)
        assert found.batches == (3, 3)
        assert "[20, 30)" in found.found

    async def test_a_proof_that_was_changed_is_named(self, world):
        await world.normalise(
            at_batch(3, lambda appends, proof: [(appends, replace(proof, records=9))])
        )
        found = await findings_of(world)
        assert found[Check.NORMALISE_CHAIN].batches == (3, 3)
        assert found[Check.RAW_RECORDS].batches == (3, 3)
        assert found[Check.RAW_RECORDS].offsets == (20, 30)

    async def test_a_proof_that_was_changed_and_sealed_again_is_found_by_the_next_one(self, world):
        forged = at_batch(3, lambda appends, proof: [(appends, sealed(replace(proof, records=9)))])
        await world.normalise(forged)
        found = (await findings_of(world))[Check.NORMALISE_CHAIN]
        assert found.batches == (4, 4)

    async def test_a_repeated_batch_is_named(self, world):
        await world.normalise(
            at_batch(3, lambda appends, proof: [(appends, proof), (appends, proof)])
        )
        found = await findings_of(world)
        assert found[Check.NORMALISE_CHAIN].batches == (3, 3)
        assert "again" in found[Check.NORMALISE_CHAIN].found
        assert found[Check.NORMALISED_EVENTS].batches == (3, 3)
        assert found[Check.SUSPENSE_TOPIC].batches == (3, 3)

    async def test_an_item_without_an_outcome_is_named(self, world):
        def forget_one(appends, proof):
            fewer = proof.outcomes | {"normalised": proof.outcomes["normalised"] - 1}
            return [(appends, sealed(replace(proof, outcomes=fewer)))]

        await world.normalise(at_batch(3, forget_one))
        found = (await findings_of(world))[Check.NORMALISE_OUTCOMES]
        assert found.batches == (3, 3)

    async def test_raw_records_that_were_skipped_are_named(self, world):
        await world.normalise(skip=lambda record: record[:2] == (1, 33))
        found = (await findings_of(world))[Check.RAW_RECORDS]
        assert (found.topic, found.partition) == (world.topics.raw.name, 1)
        assert (found.batches, found.offsets) == ((4, 4), (30, 40))

    @pytest.mark.parametrize("count", [0, 2], ids=["lost", "doubled"])
    async def test_a_normalised_record_that_is_lost_or_doubled_is_named(self, world, count):
        def doctor(appends, proof):
            first = next(a for a in appends if a.channel is Channel.NORMALISED)
            rest = [a for a in appends if a is not first]
            return [([first] * count + rest, proof)]

        await world.normalise(at_batch(3, doctor, partition=1))
        found = (await findings_of(world))[Check.NORMALISED_EVENTS]
        assert found.topic == world.topics.normalised.name
        assert found.batches == (3, 3)
        assert "raw partition 1" in found.expected

    async def test_events_of_a_batch_without_a_proof_are_named(self, world):
        """As of a transaction that was torn: its end is not there, and nothing comes after it."""
        await world.normalise(at_batch(6, lambda appends, proof: [(appends, None)]))
        found = await findings_of(world)
        assert Check.NORMALISE_CHAIN not in found
        assert found[Check.NORMALISED_EVENTS].batches == (6, 6)

    @pytest.mark.parametrize("count", [0, 2], ids=["lost", "doubled"])
    async def test_a_suspended_record_that_is_lost_or_doubled_is_named(self, world, count):
        def doctor(appends, proof):
            one = next(a for a in appends if a.channel is Channel.SUSPENSE)
            rest = [a for a in appends if a is not one]
            return [([one] * count + rest, proof)]

        await world.normalise(at_batch(3, doctor))
        found = (await findings_of(world))[Check.SUSPENSE_TOPIC]
        assert (found.topic, found.partition) == (world.topics.suspense.name, 0)
        assert found.batches == (3, 3)


class TestRate:
    @pytest.fixture(autouse=True)
    async def _normalised(self, world):
        await world.normalise()

    async def test_a_normalised_record_that_rate_skipped_is_named(self, world):
        places = await world.read(world.normalised(0))
        skipped = places[14]
        await world.rate(skip=lambda record: record == skipped)
        found = (await findings_of(world))[Check.RATE_READ]
        assert (found.topic, found.partition) == (world.topics.normalised.name, 0)
        assert found.batches == (2, 2)
        assert found.offsets[0] <= skipped.offset < found.offsets[1]

    async def test_a_dropped_proof_is_named(self, world):
        await world.rate(at_batch(3, lambda appends, proof: [(appends, None)]))
        found = await findings_of(world)
        assert found[Check.RATE_CHAIN].topic == world.topics.ledger.name
        assert found[Check.RATE_CHAIN].batches == (3, 3)

    async def test_a_dropped_last_proof_leaves_records_that_are_named(self, world):
        proofs = []
        await world.rate(lambda appends, proof: proofs.append(proof) or as_decided(appends, proof))
        last = max(proof.batch for proof in proofs if proof.source_partition == 0)
        await world.publish_usage(first=500)
        await world.normalise()
        beyond = at_batch(last + 1, lambda appends, proof: [(appends, None)])
        await world.rate(beyond, only_batches=1)
        found = (await findings_of(world))[Check.LEDGER_BATCH]
        assert found.batches == (last + 1, last + 1)
        assert "without" in found.found

    async def test_a_repeated_batch_is_named(self, world):
        await world.rate(at_batch(3, lambda appends, proof: [(appends, proof), (appends, proof)]))
        found = await findings_of(world)
        assert found[Check.RATE_CHAIN].batches == (3, 3)
        assert found[Check.LEDGER_SEQUENCE].partition == 0
        assert found[Check.LEDGER_UNIQUE].partition == 0

    @pytest.mark.parametrize(
        ("kind", "fields", "check"),
        [
            ("usage", {"amount": "0.0000000001"}, Check.LEDGER_BATCH),
            ("usage", {"billed": "1"}, Check.LEDGER_BATCH),
            ("usage", {"currency": "USD"}, Check.LEDGER_BATCH),
            ("usage", {"sequence": 1000}, Check.LEDGER_SEQUENCE),
            ("usage", {"unbilled": []}, Check.LEDGER_UNBILLED),
            ("usage", {"bill_period_ms": 0}, Check.LEDGER_UNBILLED),
            ("limit_reached", {"invoiced": []}, Check.LEDGER_UNBILLED),
            ("limit_reached", {"invoice_up_to": 1}, Check.LEDGER_UNBILLED),
            (
                "usage",
                {"counters_after": [["product:iot-data:B:EUR", 1772319600000, 7, "1", "1"]]},
                Check.LEDGER_COUNTERS,
            ),
            ("usage", {"counters_after": []}, Check.LEDGER_COUNTERS),
            ("usage", {"kind": "of the future"}, Check.LEDGER_BATCH),
        ],
        ids=lambda value: value if isinstance(value, str) else ", ".join(map(str, value)),
    )
    async def test_a_ledger_record_that_says_otherwise_is_named(self, world, kind, fields, check):
        broken = []

        def doctor(appends, proof):
            found = list(appends)
            for index, append in enumerate(appends):
                if not broken and append.headers[:1] == (("kind", kind.encode()),):
                    found[index] = changed(append, **fields)
                    broken.append((proof.source_partition, proof.batch))
            return [(found, proof)]

        await world.rate(doctor)
        found = (await findings_of(world))[check]
        assert found.topic == world.topics.ledger.name
        assert broken == [(found.partition, found.batches[0])]

    async def test_a_ledger_record_that_is_lost_is_named(self, world):
        await world.rate(at_batch(3, lambda appends, proof: [(appends[1:], proof)]))
        found = await findings_of(world)
        assert found[Check.LEDGER_BATCH].batches == (3, 3)
        assert found[Check.LEDGER_SEQUENCE].batches == (3, 3)

    async def test_proofs_of_another_installation_are_named(self, world):
        def doctor(appends, proof):
            return [(appends, sealed(replace(proof, genesis_id="0" * 32)))]

        await world.rate(doctor)
        found = (await findings_of(world))[Check.RATE_CHAIN]
        assert found.batches == (1, 1)


async def test_emptied_proofs_are_named(world):
    await world.normalise()
    await world.trim(world.topics.proofs, partition=1, before=-1)
    found = (await findings_of(world))[Check.NORMALISE_CHAIN]
    assert (found.partition, found.found) == (1, "no proof at all")
