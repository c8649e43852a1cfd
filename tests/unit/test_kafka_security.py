"""TLS and SASL to the brokers: what the variables must say together, and what a client is made with."""

from __future__ import annotations

import pytest

from pipeline.errors import SettingsError
from pipeline.kafka_security import KafkaSecurity, client_arguments

USER = {"SASL_USERNAME": "ratemill", "SASL_PASSWORD": "s3cret"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in KafkaSecurity.model_fields:
        monkeypatch.delenv(f"RATEMILL_KAFKA_{name.upper()}", raising=False)


def given(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(f"RATEMILL_KAFKA_{name}", str(value))


def test_nothing_set_is_plain(monkeypatch):
    assert client_arguments() == {}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_and_a_password(monkeypatch, mechanism):
    given(monkeypatch, SECURITY_PROTOCOL="SASL_PLAINTEXT", SASL_MECHANISM=mechanism, **USER)
    assert client_arguments() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "ratemill",
        "sasl_plain_password": "s3cret",
    }


def test_a_password_from_a_file_without_its_line_end(monkeypatch, tmp_path):
    path = tmp_path / "password"
    path.write_text(" with spaces \n")
    given(
        monkeypatch,
        SECURITY_PROTOCOL="SASL_SSL",
        SASL_USERNAME="ratemill",
        SASL_PASSWORD_FILE=path,
    )
    arguments = client_arguments()
    assert arguments["sasl_plain_password"] == " with spaces "
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["ssl_context"].check_hostname


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (USER, "PLAINTEXT does not use it"),
        ({"SASL_PASSWORD_FILE": "x", "SECURITY_PROTOCOL": "SSL"}, "SSL does not use it"),
        ({"SSL_CA": "ca.pem"}, "PLAINTEXT does not use it"),
        ({"SSL_CA": "ca.pem", "SECURITY_PROTOCOL": "SASL_PLAINTEXT", **USER}, "does not use it"),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "needs a user and one password"),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_USERNAME": "x"}, "needs a user and one password"),
        (
            {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_PASSWORD_FILE": "x", **USER},
            "needs a user and one password",
        ),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEY": "key.pem"}, "one is set"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA": "/nowhere.pem"}, "/nowhere.pem"),
        (
            {
                "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "SASL_USERNAME": "x",
                "SASL_PASSWORD_FILE": "/nowhere",
            },
            "/nowhere cannot be read",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_with_what_to_do(monkeypatch, variables, says):
    given(monkeypatch, **variables)
    with pytest.raises(SettingsError, match=r"Operator action") as refused:
        client_arguments()
    assert says in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_password_is_not_shown(monkeypatch):
    given(monkeypatch, SECURITY_PROTOCOL="SASL_SSL", **USER)
    assert "s3cret" not in repr(KafkaSecurity())


@pytest.mark.parametrize("name", ["SECURITY_PROTOCOL", "SASL_MECHANISM"])
def test_an_unknown_word_is_refused(monkeypatch, name):
    given(monkeypatch, **{name: "OTHER"})
    with pytest.raises(ValueError, match=name.lower()):
        client_arguments()
