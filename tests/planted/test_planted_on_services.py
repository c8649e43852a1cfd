"""Every planted bug that only a Kafka or a PostgreSQL shows is caught, as those of `test_planted.py`."""

import pytest

from tests.planted.bugs import BUGS, needs_services
from tests.planted.test_planted import IN_MEMORY, assert_caught

ON_SERVICES = [bug for bug in BUGS if needs_services(bug)]


def test_each_bug_is_planted_in_one_of_the_two_files():
    assert ON_SERVICES
    assert sorted([*ON_SERVICES, *IN_MEMORY]) == sorted(BUGS)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", ON_SERVICES, ids=lambda bug: bug.name)
def test_it_is_caught(bug, services, tree, capsys):
    found = {
        "RATEMILL_KAFKA_BOOTSTRAP": services.kafka_bootstrap,
        "RATEMILL_POSTGRES_DSN": services.postgres_dsn,
    }
    assert_caught(bug, found, tree, capsys)
