"""The settings outside that guard money, looked at on the running broker and database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

import native
from pipeline.clock import Clock
from pipeline.doctor_broker import (
    TRANSACTION_LOG,
    broker_findings,
    horizon_finding,
    transaction_log_finding,
    unclean_finding,
)
from pipeline.errors import BrokerUnavailable
from pipeline.findings import Finding
from pipeline.kafka import admin_client
from pipeline.settings import Settings
from pipeline.topics import Topic, topics_of
from sinks.connection import open_pool
from sinks.health import Health, read_health

_MOST_SKEW_S = 5


async def examine(settings: Settings, *, bootstrap: str, dsn: str, clock: Clock) -> list[Finding]:
    """Return a finding for every setting that money depends on, those that fit included."""
    topics = topics_of(settings)
    names = [one.name for one in topics.all()]
    async with admin_client(bootstrap) as admin:
        brokers = (await admin.describe_cluster())["brokers"]
        there = TRANSACTION_LOG in await admin.list_topics()  # not before the first transaction
        asked = [*names, TRANSACTION_LOG] if there else names
        responses = await admin.describe_configs(
            [
                *(ConfigResource(ConfigResourceType.TOPIC, name) for name in asked),
                *(
                    ConfigResource(ConfigResourceType.BROKER, str(b["node_id"]))
                    for b in brokers[:1]
                ),
            ]
        )
        described = await admin.describe_topics(asked)
    configs = _configs(responses, needed=names)
    replicas = {
        one["topic"]: min(len(partition["replicas"]) for partition in one["partitions"])
        for one in described
    }
    findings = [
        finding
        for topic in topics.all()
        for finding in topic_findings(topic, configs[topic.name], replicas[topic.name])
    ]
    if TRANSACTION_LOG in configs:
        least = min(replicas[name] for name in names)
        log = configs[TRANSACTION_LOG], replicas[TRANSACTION_LOG]
        findings.append(transaction_log_finding(*log, ours=least))
    findings += broker_findings(configs.get(str(brokers[0]["node_id"]), {}), settings)
    findings.append(horizon_finding(settings))
    findings.append(hot_path_finding(compiled=native.IN_USE, wanted=native.WANTED))
    async with open_pool(dsn, installation=settings.installation, max_size=1) as pool:
        before_s = clock.now().timestamp()
        health = await read_health(pool)
        after_s = clock.now().timestamp()
    return [*findings, *database_findings(health, between_s=(before_s, after_s))]


def hot_path_finding(*, compiled: bool, wanted: bool) -> Finding:
    """Return by what the workers of this installation read and rate: both ways fit, one is slower."""
    found = "compiled"
    if not wanted:
        found = f"Python alone, half as fast: {native.PYTHON_ONLY}=1 switches off what is compiled"
    elif not compiled:
        found = (
            "Python alone, half as fast: nothing is compiled from these sources; with a C compiler "
            "`make venv` does it"
        )
    return Finding(where="installation", setting="hot path", expected="any", found=found, fits=True)


def _configs(responses: Sequence[Any], *, needed: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the settings of topics and of the broker, by name; `BrokerUnavailable` where one that is
    needed is not told. What is the broker's own is left out there: a service may keep it to itself."""
    configs: dict[str, dict[str, str]] = {}
    for response in responses:
        for code, message, _kind, name, entries in response.resources:
            if code and name not in needed:
                continue
            if code:
                raise BrokerUnavailable(
                    f"The broker does not describe {name}: {for_code(code).__name__} {message}. "
                    "Operator action: run `ratemill topics apply`; check the broker's permissions."
                )
            configs[name] = {entry[0]: str(entry[1]) for entry in entries}
    return configs


def topic_findings(topic: Topic, config: Mapping[str, str], replicas: int) -> list[Finding]:
    """Return what one topic's settings say against what `topics.py` declares."""
    findings = []
    for setting, declared in topic.configs.items():
        found = config.get(setting, "not set")
        if setting == "min.insync.replicas":
            continue
        findings.append(
            Finding(
                where=topic.name,
                setting=setting,
                expected=declared,
                found=found,
                fits=found == declared,
                action=f"set {setting}={declared} on the topic",
            )
        )
    in_sync = int(config.get("min.insync.replicas", "1"))
    # One replica is what one machine has; with more, a commit must be on two of them to survive.
    needed = 1 if replicas == 1 else 2
    findings.append(
        Finding(
            where=topic.name,
            setting="min.insync.replicas",
            expected=f"{needed} or more of {replicas}",
            found=str(in_sync),
            fits=in_sync >= needed,
            action=f"set min.insync.replicas={needed} on the topic",
        )
    )
    if replicas > 1:
        findings.append(unclean_finding(topic.name, config))
    return findings


def database_findings(health: Health, *, between_s: tuple[float, float]) -> Sequence[Finding]:
    """Return what the database's settings and clock say. ``between_s`` are our clock's readings,
    in seconds since 1970, before and after its own was read."""
    skew_s = max(between_s[0] - health.now_s, health.now_s - between_s[1], 0.0)
    return [
        Finding(
            where="Postgres",
            setting="fsync",
            expected="on",
            found=health.fsync,
            fits=health.fsync == "on",
            action="set fsync=on: without it a power cut loses committed rows",
        ),
        Finding(
            where="Postgres",
            setting="synchronous_commit",
            expected="on, remote_write or remote_apply",
            found=health.synchronous_commit,
            fits=health.synchronous_commit in ("on", "remote_write", "remote_apply"),
            action="set synchronous_commit=on for the database",
        ),
        Finding(
            where="Postgres",
            setting="clock against this machine's",
            expected=f"within {_MOST_SKEW_S} s",
            found=f"{skew_s:.0f} s apart",
            fits=skew_s <= _MOST_SKEW_S,
            action="run NTP on both machines",
        ),
    ]
