"""What holds in every test, and the real Kafka and PostgreSQL that integration tests share.

A stray float or a silent rounding fails the test that did it. `round_money` divides in a
context of its own, so it stays the one place that may round.
"""

import asyncio
import decimal
import os
import pathlib
import secrets
import shutil
import tempfile
from urllib.parse import urlsplit

import asyncpg
import pytest
from hypothesis import Phase, settings

from pipeline.embedded import Endpoints, ensure_services
from tests.scheduling import ServicesApart, processes

# The same source gives the same result, also where tests run slowly.
settings.register_profile("check", derandomize=True, deadline=None)
# For a failure that nobody reads: not made smaller.
settings.register_profile(
    "found", parent=settings.get_profile("check"), phases=(Phase.explicit, Phase.generate)
)
# For laws of which this run proves the same source with all examples elsewhere.
settings.register_profile("few", parent=settings.get_profile("found"), max_examples=10)
settings.load_profile("check")


def trap_inexact_decimals():
    """Set the traps for this thread, its event loops, and every thread that starts from now on.

    Asyncio tasks copy a reference to the context, not the context. A thread starts with a copy of
    DefaultContext.
    """
    for context in (decimal.DefaultContext, decimal.getcontext()):
        context.traps[decimal.FloatOperation] = True
        context.traps[decimal.Inexact] = True


trap_inexact_decimals()


@pytest.fixture(autouse=True)
def _decimal_traps():
    """Set them again: a test that changed the context must not make the next one blind."""
    trap_inexact_decimals()


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_xdist_auto_num_workers():
    """Return how many processes run tests, where nobody says how many."""
    return processes((yield))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Return what gives tests to the processes, where there are several."""
    return ServicesApart(config, log)


@pytest.fixture(scope="session")
def services():
    """Endpoints of the services RATEMILL_... names, else of ones started once for this process.

    Not an async fixture: it must outlive the event loop of each test. A service that is missing
    fails the test; it never skips.
    """
    bootstrap = os.environ.get("RATEMILL_KAFKA_BOOTSTRAP")
    dsn = os.environ.get("RATEMILL_POSTGRES_DSN")
    if bootstrap and dsn:
        yield Endpoints(bootstrap, dsn, embedded=False)
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-tests-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    started = asyncio.run(
        ensure_services(
            folder,
            kafka_bootstrap=bootstrap,
            postgres_dsn=dsn,
            on_progress=lambda _: None,
            detach=False,
        )
    )
    try:
        yield started.endpoints
    finally:
        asyncio.run(started.stop())
        shutil.rmtree(folder)


@pytest.fixture
def prefix():
    """An installation prefix that no other test uses: topics, groups, transactional ids."""
    return f"t{secrets.token_hex(3)}"


@pytest.fixture
async def database(services):
    """The DSN of a fresh, empty database, gone after the test."""
    name = f"t{secrets.token_hex(6)}"
    await _execute(services.postgres_dsn, f"CREATE DATABASE {name}")
    yield urlsplit(services.postgres_dsn)._replace(path=f"/{name}").geturl()
    await _execute(services.postgres_dsn, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(dsn, statement):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
