"""Which tests run in which process, where there are several, and in which order they are given out."""

import pathlib
from collections import OrderedDict

from xdist.scheduler import LoadScopeScheduling

SERVICES = "services"
_OF_SERVICES = ("integration", "chaos", "contract", "planted")  # folders; processes, clocks, ports
_OF_SINGLE_TESTS = "test_planted.py"  # each runs a suite of its own, and needs no service
# What takes longest. The rest goes by the number of its tests, and single ones end the run.
FIRST = (SERVICES, "tests/simulation/test_seeds.py")


def scope_of(nodeid):
    """Return the scope of a test; those of one scope run in one process, one after the other.

    All that starts processes or talks to services is one, so that none waits for another's; of
    everything else a file; each planted bug is by itself, and so fills whichever process is through.
    """
    path = pathlib.PurePath(nodeid.partition("::")[0])
    if path.name == _OF_SINGLE_TESTS:
        return nodeid
    return SERVICES if set(path.parts).intersection(_OF_SERVICES) else str(path)


class LongestFirst(OrderedDict):
    """Scopes that wait: those in `FIRST` go before all others."""

    def popitem(self, last=True):
        for scope in FIRST:
            if scope in self:
                return scope, self.pop(scope)
        return super().popitem(last)


class OneProcessForServices(LoadScopeScheduling):
    """Gives tests to processes by `scope_of` and `LongestFirst`."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        self.workqueue = LongestFirst()

    def _split_scope(self, nodeid):
        return scope_of(nodeid)
