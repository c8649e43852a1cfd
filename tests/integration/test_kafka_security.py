"""A broker that wants TLS and a password, or a certificate: the whole pipeline on it, and refusals."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import warnings
from unittest import mock

import pytest

from pipeline.cli.exits import Exit
from pipeline.embedded import Endpoints
from tests.integration.live_installation import LiveInstallation, event_json, eventually
from tests.integration.test_watching import told as watched
from tests.integration.test_watching import watching
from tests.secure_broker import PASSWORD, USER, secure_broker


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secure")
    folder.chmod(0o755)
    with mock.patch.dict(os.environ):
        for name in ("RATEMILL_KAFKA_BOOTSTRAP", "RATEMILL_POSTGRES_DSN"):
            os.environ.pop(name, None)
        # A connection by TLS that is closed as its loop ends is never told that it is: asyncio's own.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            told = asyncio.run(_run(folder))
            gc.collect()
        return told


async def _run(folder):
    told = {}
    async with secure_broker(folder) as broker:
        dsn = broker.pair.endpoints.postgres_dsn
        ways = {
            "password": (broker.by_password, broker.password_environment()),
            "certificate": (broker.by_certificate, broker.certificate_environment()),
        }
        for name, (address, environment) in ways.items():
            endpoints = Endpoints(address, dsn, embedded=False)
            with mock.patch.dict(os.environ, environment):
                async with LiveInstallation.created(endpoints, folder / name) as here:
                    async with here.working(), watching(here):
                        path = here.file("usage.jsonl", event_json("one") + b"\n")
                        said = await here.ingest(
                            path, source="meters", format_name="cloudevents-iot"
                        )
                        assert said.code == Exit.OK, said
                        await here.through()
                        await eventually(
                            functools.partial(is_watched, here), what="meters is watched"
                        )
                    told[name, "charged"] = await here.count("rated_usage")
                    told[name, "verify"] = await here.command("verify", "--json")
                    told[name, "doctor"] = await here.command("doctor")
                    told[name, "peek"] = await here.command("peek", "rated", "--json")
                    told[name, "logs"] = "".join(map(here.log, ("normalise", "rate", "load")))
        password = broker.password_environment
        bare = {
            name: value
            for name, value in broker.certificate_environment().items()
            if not name.endswith(("_CERTIFICATE", "_KEY"))
        }
        for name, address, environment in (
            ("wrong password", broker.by_password, password(RATEMILL_KAFKA_SASL_PASSWORD="no")),
            (
                "wrong mechanism",
                broker.by_password,
                password(RATEMILL_KAFKA_SASL_MECHANISM="SCRAM-SHA-256"),
            ),
            (
                "another authority",
                broker.by_password,
                password(RATEMILL_KAFKA_SSL_CA=str(broker.other_ca)),
            ),
            ("another name", broker.other_name, password()),
            ("no security", broker.by_password, {}),
            ("no TLS there", broker.pair.endpoints.kafka_bootstrap, password()),
            ("no certificate of ours", broker.by_certificate, bare),
        ):
            with mock.patch.dict(os.environ, environment):
                here = LiveInstallation(
                    _settings(folder, address, dsn), Endpoints(address, dsn, embedded=False)
                )
                told[name] = await here.command("topics", "list")
    return told


async def is_watched(here: LiveInstallation) -> bool:
    return ("ratemill_source_last_seen_timestamp_seconds", "meters") in await watched(here)


def _settings(folder, address, dsn):
    from pipeline.settings import Settings

    return Settings(data=folder / "x", kafka_bootstrap=address, postgres_dsn=dsn)


@pytest.mark.parametrize("way", ["password", "certificate"])
def test_usage_is_charged_once_and_reconciles(told, way):
    assert told[way, "charged"] == 1
    assert told[way, "verify"].code == Exit.OK, told[way, "verify"]
    assert told[way, "doctor"].code == Exit.OK, told[way, "doctor"]
    assert len(told[way, "peek"].out.splitlines()) >= 3


def test_the_password_is_in_no_log(told):
    assert told["password", "logs"]
    assert PASSWORD not in told["password", "logs"]


@pytest.mark.parametrize(
    ("name", "says", "action"),
    [
        ("wrong password", f"refuses the user '{USER}' or the password", "KAFKA_SASL_PASSWORD"),
        ("wrong mechanism", "does not take SCRAM-SHA-256", "RATEMILL_KAFKA_SASL_MECHANISM"),
        ("another authority", "certificate that does not fit", "RATEMILL_KAFKA_SSL_CA"),
        ("another name", "not valid for 'localhost'", "as its certificate does"),
        ("no security", "closes the connection", "RATEMILL_KAFKA_SECURITY_PROTOCOL"),
        ("no TLS there", "does not speak TLS there", "RATEMILL_KAFKA_SECURITY_PROTOCOL"),
        ("no certificate of ours", "closes the connection", "a certificate of ours"),
    ],
)
def test_a_refusal_is_one_line_with_what_to_do(told, name, says, action):
    said = told[name]
    words = " ".join(said.err.split())
    assert said.code == Exit.UNREACHABLE, said
    assert says in words
    assert "To do: " in words
    assert action in words.partition("To do: ")[2]
    assert PASSWORD not in words
