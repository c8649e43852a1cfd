"""The copy of the tree in which bugs are planted."""

import pytest

from tests.planted.plant import copied


@pytest.fixture(scope="session")
def tree():
    """A copy for all bugs of this process, one after the other."""
    with copied() as path:
        yield path
