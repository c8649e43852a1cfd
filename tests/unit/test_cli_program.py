"""The command line as a whole: options anywhere, help that teaches, errors as one block."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.cli.decode import nothing_but_refusals
from pipeline.cli.exits import Exit
from pipeline.cli.failures import block_of, failure_of
from pipeline.cli.hoist import FLAGS, WITH_VALUE, hoisted
from pipeline.cli.output import program
from pipeline.cli.program import app, run
from pipeline.cli.session import NothingRuns
from pipeline.embedded import EmbeddedError
from pipeline.errors import (
    BrokenChain,
    BrokerUnavailable,
    MissingGenesis,
    SettingsError,
    WrongInstallation,
)
from pipeline.kafka_security import KafkaSecurity
from sinks.errors import InstallationMismatch, SinkMisconfigured, SinkUnavailable
from sources.errors import FileStillWritten

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("INSTALLATION", "DATA", "KAFKA_BOOTSTRAP", "POSTGRES_DSN"):
        monkeypatch.delenv(f"RATEMILL_{name}", raising=False)


@pytest.mark.parametrize(
    ("given_words", "expected"),
    [
        (["status", "--json"], ["status", "--json"]),
        (["status", "--data", "x", "--json"], ["--data", "x", "status", "--json"]),
        (["up", "--installation=eu", "-d"], ["--installation=eu", "up", "-d"]),
        (["verify", "--debug"], ["--debug", "verify"]),
        (["status", "--data"], ["--data", "status"]),
        (["ingest", "--", "--data"], ["ingest", "--", "--data"]),
    ],
    ids=["none", "with a value", "with =", "a flag", "without its value", "behind --"],
)
def test_global_options_may_stand_anywhere(given_words, expected):
    assert hoisted(given_words) == expected


@given(st.lists(st.sampled_from(["status", "--json", "--", "x", *WITH_VALUE, *FLAGS, "--data=y"])))
def test_no_word_is_lost_or_made_up(words):
    assert sorted(hoisted(words)) == sorted(words)


def _commands():
    """Yield the words and the click command of everything that can be called."""
    root = typer.main.get_command(app)
    for name, command in root.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from (([name, inner], one) for inner, one in command.commands.items())
        else:
            yield [name], command


@pytest.mark.parametrize(("words", "command"), list(_commands()), ids=lambda v: str(v)[:40])
def test_help_of_every_command_teaches_with_an_example(words, command):
    assert command.help
    assert "Example" in (command.epilog or "")
    assert f"ratemill {' '.join(words)}" in re.sub(r" --\w+ \w+", "", command.epilog, count=0) or (
        " ".join(words) in command.epilog
    )


def _examples():
    """Yield every example line of the help, without its variables."""
    for _, command in _commands():
        for line in (command.epilog or "").split("\n\n")[1:]:
            text = re.sub(r"\[/?(bold)?\]", "", line).strip()
            yield re.sub(r"^(RATEMILL_\w+=\S+ )+", "", text)


@pytest.mark.parametrize("line", sorted(set(_examples())))
def test_every_example_of_the_help_names_a_command_and_options_that_there_are(line):
    program, *words = shlex.split(line)
    assert program == "ratemill"
    words = [word for word in hoisted(words) if word not in WITH_VALUE]
    commands = {tuple(name): command for name, command in _commands()}
    command = commands.get(tuple(words[:2])) or commands.get(tuple(words[:1]))
    if command is None:  # the value of a global option stands first
        command = commands.get(tuple(words[1:3])) or commands[tuple(words[1:2])]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word for word in words if word.startswith("-") and word != "-"} <= known


READING = (
    "status",
    "topics list",
    "catalogue check",
    "catalogue diff",
    "catalogue test",
    "decode",
    "verify",
    "explain",
    "rate",
    "invoices list",
    "invoices show",
    "suspense list",
    "demo",
    "generate",
    "bench",
)


@pytest.mark.parametrize("words", READING)
def test_every_command_that_shows_something_has_json(words):
    commands = {" ".join(words): command for words, command in _commands()}
    options = [name for option in commands[words].params for name in option.opts]
    assert "--json" in options


def test_help_is_quick_because_nothing_heavy_is_imported():
    script = (
        "import sys\n"
        "from pipeline.cli.program import run\n"
        "run(['--help'])\n"
        "heavy = {'aiokafka', 'asyncpg', 'faust', 'pydantic', 'rocksdict', 'ruamel.yaml'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_document_lists_the_exit_codes_of_the_program():
    text = (CHECKOUT / "docs" / "cli.md").read_text()
    listed = {int(code): name for code, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.M)}
    assert listed == {code.value: code.name for code in Exit}


@pytest.mark.parametrize(("words", "command"), list(_commands()), ids=lambda v: str(v)[:40])
def test_the_document_names_every_command(words, command):
    text = (CHECKOUT / "docs" / "cli.md").read_text()
    assert f"ratemill {words[0]}" in text


ERRORS = [
    (SettingsError("no. Operator action: set it."), Exit.USAGE),
    (BrokerUnavailable("away. Operator action: start it."), Exit.UNREACHABLE),
    (NothingRuns("none. Operator action: start it."), Exit.UNREACHABLE),
    (EmbeddedError("no Java. Operator action: install it."), Exit.UNREACHABLE),
    (SinkUnavailable("away. Operator action: start it."), Exit.UNREACHABLE),
    (ConnectionRefusedError("refused"), Exit.UNREACHABLE),
    (WrongInstallation("other. Operator action: check."), Exit.REFUSED),
    (InstallationMismatch("other. Operator action: check."), Exit.REFUSED),
    (SinkMisconfigured("no role. Operator action: check."), Exit.REFUSED),
    (MissingGenesis("empty. Operator action: apply."), Exit.REFUSED),
    (FileStillWritten("young. Operator action: wait."), Exit.REFUSED),
    (BrokenChain("broken. Operator action: verify."), Exit.FAILED),
    (ZeroDivisionError("oops"), Exit.INTERNAL),
    (ExceptionGroup("both", [BrokerUnavailable("a. Operator action: b.")]), Exit.UNREACHABLE),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda v: type(v).__name__)
def test_every_error_has_its_code_and_ends_with_what_to_do(error, code):
    failure = failure_of(error)
    assert failure.code is code
    *_, last = [line for line in block_of(failure).splitlines() if not line.startswith("  ")]
    assert last.startswith("To do: ")


def test_a_wrong_setting_of_kafka_is_named_as_the_user_sets_it(monkeypatch):
    monkeypatch.setenv("RATEMILL_KAFKA_SASL_MECHANISM", "GSSAPI")
    with pytest.raises(ValidationError) as wrong:
        KafkaSecurity()
    assert failure_of(wrong.value).text.startswith("RATEMILL_KAFKA_SASL_MECHANISM is 'GSSAPI'")


def test_a_wrong_setting_is_named_as_the_user_sets_it(capsys):
    assert run(["topics", "list", "--installation", "Not-A-Name"]) == Exit.USAGE
    told = capsys.readouterr().err
    assert "RATEMILL_INSTALLATION is 'Not-A-Name'" in told
    assert "Traceback" not in told


def test_nothing_runs_is_said_with_the_way_out(tmp_path, capsys):
    assert run(["topics", "list", "--data", str(tmp_path)]) == Exit.UNREACHABLE
    assert "ratemill --data" in capsys.readouterr().err


def test_debug_shows_the_trace(tmp_path, capsys):
    run(["topics", "list", "--data", str(tmp_path), "--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage(capsys):
    assert run(["upp"]) == Exit.USAGE
    assert "Did you mean" in capsys.readouterr().err


def test_catalogue_check_says_file_line_field_and_what_was_expected(tmp_path, capsys):
    (tmp_path / "plans.yaml").write_text(
        "products:\n"
        "  voice: {type: t, usage_kind: voice, unit: s}\n"
        "plans:\n"
        "  p:\n"
        "    currency: EURO\n"
        "    prices: {c: {product: voice, price: {model: flat, amount: 1}}}\n"
    )
    assert run(["catalogue", "check", str(tmp_path)]) == Exit.FAILED
    assert "plans.yaml:5: plans.p.currency: expected a currency" in capsys.readouterr().out
    assert run(["catalogue", "check", str(tmp_path), "--json"]) == Exit.FAILED
    (document,) = capsys.readouterr().out.splitlines()
    answer = json.loads(document)
    assert answer["valid"] is False
    assert answer["errors"][0]["line"] == 5


def test_catalogue_schema_writes_the_schema_and_nothing_else(capsys):
    assert run(["catalogue", "schema"]) == Exit.OK
    said = capsys.readouterr()
    assert said.out == (CHECKOUT / "schemas" / "catalogue.schema.json").read_text()
    assert said.err == ""


def test_the_help_of_catalogue_schema_shows_the_line_that_an_editor_wants(capsys):
    assert run(["catalogue", "schema", "--help"]) == Exit.OK
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "# yaml-language-server: $schema=../catalogue.schema.json" in words


def _two_catalogues(folder):
    """Return two folders of a catalogue, one with another price."""
    text = (
        "products: {voice: {type: t, usage_kind: voice, unit: s}}\n"
        "plans: {p: {currency: EUR, prices: {c: {product: voice, price: {model: flat, amount: %s}}}}}"
    )
    for name, amount in (("old", "0.10"), ("new", "0.12")):
        (folder / name).mkdir()
        (folder / name / "plans.yaml").write_text(text % amount)
    return str(folder / "old"), str(folder / "new")


def test_catalogue_diff_compares_two_folders_the_old_one_first(tmp_path, capsys):
    old, new = _two_catalogues(tmp_path)
    for words in ([old, new], [new, "--from", old]):
        assert run(["catalogue", "diff", *words]) == Exit.OK
        said = capsys.readouterr()
        assert said.out == "plan p, price c: 0.10 -> 0.12 EUR per event (+20 %)\n"
        assert said.err == "1 difference.\n"
    assert run(["catalogue", "diff", new, new, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == {"differences": []}
    assert run(["catalogue", "diff", old, new, "--json"]) == Exit.OK
    (difference,) = json.loads(capsys.readouterr().out)["differences"]
    assert difference["at"] == "plans.p.prices.c"
    assert difference["change_percent"] == "20.0"


def test_catalogue_diff_of_a_broken_catalogue_compares_nothing(tmp_path, capsys):
    old, new = _two_catalogues(tmp_path)
    (tmp_path / "new" / "plans.yaml").write_text("plans: 3\n")
    assert run(["catalogue", "diff", old, new]) == Exit.FAILED
    assert "1 errors, nothing was compared" in capsys.readouterr().err
    assert run(["catalogue", "diff", old, new, "--json"]) == Exit.FAILED
    assert json.loads(capsys.readouterr().out)["valid"] is False


def test_catalogue_diff_of_three_folders_is_wrong_usage(tmp_path, capsys):
    old, new = _two_catalogues(tmp_path)
    assert run(["catalogue", "diff", old, new, "--from", old]) == Exit.USAGE
    assert "either two folders, or one and --from" in capsys.readouterr().err


def test_publishing_a_broken_catalogue_is_refused_before_anything_is_asked(tmp_path, capsys):
    (tmp_path / "plans.yaml").write_text("plans: 3\n")
    assert run(["catalogue", "publish", str(tmp_path)]) == Exit.REFUSED
    assert "nothing was published" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("unit", "told"),
    [("seconds", "Did you mean s?"), ("records", "Did you mean record?"), ("s", "")],
)
def test_check_asks_whether_a_unit_that_is_spelled_out_is_meant(tmp_path, capsys, unit, told):
    (tmp_path / "plans.yaml").write_text(
        f"products: {{x: {{type: t, usage_kind: u, unit: {unit}}}}}\n"
        "plans: {p: {currency: EUR, prices: {x: {product: x, price: {model: flat, amount: 1}}}}}\n"
    )
    assert run(["catalogue", "check", str(tmp_path)]) == Exit.OK
    said = capsys.readouterr().err.replace("\n", " ")
    assert told in said
    assert (f"Product x is in {unit}: " in said) is bool(told)


def test_reference_load_names_everything_that_is_wrong(tmp_path, capsys):
    path = tmp_path / "accounts.jsonl"
    path.write_text('{"id": "a", "zone": "Mars", "currency": "EUR"}\n')
    assert run(["reference", "load", str(path)]) == Exit.REFUSED
    said = capsys.readouterr()
    assert f"{path}:1:" in said.out
    assert "nothing was loaded" in said.err


def test_decode_shows_items_and_reasons_without_any_service(tmp_path, capsys):
    path = tmp_path / "Master.csv"
    good = '"","49301","49302","d","","","","","","2026-10-01 10:00:00","2026-10-01 10:00:05"'
    good += ',"2026-10-01 10:01:05",65,60,"ANSWERED","DOCUMENTATION","1790000000.1",""'
    path.write_text(good + "\nbroken\n")
    arguments = ["decode", str(path), "--format", "asterisk", "--zone", "UTC", "--json"]
    assert run(arguments) == Exit.OK
    answer = json.loads(capsys.readouterr().out)
    assert [item["outcome"] for item in answer["items"]] == [
        "event",
        "mediation.wrong_column_count",
    ]
    assert [item["line"] for item in answer["items"]] == [1, 2]
    assert answer["items"][0]["quantities"]["s"] == "60"


CALL = '"","1","2","default","2026-10-14 10:30:00","2026-10-14 10:30:04","2026-10-14 10:32:10",' + (
    '"130","126","NORMAL_CLEARING","7b1e6a52-0d3c-4c1f-9a43-5c8f20d1e601","","","PCMA","PCMA"'
)


@pytest.mark.parametrize("more", [[], ["--json"], ["--refused"], ["--limit", "1"]])
@pytest.mark.parametrize(
    ("lines", "code", "told"),
    [
        (["x", "y"], Exit.FAILED, "2 mediation.wrong_column_count."),
        (["x", CALL], Exit.OK, "1 event; 1 mediation.wrong_column_count."),
        ([], Exit.OK, "There is no item in"),
    ],
    ids=["all refused", "one of two refused", "nothing"],
)
def test_decode_fails_where_nothing_but_refusals_comes_of_a_file(
    tmp_path, capsys, lines, code, told, more
):
    path = tmp_path / "calls.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert run(["decode", str(path), "--format", "freeswitch-csv", "--zone", "UTC", *more]) == code
    said = capsys.readouterr().err.replace("\n", " ")
    assert (told in said) is (more != ["--json"])
    assert ("Not one item is an event" in said) is (code == Exit.FAILED and more != ["--json"])


@pytest.mark.parametrize(
    ("counts", "failed"),
    [
        ({}, False),
        ({"ignored": 2}, False),
        ({"ignored": 2, "mediation.not_json": 1}, True),
        ({"ignored": 2, "mediation.not_json": 9, "event": 1}, False),
    ],
)
def test_what_a_mapping_leaves_out_is_no_refusal(counts, failed):
    assert nothing_but_refusals(Counter(counts)) is failed


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "nope"], "is none of"),
        (["--format", "freeswich-csv"], "Did you mean"),
        (["--format", "asterisk@99"], "is at version"),
        (["--format", "asterisk", "--zone", "Mars"], "is no zone"),
    ],
    ids=["format", "format nearly", "version", "zone"],
)
def test_a_format_or_zone_that_there_is_not_is_wrong_usage(tmp_path, capsys, options, told):
    path = tmp_path / "x.csv"
    path.write_text("x\n")
    assert run(["decode", str(path), *options]) == Exit.USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("words", "command"), list(_commands()), ids=lambda v: str(v)[:40])
def test_help_is_wrapped_by_the_terminal_alone(words, command):
    assert "\n" not in command.help.replace("\n\n", ""), words


def test_decode_says_how_to_state_a_zone_and_that_a_file_is_empty(tmp_path, capsys):
    calls = tmp_path / "calls.csv"
    calls.write_bytes((CHECKOUT / "deploy" / "sample" / "usage" / "calls.csv").read_bytes())
    assert run(["decode", str(calls), "--format", "freeswitch-csv"]) == Exit.FAILED
    assert "--zone" in capsys.readouterr().err
    assert run(["decode", str(calls), "--format", "freeswitch-csv", "--zone", "UTC"]) == Exit.OK
    assert "--zone" not in capsys.readouterr().err
    calls.write_bytes(b"")
    assert run(["decode", str(calls), "--format", "freeswitch-csv"]) == Exit.OK
    assert f"There is no item in {calls}." in capsys.readouterr().err.replace("\n", "")


@pytest.mark.parametrize("dsn", ["localhost", "mysql://user:secret@host/usage"])
def test_a_database_that_is_no_postgres_url_is_wrong_usage(dsn, capsys):
    assert run(["status", "--postgres", dsn]) == Exit.USAGE
    told = capsys.readouterr().err
    assert "postgresql://user:password@host:5432/database" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    ("called", "found", "expected"),
    [
        (".venv/bin/ratemill", None, ".venv/bin/ratemill"),
        ("/my own/ratemill", None, "'/my own/ratemill'"),
        ("/any/bin/ratemill", "/usr/bin/ratemill", "ratemill"),
        ("/usr/bin/pytest", None, "ratemill"),
    ],
    ids=["of a folder", "to be quoted", "on the path", "as a module"],
)
def test_a_hint_calls_the_program_as_it_was_called(called, found, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(shutil, "which", lambda _: found)
    assert program() == expected
