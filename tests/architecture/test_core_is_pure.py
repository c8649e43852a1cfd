"""The core rooms compute and nothing else; imports are checked by `make layers`."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORE_ROOMS = ("schemas", "mediation", "rating", "counters", "billing")
FILES = [path for room in CORE_ROOMS for path in sorted((ROOT / room).rglob("*.py"))]

BANNED_NAMES = {
    "float": "Decimal or int",
    "open": "the pipeline reads files",
    "print": "return an output instead",
}


def impurities(source: str) -> list[str]:
    """Return one line per float, banned call or await, with its line number."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            found.append(f"{node.lineno}: float literal: Decimal or int")
        if isinstance(node, ast.Name) and node.id in BANNED_NAMES:
            found.append(f"{node.lineno}: {node.id}: {BANNED_NAMES[node.id]}")
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"{node.lineno}: async: only the pipeline waits")
    return found


@pytest.mark.parametrize(
    "planted",
    ["price = 0.1", "def f(x: float): ...", "open('cdr.csv')", "print(1)", "async def f(): ..."],
)
def test_the_check_sees_each_kind(planted):
    assert impurities(planted)


@pytest.mark.parametrize("room", CORE_ROOMS)
def test_every_core_room_is_looked_at(room):
    assert any(path.is_relative_to(ROOT / room) for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_is_pure(path):
    assert impurities(path.read_text()) == []
