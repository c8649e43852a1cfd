"""What `ratemill doctor` says of settings that would lose money."""

import pytest

from pipeline.doctor import database_findings, hot_path_finding, topic_findings
from pipeline.doctor_broker import (
    broker_findings,
    horizon_finding,
    transaction_log_finding,
)
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
    config = {
        **RAW.configs,
        "min.insync.replicas": str(in_sync),
        "unclean.leader.election.enable": "false",
    }
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


@pytest.mark.parametrize("said", [{"unclean.leader.election.enable": "true"}, {}])
def test_with_replicas_a_broker_that_is_behind_may_not_lead(said):
    config = {**RAW.configs, "min.insync.replicas": "2", **said}
    assert wrong(topic_findings(RAW, config, replicas=3)) == ["unclean.leader.election.enable"]
    assert wrong(topic_findings(RAW, config, replicas=1)) == [], "there is no other broker"


OURS = Settings(transaction_timeout_ms=10_000, session_timeout_ms=10_000)


@pytest.mark.parametrize(
    ("setting", "least", "fits"),
    [
        ("transaction.max.timeout.ms", "10000", True),
        ("transaction.max.timeout.ms", "9999", False),
        ("group.max.session.timeout.ms", "9999", False),
        ("group.min.session.timeout.ms", "10000", True),
        ("group.min.session.timeout.ms", "10001", False),
        ("group.min.session.timeout.ms", "None", True),
    ],
)
def test_our_time_outs_must_be_ones_that_the_broker_takes(setting, least, fits):
    assert wrong(broker_findings({setting: least}, OURS)) == ([] if fits else [setting])


@pytest.mark.parametrize(
    ("ours", "replicas", "in_sync", "fits"),
    [(1, 1, 1, True), (3, 3, 2, True), (3, 1, 1, False), (3, 3, 1, False), (3, 2, 2, False)],
)
def test_the_log_of_transactions_survives_what_our_topics_survive(ours, replicas, in_sync, fits):
    config = {"min.insync.replicas": str(in_sync)}
    assert transaction_log_finding(config, replicas, ours=ours).fits is fits


@pytest.mark.parametrize(("days", "fits"), [(62, True), (31, True), (30, False)])
def test_usage_of_an_open_month_must_be_young_enough(days, fits):
    assert horizon_finding(Settings(dedup_horizon_ms=days * 86_400_000)).fits is fits


@pytest.mark.parametrize(
    ("compiled", "wanted", "found"),
    [
        (True, True, "compiled"),
        (False, True, "Python alone, half as fast: nothing is compiled"),
        (False, False, "Python alone, half as fast: RATEMILL_PYTHON_ONLY=1"),
    ],
)
def test_the_hot_path_fits_either_way_and_says_which_it_is(compiled, wanted, found):
    finding = hot_path_finding(compiled=compiled, wanted=wanted)
    assert finding.fits
    assert finding.found.startswith(found)
