"""A broker that asks who is there: one way in by TLS and a password, one by TLS and a certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.chaos.services import Pair, free_ports, own_pair

HOST = "127.0.0.1"
USER, PASSWORD = "ratemill", "s3cret phrase"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


@dataclass(frozen=True)
class SecureBroker:
    """Where it listens, and what a client needs."""

    pair: Pair
    by_password: str
    by_certificate: str
    ca: Path
    other_ca: Path  # of nobody here
    certificate: Path
    key: Path
    other_name: str  # by_password, under a name that its certificate does not have

    def password_environment(self, **changed: str) -> dict[str, str]:
        return {
            "RATEMILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "RATEMILL_KAFKA_SASL_MECHANISM": "PLAIN",
            "RATEMILL_KAFKA_SASL_USERNAME": USER,
            "RATEMILL_KAFKA_SASL_PASSWORD": PASSWORD,
            "RATEMILL_KAFKA_SSL_CA": str(self.ca),
        } | changed

    def certificate_environment(self) -> dict[str, str]:
        return {
            "RATEMILL_KAFKA_SECURITY_PROTOCOL": "SSL",
            "RATEMILL_KAFKA_SSL_CA": str(self.ca),
            "RATEMILL_KAFKA_SSL_CERTIFICATE": str(self.certificate),
            "RATEMILL_KAFKA_SSL_KEY": str(self.key),
        }


@asynccontextmanager
async def secure_broker(folder: Path) -> AsyncIterator[SecureBroker]:
    """Yield a running broker with a database beside it; all of it is gone afterwards."""
    authority, other = trustme.CA(), trustme.CA()
    ca, other_ca = folder / "ca.pem", folder / "other.pem"
    authority.cert_pem.write_to_path(str(ca))
    other.cert_pem.write_to_path(str(other_ca))
    server = _written(folder / "server", authority.issue_cert(HOST))
    client = _written(folder / "client", authority.issue_cert("ratemill@example.org"))
    password_port, certificate_port = free_ports(2)
    settings = {
        "listeners": f"PLAINTEXT://{HOST}:{{port}},PASSWORD://{HOST}:{password_port},"
        f"CERTIFICATE://{HOST}:{certificate_port},CONTROLLER://{HOST}:{{controller_port}}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{{port}},PASSWORD://{HOST}:{password_port},"
        f"CERTIFICATE://{HOST}:{certificate_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL,"
        "CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(server / "both.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "listener.name.certificate.ssl.client.auth": "required",
        "listener.name.password.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.password.plain.sasl.jaas.config": f'{_PLAIN} user_{USER}="{PASSWORD}";',
    }
    async with own_pair(kafka_settings=settings) as pair:
        yield SecureBroker(
            pair,
            by_password=f"{HOST}:{password_port}",
            by_certificate=f"{HOST}:{certificate_port}",
            ca=ca,
            other_ca=other_ca,
            certificate=client / "certificate.pem",
            key=client / "key.pem",
            other_name=f"localhost:{password_port}",
        )


def _written(folder: Path, issued: trustme.LeafCert) -> Path:
    """Return a folder with a certificate and its key, apart and in one file; Kafka wants PKCS 8."""
    folder.mkdir()
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    (folder / "key.pem").write_bytes(key)
    (folder / "certificate.pem").write_bytes(chain)
    (folder / "both.pem").write_bytes(key + chain)
    return folder
