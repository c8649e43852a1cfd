"""How clients of Kafka prove who they are, and know whom they talk to: TLS and SASL.

From the environment alone: a password on a command line is read by everybody on the machine. It is no
part of `Settings`, which are shown and handed on in clear.
"""

from __future__ import annotations

import functools
import ssl
from pathlib import Path
from typing import Any, Literal, Self

from aiokafka.helpers import create_ssl_context
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import SettingsError

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class KafkaSecurity(BaseSettings):
    """TLS and SASL to the brokers; each field is ``RATEMILL_KAFKA_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="RATEMILL_KAFKA_", frozen=True, extra="ignore")

    security_protocol: Protocol = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."
    )
    ssl_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the brokers' certificates; none: those "
        "that the system trusts.",
    )
    ssl_certificate: Path | None = Field(
        default=None, description="PEM file of our own certificate, where brokers ask for one."
    )
    ssl_key: Path | None = Field(default=None, description="PEM file of its key.")
    ssl_key_password: SecretStr | None = Field(default=None, description="Password of the key.")
    sasl_mechanism: Mechanism = Field(
        default="SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    sasl_username: str | None = Field(default=None, description="User name.")
    sasl_password: SecretStr | None = Field(default=None, description="Password of the user.")
    sasl_password_file: Path | None = Field(
        default=None,
        description="File that holds the password instead; a line end is no part of it.",
    )

    @property
    def uses_tls(self) -> bool:
        """Return whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    @property
    def uses_sasl(self) -> bool:
        """Return whether a user name and a password are sent."""
        return self.security_protocol.startswith("SASL")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Return the settings where nothing that the protocol needs is missing or left unused."""
        given = {
            "SASL": (self.sasl_username, self.sasl_password, self.sasl_password_file),
            "SSL": (self.ssl_ca, self.ssl_certificate, self.ssl_key, self.ssl_key_password),
        }
        used = {"SASL": self.uses_sasl, "SSL": self.uses_tls}
        for what, values in given.items():
            if any(values) and not used[what]:
                # Taken for plain, a password that was meant to be encrypted would go in clear.
                raise _wrong(
                    f"RATEMILL_KAFKA_{what}_... is set, and RATEMILL_KAFKA_SECURITY_PROTOCOL "
                    f"{self.security_protocol} does not use it",
                    "set the protocol, such as SASL_SSL, or unset the rest",
                )
        if self.uses_sasl and (
            not self.sasl_username
            or (self.sasl_password is None) == (self.sasl_password_file is None)
        ):
            raise _wrong(
                f"RATEMILL_KAFKA_SECURITY_PROTOCOL {self.security_protocol} needs a user and one password",
                "set RATEMILL_KAFKA_SASL_USERNAME, and RATEMILL_KAFKA_SASL_PASSWORD or "
                "RATEMILL_KAFKA_SASL_PASSWORD_FILE",
            )
        if (self.ssl_certificate is None) != (self.ssl_key is None):
            raise _wrong(
                "Of RATEMILL_KAFKA_SSL_CERTIFICATE and RATEMILL_KAFKA_SSL_KEY one is set",
                "set both, or none",
            )
        return self

    def password(self) -> str | None:
        """Return the password of the user, read from its file where it is in one."""
        if self.sasl_password_file is None:
            return None if self.sasl_password is None else self.sasl_password.get_secret_value()
        try:
            return self.sasl_password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise _wrong(
                f"RATEMILL_KAFKA_SASL_PASSWORD_FILE {self.sasl_password_file} cannot be read ({error})",
                "correct the path, or its rights",
            ) from error

    def context(self) -> ssl.SSLContext:
        """Return what TLS connections are made with; the host name of a broker is always checked."""
        password = self.ssl_key_password
        try:
            context: ssl.SSLContext = create_ssl_context(
                cafile=self.ssl_ca,
                certfile=self.ssl_certificate,
                keyfile=self.ssl_key,
                # A function: else OpenSSL asks at the terminal for a password that is not given.
                password=lambda: "" if password is None else password.get_secret_value(),
            )
        except (OSError, ValueError) as error:
            files = [self.ssl_ca, self.ssl_certificate, self.ssl_key]
            raise _wrong(
                f"TLS to Kafka cannot be set up with {', '.join(str(f) for f in files if f)} ({error})",
                "check that RATEMILL_KAFKA_SSL_CA, _CERTIFICATE and _KEY are PEM files that fit each "
                "other, and the password of the key",
            ) from error
        return context


def client_arguments() -> dict[str, Any]:
    """Return what every client of Kafka of this process is made with beside its own arguments."""
    return _arguments(KafkaSecurity())


@functools.cache
def _arguments(security: KafkaSecurity) -> dict[str, Any]:
    if security.security_protocol == "PLAINTEXT":
        return {}
    arguments: dict[str, Any] = {"security_protocol": security.security_protocol}
    if security.uses_tls:
        arguments["ssl_context"] = security.context()
    if security.uses_sasl:
        arguments |= {
            "sasl_mechanism": security.sasl_mechanism,
            "sasl_plain_username": security.sasl_username,
            "sasl_plain_password": security.password(),
        }
    return arguments


def _wrong(what: str, action: str) -> SettingsError:
    return SettingsError(f"{what}. Operator action: {action}.")
