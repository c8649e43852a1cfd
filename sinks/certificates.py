"""The files of certificates that a DSN names: looked at first, since the driver does not say which."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sinks.errors import SinkMisconfigured

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_WITHOUT_A_FILE = "system"  # of sslrootcert: what the machine trusts


def check_certificates(dsn: str) -> None:
    """Raise `SinkMisconfigured` where a file that the DSN names cannot be read, or holds none."""
    for name, value in parse_qsl(urlsplit(dsn).query):
        if name not in _FILES or value == _WITHOUT_A_FILE:
            continue
        try:
            Path(value).read_bytes()
            if name == "sslrootcert":
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
        except OSError as error:  # also what is wrong with the certificate itself
            raise SinkMisconfigured(
                f"{name} of RATEMILL_POSTGRES_DSN is {value}, which cannot be used: "
                f"{error.strerror or error}. Operator action: name the file of the right certificate, "
                "and let the worker's user read it."
            ) from error
