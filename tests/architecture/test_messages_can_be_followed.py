"""No message sends an operator to what this version cannot do: records of suspense stay there."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "mediation", "rating", "counters", "billing", "sources", "sinks", "pipeline")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def texts_that_recycle(source):
    """Return the texts of a program that tell to recycle."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [t for t in texts if isinstance(t, str) and re.search(r"\brecycle\b", t)]


def test_there_is_something_to_look_at():
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_message_tells_to_recycle(path):
    assert texts_that_recycle(path.read_text()) == []


def test_one_that_does_is_noticed():
    assert texts_that_recycle('f"plan {code} is gone: publish it, then recycle."')
    assert texts_that_recycle('RECYCLED = "recycled"') == []
