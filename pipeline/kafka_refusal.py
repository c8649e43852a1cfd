"""Why no connection to a broker comes about: the client says only that there is none."""

from __future__ import annotations

import asyncio
import ssl

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError

from pipeline.kafka_security import KafkaSecurity, client_arguments
from pipeline.within import within

_ANSWER_S = 5.0
_WHERE = (
    "start the broker, or correct RATEMILL_KAFKA_BOOTSTRAP; `ratemill up` starts an embedded one"
)


async def why_refused(bootstrap: str) -> str:
    """Return why the first broker that is named cannot be spoken to, and what an operator can do."""
    host, port, _ = collect_hosts(bootstrap, randomize=False)[0]
    named = f"Kafka at {host}:{port}"
    security = KafkaSecurity()
    try:
        connection = await within(
            _ANSWER_S,
            create_conn(host, port, request_timeout_ms=int(_ANSWER_S * 1000), **client_arguments()),
        )
    except SaslAuthenticationFailed:
        return _told(
            f"{named} refuses the user {security.sasl_username!r} or the password",
            "correct RATEMILL_KAFKA_SASL_USERNAME and RATEMILL_KAFKA_SASL_PASSWORD",
        )
    except UnsupportedSaslMechanismError:
        return _told(
            f"{named} does not take {security.sasl_mechanism}",
            "set RATEMILL_KAFKA_SASL_MECHANISM to one that it does",
        )
    except ssl.SSLCertVerificationError as error:
        return _told(
            f"{named} has a certificate that does not fit: {error.verify_message.rstrip('.')}",
            "set RATEMILL_KAFKA_SSL_CA to the authority that signed it, and name the broker in "
            "RATEMILL_KAFKA_BOOTSTRAP as its certificate does",
        )
    except (KafkaError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        if security.uses_tls and isinstance(error, ssl.SSLError | ConnectionResetError):
            return _told(
                f"{named} does not speak TLS there ({error!r})",
                "correct the port in RATEMILL_KAFKA_BOOTSTRAP, or RATEMILL_KAFKA_SECURITY_PROTOCOL",
            )
        if isinstance(error, KafkaError) and not security.uses_sasl:
            return _told(
                f"{named} closes the connection ({error})",
                "it may want TLS, a password or a certificate of ours: set "
                "RATEMILL_KAFKA_SECURITY_PROTOCOL and what belongs to it; else check the broker",
            )
        return _told(f"No Kafka broker answers at {bootstrap} ({error!r})", _WHERE)
    connection.close()
    return _told(f"No Kafka broker answers at {bootstrap}, but {host}:{port} does now", "try again")


def _told(what: str, action: str) -> str:
    return f"{what}. Operator action: {action}."
