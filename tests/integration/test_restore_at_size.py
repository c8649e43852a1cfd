"""Restoring a lost state of some size: by the benchmark that does it at a million keys."""

import pytest

from benchmarks.restore import restore_ledger, restore_marks
from pipeline.genesis import apply_topics
from pipeline.settings import Settings


@pytest.fixture
async def settings(services, prefix, tmp_path):
    settings = Settings(installation=prefix, data=tmp_path, raw_partitions=1, rating_partitions=1)
    await apply_topics(settings, bootstrap=services.kafka_bootstrap)
    return settings


async def test_every_mark_comes_back_from_the_changelog_and_from_a_snapshot(
    services, settings, tmp_path
):
    """The benchmark compares the states, key by key."""
    found = await restore_marks(
        settings, services.kafka_bootstrap, tmp_path / "state", keys=300_000
    )
    assert [each.what for each in found] == ["changelog", "taking a snapshot", "snapshot"]


async def test_every_rating_key_comes_back_from_the_ledger(services, settings, tmp_path):
    (found,) = await restore_ledger(
        settings, services.kafka_bootstrap, tmp_path / "state", charges=20_000
    )
    assert found.count == 20_000
