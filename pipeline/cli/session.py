"""What every command knows: the settings, where the services are, how to run to the end."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from pipeline.errors import RatemillError

if TYPE_CHECKING:
    from pipeline.embedded import Endpoints
    from pipeline.settings import Settings


class NothingRuns(RatemillError):
    """No services are configured, and none of our own run in the data folder."""


@dataclass
class Session:
    """The global options of one call; the settings are read when they are first needed."""

    overrides: dict[str, object] = field(default_factory=dict)
    debug: bool = False

    @cached_property
    def settings(self) -> Settings:
        """Return the settings: the options given, else the environment, else the defaults."""
        from pipeline.settings import Settings

        self._quiet_logs()
        settings = Settings.model_validate({**Settings().model_dump(), **self.overrides})
        # Workers and services are started by it, and may have another current folder.
        return settings.model_copy(update={"data": settings.data.absolute()})

    def _quiet_logs(self) -> None:
        """Let libraries speak only when asked: what matters of them is in our own errors."""
        from pipeline.logs import configure_logs

        configure_logs(level="INFO" if self.debug else "ERROR")
        if not self.debug:
            for noisy in ("aiokafka", "asyncio"):
                logging.getLogger(noisy).setLevel("CRITICAL")

    @property
    def in_other_commands(self) -> str:
        """Return the options that a later command needs to mean the same installation."""
        words = [
            f" --{name} {value}"
            for name, value in self.overrides.items()
            if name in ("data", "installation")
        ]
        return "".join(words)


def session_of(context: typer.Context) -> Session:
    """Return the session of a command."""
    session = context.find_root().obj
    assert isinstance(session, Session)
    return session


async def connect(settings: Settings) -> Endpoints:
    """Return where broker and database are; `NothingRuns` where none are given and none run."""
    from pipeline.embedded import running_services

    endpoints = await running_services(
        settings.data,
        kafka_bootstrap=settings.kafka_bootstrap,
        postgres_dsn=settings.postgres_dsn,
    )
    if endpoints is None:
        raise NothingRuns(_nothing_runs(settings.data))
    if endpoints.embedded:
        _require_plaintext()
    return endpoints


def _require_plaintext() -> None:
    """Raise where security is set for brokers of somebody's own, and there are none: the embedded one
    would be called as it cannot answer."""
    from pipeline.errors import SettingsError
    from pipeline.kafka_security import KafkaSecurity

    protocol = KafkaSecurity().security_protocol
    if protocol != "PLAINTEXT":
        raise SettingsError(
            f"RATEMILL_KAFKA_SECURITY_PROTOCOL is {protocol}, and no brokers are named; the embedded "
            "one speaks PLAINTEXT on this machine alone. Operator action: set "
            "RATEMILL_KAFKA_BOOTSTRAP, or unset RATEMILL_KAFKA_SECURITY_PROTOCOL."
        )


def _nothing_runs(data: Path) -> str:
    return (
        f"No Kafka and PostgreSQL are configured, and our own do not run in {data}. Operator "
        f"action: start them with `ratemill --data {shlex.quote(str(data))} up --detach` (where it "
        "runs already it starts again what ended: try again in some seconds), name another folder "
        "with --data, or set RATEMILL_KAFKA_BOOTSTRAP and RATEMILL_POSTGRES_DSN to services of "
        "yours."
    )


async def require_topics(settings: Settings, *, bootstrap: str) -> None:
    """Raise where the topics are not there: a client that asks for them would wait in vain."""
    from pipeline.errors import MissingGenesis
    from pipeline.kafka import admin_client
    from pipeline.topics import topics_of

    async with admin_client(bootstrap) as admin:
        there = set(await admin.list_topics())
    missing = [topic.name for topic in topics_of(settings).all() if topic.name not in there]
    if missing:
        raise MissingGenesis(_no_topic(settings, missing[0]))


def _no_topic(settings: Settings, topic: str) -> str:
    from pipeline.cli.keeper import running_installations, runs_there

    others = tuple(
        one.installation
        for one in running_installations(settings.data)
        if one.installation != settings.installation
    )
    found = f" In {settings.data}: {runs_there(others)}." if others else ""
    check = f"name it with --installation {others[0]}" if others else "check --installation"
    return (
        f"The broker has no topic {topic}.{found} Operator action: run `ratemill topics apply` if "
        f"{settings.installation} is new; {check} if it is not."
    )


def endpoint_settings(settings: Settings, endpoints: Endpoints) -> Settings:
    """Return the settings with the services filled in: what a worker process is started with."""
    return settings.model_copy(
        update={
            "kafka_bootstrap": endpoints.kafka_bootstrap,
            "postgres_dsn": endpoints.postgres_dsn,
        }
    )
