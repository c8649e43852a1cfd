"""Every bug that is planted in compiled code is caught by the law that holds it to its twin."""

import pytest

import native
from tests.planted.bugs import BUGS
from tests.planted.compiled_bugs import COMPILED_BUGS
from tests.planted.plant import compiled_of, copied
from tests.planted.test_planted import assert_caught

pytestmark = pytest.mark.skipif(
    not native.IN_USE, reason="nothing is compiled: no C compiler was there"
)


@pytest.fixture(scope="session")
def compiled_tree():
    """A copy for all of these bugs, one after the other."""
    with copied(compiled=True) as path:
        yield path


def test_each_is_in_compiled_code_and_has_its_own_name():
    assert all(compiled_of(bug) for bug in COMPILED_BUGS)
    assert not any(compiled_of(bug) for bug in BUGS)
    names = [bug.name for bug in (*BUGS, *COMPILED_BUGS)]
    assert len(set(names)) == len(names)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", COMPILED_BUGS, ids=lambda bug: bug.name)
def test_it_is_caught(bug, compiled_tree, capsys):
    assert_caught(bug, {}, compiled_tree, capsys)
