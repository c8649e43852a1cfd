"""Fixtures that only tests against real services use."""

import pytest

from tests.sink_world import migrated


@pytest.fixture
async def tables(database, prefix):
    """The tables of a fresh installation, in a database of its own."""
    async with migrated(database, prefix) as found:
        yield found
