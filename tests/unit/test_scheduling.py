"""Tests of services are given to some processes first, all others to the rest, the longest ahead."""

import ast
import pathlib

import pytest

from tests.scheduling import FIRST, next_of, of_services, processes, scope_of, with_services

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = "tests/integration/test_demo.py"
PLANTED = "tests/planted/test_planted.py::test_it[a]"
MONEY = "tests/unit/test_money.py"
ROWS = "tests/chaos/test_rows.py::test_row[kills]"
SEEDS = "tests/simulation/test_seeds.py"


@pytest.mark.parametrize(
    ("nodeid", "scope", "starts_some"),
    [
        (f"{DEMO}::test_a[1]", DEMO, True),
        (ROWS, ROWS, True),
        ("tests/contract/test_loading.py::test_a", "tests/contract/test_loading.py", True),
        (
            "tests/planted/test_planted_on_services.py::test_it[a]",
            "tests/planted/test_planted_on_services.py",
            True,
        ),
        (PLANTED, PLANTED, False),
        (f"{MONEY}::test_a[::]", MONEY, False),
        (f"{MONEY}::Kind::test_a", MONEY, False),
    ],
)
def test_the_scope_of_a_test(nodeid, scope, starts_some):
    assert (scope_of(nodeid), of_services(scope)) == (scope, starts_some)


@pytest.mark.parametrize(
    ("with_some", "order"),
    [
        (True, [ROWS, DEMO, SEEDS, PLANTED, MONEY]),
        (False, [SEEDS, PLANTED, MONEY, ROWS, DEMO]),
    ],
)
def test_a_process_takes_the_longest_of_its_kind_then_the_others(with_some, order):
    waiting = [DEMO, MONEY, PLANTED, ROWS, SEEDS]
    given = []
    while waiting:
        given.append(next_of(waiting, services=with_some))
        waiting.remove(given[-1])
    assert given == order


def test_of_equals_the_first_that_waits_is_next():
    waiting = ["tests/unit/test_b.py", "tests/unit/test_a.py"]
    assert next_of(waiting, services=False) == waiting[0]


@pytest.mark.parametrize(("number", "beginning"), [(1, 1), (2, 1), (3, 2), (4, 2)])
def test_some_processes_begin_with_services_and_some_without(number, beginning):
    assert with_services(number) == beginning


def test_there_is_a_process_more_than_cores():
    assert processes(2) == 3


def test_what_is_given_out_first_is_there():
    assert all((ROOT / each).is_file() for each in FIRST)


def test_a_test_that_asks_for_services_is_among_those_of_services():
    """Else a process that is to start none starts a Kafka."""
    asking = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if asked_by(path).intersection(("services", "database"))
    ]
    assert len(asking) > 20
    assert [path for path in asking if not of_services(path)] == []


def asked_by(path):
    """Return the fixtures that tests and fixtures of a file ask for."""
    functions = (
        each
        for each in ast.walk(ast.parse(path.read_text()))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and (
            each.name.startswith("test_")
            or any("fixture" in ast.unparse(decorator) for decorator in each.decorator_list)
        )
    )
    return {argument.arg for each in functions for argument in each.args.args}
