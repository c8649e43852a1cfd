"""How many processes run tests where there are several, which of them runs what, in which order."""

import pathlib

from xdist.scheduler import LoadScopeScheduling

_OF_SERVICES = frozenset({"integration", "chaos", "contract", "planted"})  # folders
# Each of their tests runs long and shares no fixture with the next one: a scope by itself.
_OF_SINGLE_TESTS = frozenset({"test_planted.py", "test_rows.py"})
_IN_MEMORY = "test_planted.py"  # the one file of those folders that needs no service

# What takes longest goes first, so that nobody waits for it at the end. The rest goes by the number
# of its tests.
FIRST = (
    "tests/simulation/test_seeds.py",
    "tests/planted/test_planted.py",
    "tests/chaos/test_rows.py",
    "tests/integration/test_bench.py",
    "tests/integration/test_outages.py",
    "tests/integration/test_demo.py",
    "tests/planted/test_planted_on_services.py",
    "tests/integration/test_readme.py",
    "tests/integration/test_cli_up.py",
    "tests/integration/test_retention.py",
)


def processes(cores):
    """Return how many processes keep so many cores at work: tests of services wait half their time."""
    return cores + 1


def with_services(number):
    """Return how many of so many processes begin with tests of services, each with its own services."""
    return (number + 1) // 2


def scope_of(nodeid):
    """Return the scope of a test; those of one scope run in one process, one after the other.

    It is a file, so that its fixtures are made once; a test that is long and alone is one by itself.
    """
    path = nodeid.partition("::")[0]
    return nodeid if pathlib.PurePath(path).name in _OF_SINGLE_TESTS else path


def of_services(scope):
    """Return whether tests of a scope start processes or talk to services."""
    path = pathlib.PurePath(scope.partition("::")[0])
    return path.name != _IN_MEMORY and not _OF_SERVICES.isdisjoint(path.parts)


def next_of(waiting, *, services):
    """Return which of the scopes that wait is next for a process.

    ``services``: whether it takes those of services before all others, or after them. Where none of
    its own kind waits it takes the other kind: better a Kafka more than a process that is idle.
    """
    own = [scope for scope in waiting if of_services(scope) == services] or list(waiting)
    return min(own, key=_place)  # the first of equals, as they wait


def _place(scope):
    path = scope.partition("::")[0]
    return FIRST.index(path) if path in FIRST else len(FIRST)


class ServicesApart(LoadScopeScheduling):
    """Gives scopes to processes: those of services to some of them, everything else to the others."""

    def _split_scope(self, nodeid):
        return scope_of(nodeid)

    def _assign_work_unit(self, node):
        services = self.nodes.index(node) < with_services(len(self.nodes))
        chosen = next_of(self.workqueue, services=services)
        self.workqueue.move_to_end(chosen, last=False)
        super()._assign_work_unit(node)

    def _reschedule(self, node):
        # A process must know of one test more than it runs. One that has two needs no more yet, and
        # what it is given now nobody else can take.
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
