"""What `ratemill doctor` says of settings that would lose money."""

import pytest

from pipeline.doctor import database_findings, topic_findings
from pipeline.settings import Settings
from pipeline.topics import topics_of
from sinks.health import Health

RAW = topics_of(Settings()).raw


def wrong(findings):
    return [one.setting for one in findings if not one.fits]


def test_a_topic_as_we_declare_it_fits():
    assert wrong(topic_findings(RAW, RAW.configs, replicas=1)) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("message.timestamp.type", "CreateTime"),
        ("retention.ms", "604800000"),
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "1048588"),
    ],
)
def test_a_setting_that_was_changed_is_named(setting, value):
    changed = {**RAW.configs, setting: value}
    assert wrong(topic_findings(RAW, changed, replicas=1)) == [setting]


def test_a_setting_that_the_broker_does_not_tell_does_not_fit():
    config = {name: value for name, value in RAW.configs.items() if name != "retention.ms"}
    assert wrong(topic_findings(RAW, config, replicas=1)) == ["retention.ms"]


@pytest.mark.parametrize(
    ("replicas", "in_sync", "fits"), [(1, 1, True), (3, 1, False), (3, 2, True)]
)
def test_with_replicas_a_commit_must_be_on_two_of_them(replicas, in_sync, fits):
    config = {**RAW.configs, "min.insync.replicas": str(in_sync)}
    assert (wrong(topic_findings(RAW, config, replicas=replicas)) == []) == fits


@pytest.mark.parametrize(
    ("health", "setting"),
    [
        (Health("off", "on", 100.0), "fsync"),
        (Health("on", "off", 100.0), "synchronous_commit"),
        (Health("on", "local", 100.0), "synchronous_commit"),
        (Health("on", "on", 94.0), "clock against this machine's"),
        (Health("on", "on", 107.0), "clock against this machine's"),
    ],
)
def test_a_database_that_may_lose_rows_is_named(health, setting):
    assert wrong(database_findings(health, between_s=(100.0, 101.0))) == [setting]


def test_the_clock_is_compared_with_the_span_in_which_it_was_read():
    assert wrong(database_findings(Health("on", "on", 104.0), between_s=(100.0, 109.0))) == []
