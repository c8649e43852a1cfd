"""What the documents point at is there: links, files, commands with their options, make targets."""

import pathlib
import re
import shlex

import pytest
import typer

from pipeline.cli.hoist import WITH_VALUE, hoisted
from pipeline.cli.program import app

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = (
    *("schemas", "mediation", "rating", "counters", "billing", "sources", "sinks", "pipeline"),
    *("deploy", "docs", "tests"),
)
DOCUMENTS = sorted(
    path
    for path in (ROOT / "README.md", *(p for room in ROOMS for p in (ROOT / room).rglob("*.md")))
    if "vectors" not in path.parts
)
# The guide speaks of what is to come, and of names that are examples.
WITHOUT_GUIDE = [path for path in DOCUMENTS if path.name != "STYLE.md"]


def name_of(path):
    return str(path.relative_to(ROOT))


def anchors_of(path):
    """Return the anchors of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def dead_links(path, text):
    """Return the relative links that lead nowhere."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors_of(found)):
            dead.append(target)
    return dead


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_link_leads_nowhere(path):
    assert dead_links(path, path.read_text()) == []


def test_a_dead_link_and_a_dead_anchor_are_noticed():
    path = ROOT / "README.md"
    assert dead_links(path, "[a](docs/no.md) [b](docs/cli.md#no)") == [
        "docs/no.md",
        "docs/cli.md#no",
    ]


def missing_files(text, folder=ROOT):
    """Return the files of ours that are named between backticks and are not there.

    From the root, or from the folder of the document.
    """
    return [
        name
        for name in re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./*-]*)`", text)
        if not any(any(base.glob(name.rstrip("/"))) for base in (ROOT, folder))
    ]


@pytest.mark.parametrize("path", WITHOUT_GUIDE, ids=name_of)
def test_every_file_that_is_named_is_there(path):
    assert missing_files(path.read_text(), path.parent) == []


def test_a_file_that_is_gone_is_noticed():
    assert missing_files("see `rating/gone.py`, `rating/rate.py`, `tests/unit/`") == [
        "rating/gone.py"
    ]


def command_lines(text):
    """Return the words of every call of ratemill that a document shows, in blocks or inline."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^(?:[\w/.]*/)?ratemill (.+)$", blocks, re.MULTILINE)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines += re.findall(r"`(?:\.venv/bin/)?ratemill ([^`]+)`", prose)
    return [line.replace("\\|", "|") for line in lines]


def unknown_in(line):
    """Return what a call names that the program does not have: a command, or an option."""
    words = [word for word in hoisted(shlex.split(line)) if word not in WITH_VALUE]
    command = typer.main.get_command(app)
    options = {name for option in command.params for name in option.opts} | {"--help"}
    for word in words:
        if hasattr(command, "commands") and word in command.commands:
            command = command.commands[word]
            for option in command.params:
                options |= {*option.opts, *option.secondary_opts}
    if hasattr(command, "commands") and not {"--help"} & set(words):
        known = [*command.commands, "COMMAND"]
        return [word for word in words if word not in known and not word.startswith("-")][:1]
    return [word for word in words if word.startswith("--") and word not in options]


LINES = sorted({(name_of(p), line) for p in WITHOUT_GUIDE for line in command_lines(p.read_text())})


@pytest.mark.parametrize(("document", "line"), LINES)
def test_every_command_that_is_shown_is_one_of_the_program(document, line):
    assert unknown_in(line) == []


@pytest.mark.parametrize("line", ["recycle", "ingest a.csv --colour red", "topics drop"])
def test_a_command_or_option_that_is_not_there_is_noticed(line):
    assert unknown_in(line)


@pytest.mark.parametrize("path", WITHOUT_GUIDE, ids=name_of)
def test_every_make_target_that_is_named_is_one(path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (\w+)`", path.read_text())) <= targets


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_owns(room):
    if room == "docs":  # what it holds is said in the README of the root
        assert (ROOT / "docs" / "ARCHITECTURE.md").exists()
        return
    text = (ROOT / room / "README.md").read_text()
    assert "It owns" in text
    assert "does not own" in text
