"""Certificates of the database that do not fit: told at once, with what to do, not waited for."""

from __future__ import annotations

import contextlib
import ssl
from asyncio import StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from sinks.certificates import check_certificates
from sinks.connection import connect_as_owner
from sinks.errors import SinkMisconfigured, classified

TLS = Path(__file__).parents[1] / "data" / "tls"  # of db.example, signed by itself; and another's


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that greets as Postgres does and shows its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.crt", TLS / "server.key")

    async def greet(reader: StreamReader, writer: StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await reader.readexactly(8)  # "may we speak TLS?"
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(context)
        writer.close()

    async with await start_server(greet, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("mode", "certificate", "says"),
    [
        ("verify-ca", "other.crt", "CERTIFICATE_VERIFY_FAILED"),
        ("verify-full", "server.crt", "certificate is not valid for '127.0.0.1'"),
    ],
    ids=["of another authority", "of another host"],
)
async def test_a_certificate_that_does_not_fit_is_not_waited_for(port, mode, certificate, says):
    dsn = f"postgresql://u@127.0.0.1:{port}/d?sslmode={mode}&sslrootcert={TLS / certificate}"
    with pytest.raises(SinkMisconfigured) as told:
        async with connect_as_owner(dsn, installation="one"):
            pass
    assert says in str(told.value)
    assert "Operator action: give the certificate of the authority" in str(told.value)


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(SinkMisconfigured, match=rf"{name} of .*gone.crt.*No such file"):
        check_certificates(f"postgresql://u@h/d?sslmode=require&{name}={tmp_path / 'gone.crt'}")


def test_a_file_without_a_certificate_is_named(tmp_path):
    (tmp_path / "empty.crt").write_text("not one")
    with pytest.raises(SinkMisconfigured, match=r"empty.crt, which cannot be used"):
        check_certificates(f"postgresql://u@h/d?sslrootcert={tmp_path / 'empty.crt'}")


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u@h/d",
        "postgresql://u@h/d?sslmode=require",
        "postgresql://u@h/d?sslrootcert=system",
        f"postgresql://u@h/d?sslrootcert={TLS / 'server.crt'}",
    ],
)
def test_what_can_be_used_is_taken(dsn):
    check_certificates(dsn)


def test_a_dsn_that_the_driver_does_not_take_is_told_with_what_to_do():
    with pytest.raises(SinkMisconfigured, match="Operator action: correct it"), classified():
        raise asyncpg.ClientConfigurationError("invalid sslmode")
