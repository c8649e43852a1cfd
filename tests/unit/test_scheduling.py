"""Tests of services stay in one process; what takes long is not what everybody waits for at the end."""

import ast
import pathlib

import pytest

from tests.scheduling import FIRST, SERVICES, LongestFirst, scope_of

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/integration/test_demo.py::test_a[1]", SERVICES),
        ("tests/chaos/test_proxy.py::test_a", SERVICES),
        ("tests/contract/test_loading.py::test_a", SERVICES),
        ("tests/planted/test_planted_on_services.py::test_it[a]", SERVICES),
        ("tests/planted/test_planted.py::test_it[a]", "tests/planted/test_planted.py::test_it[a]"),
        ("tests/unit/test_money.py::test_a[::]", "tests/unit/test_money.py"),
        ("tests/unit/test_money.py::Kind::test_a", "tests/unit/test_money.py"),
    ],
)
def test_the_scope_of_a_test(nodeid, scope):
    assert scope_of(nodeid) == scope


def test_what_takes_longest_is_given_out_first_and_the_rest_as_it_stands():
    waiting = LongestFirst.fromkeys(["b", FIRST[1], "a", FIRST[0], "c"])
    given = [waiting.popitem(last=False)[0] for _ in range(len(waiting))]
    assert given == [*FIRST, "b", "a", "c"]


def test_what_is_given_out_first_is_there():
    assert all((ROOT / each).is_file() for each in FIRST[1:])


def test_a_test_that_asks_for_services_is_among_those_of_services():
    """Else each process would start a Kafka and a PostgreSQL."""
    asking = {
        scope_of(str(path.relative_to(ROOT)))
        for path in (ROOT / "tests").rglob("test_*.py")
        if asked_by(path).intersection(("services", "database"))
    }
    assert asking == {SERVICES}


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
