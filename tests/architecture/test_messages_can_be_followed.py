"""What messages tell to run is there: each command that is named as one of `ratemill` exists."""

import ast
import pathlib
import re

import pytest
from typer.main import get_command

from pipeline.cli.program import app

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "mediation", "rating", "counters", "billing", "sources", "sinks", "pipeline")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
_CALLED = re.compile(r"`ratemill ((?:[a-z-]+ ?)*)")


def texts(source):
    """Return the texts of a program."""
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def unknown(text):
    """Return the commands that a text names and that are none: the words up to an argument."""
    found = []
    for words in _CALLED.findall(text):
        command = get_command(app)
        for word in words.split():
            if word.startswith("-") or not hasattr(command, "commands"):
                break
            if word not in command.commands:
                found.append(words.strip())
                break
            command = command.commands[word]
    return found


def test_there_is_something_to_look_at():
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_that_are_named_are_there(path):
    assert [each for text in texts(path.read_text()) for each in unknown(text)] == []


def test_one_that_is_not_is_noticed():
    assert unknown("then `ratemill suspense revive` it") == ["suspense revive"]
    assert unknown("then `ratemill suspense recycle ID`, or `ratemill explain CHARGE_ID`") == []
