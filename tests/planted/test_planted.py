"""Every planted bug is caught: the suites can fail, on each of these mistakes.

Those that only a Kafka or a PostgreSQL shows are in `test_planted_on_services.py`.
"""

import sys

import pytest

from tests.planted.bugs import BUGS, SIMULATION, Bug, needs_services
from tests.planted.plant import ROOT, DoesNotFit, catch, plant

IN_MEMORY = [bug for bug in BUGS if not needs_services(bug)]


def test_there_are_enough_of_them_and_each_has_its_own_name():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20


def test_an_edit_that_does_not_fit_is_an_error_and_not_a_bug_that_was_caught(tmp_path):
    bug = BUGS[0]
    path = tmp_path / bug.edits[0].file
    path.parent.mkdir(parents=True)
    path.write_text((ROOT / bug.edits[0].file).read_text().replace(bug.edits[0].old, ""))
    with pytest.raises(DoesNotFit):
        plant(bug, tmp_path)


def test_the_copy_is_afterwards_as_before(tree):
    """Else a bug would be caught that an earlier one has left."""
    catch(BUGS[0]._replace(suites=()), {}, tree=tree)
    for file in {edit.file for bug in BUGS for edit in bug.edits}:
        assert (tree / file).read_bytes() == (ROOT / file).read_bytes(), file


@pytest.mark.timeout(600)
def test_a_copy_without_a_bug_passes_what_catches_them(tree):
    """Else a suite that fails in any copy would seem to catch everything."""
    suites = {bug.suites[0] for bug in IN_MEMORY} - {SIMULATION}
    none = Bug("none", "no mistake at all", (), (" ".join(sorted(suites)),))
    caught = catch(none, {}, tree=tree, profile="few")
    assert caught.suite is None, caught.said


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", IN_MEMORY, ids=lambda bug: bug.name)
def test_it_is_caught(bug, tree, capsys):
    assert_caught(bug, {}, tree, capsys)


def assert_caught(bug, services, tree, capsys):
    """Plant a bug, and see that one of its suites fails."""
    caught = catch(bug, services, tree=tree)
    assert caught.suite is not None, f"{bug.what}: none of {bug.suites} failed"
    with capsys.disabled():
        sys.stdout.write(f"\n  {bug.name}: caught by {caught.suite} ({caught.seconds:.0f} s)")
