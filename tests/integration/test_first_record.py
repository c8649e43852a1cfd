"""docs/first-record.md: its files and commands, in their order, on a broker and database that are given."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import pytest

from sinks.installation import drop_installation
from tests.integration.live_installation import YEARS_MS, eventually
from tests.integration.test_readme import missing_part, plain

DOCUMENT = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "first-record.md").read_text()
PROGRAM = [sys.executable, "-P", "-m", "pipeline.cli"]
PART = re.compile(r"(?:<!-- file (\S+) -->\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Ids of charges are made of the tenant's and the source's names, and are the same every time; the
# document does not show them.
ID = re.compile(r"\b[0-9a-f]{32}\b")


class Reader:
    """Somebody who does what the document says, line by line."""

    def __init__(self, folder: pathlib.Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.printed: dict[str, str] = {}
        self.last = ""

    def call(self, line: str) -> str:
        program, *words = shlex.split(line)
        assert program == "ratemill"
        ended = subprocess.run(
            [*PROGRAM, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def do(self, kind: str, name: str, text: str) -> None:
        if name:
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif kind == "text":
            lines = [ID.sub("", line) for line in self.printed[self.last].splitlines()]
            assert missing_part(plain(text), plain("\n".join(lines))) is None, self.printed[
                self.last
            ]
        else:
            for line in text.splitlines():
                self._line(line)

    def _line(self, line: str) -> None:
        if line.startswith("export "):
            variable, _, value = line.removeprefix("export ").partition("=")
            self.environment.setdefault(variable, value)  # the reader's own stand already
            return
        if line == "ratemill charges teahouse":  # "when status says that everything is through"
            asyncio.run(eventually(self._is_through, what="everything is through"))
        self.printed[line] = self.call(line)
        self.last = line

    async def _is_through(self) -> bool:
        said = await asyncio.to_thread(self.call, "ratemill status --json")
        return bool(json.loads(said)["through"])


@pytest.fixture(scope="module")
def reader(services, tmp_path_factory):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ratemill-first-"))
    folder.chmod(0o755)
    name = "first_record"
    ours = {name: text for name, text in os.environ.items() if not name.startswith("RATEMILL_")}
    reader = Reader(
        folder,
        ours
        | {
            "RATEMILL_KAFKA_BOOTSTRAP": services.kafka_bootstrap,
            "RATEMILL_POSTGRES_DSN": services.postgres_dsn,
            "RATEMILL_INSTALLATION": name,
            "RATEMILL_DEDUP_HORIZON_MS": str(YEARS_MS),  # its dates are fixed
        },
    )
    try:
        for name_of_file, kind, text in PART.findall(DOCUMENT):
            reader.do(kind, name_of_file, text)
        yield reader
    finally:
        subprocess.run([*PROGRAM, "down"], cwd=folder, env=reader.environment, check=False)
        asyncio.run(drop_installation(services.postgres_dsn, installation=name))
        shutil.rmtree(folder)


def test_every_step_can_be_taken_and_prints_what_is_shown(reader):
    assert len(reader.printed) >= 12
    assert "Reconciled" in reader.printed["ratemill verify"]


def test_the_other_lines_became_what_is_said_of_them(reader):
    assert "calls.csv:5   calls.csv:2" in reader.printed["ratemill duplicates list"]
    assert "mediation.invalid_time" in reader.printed["ratemill suspense list"]
    assert "3 events = 1 filtered, 2 rated" in reader.printed["ratemill verify"]


def test_the_settings_of_a_given_broker_were_looked_at(reader):
    assert "settings fit" in reader.printed["ratemill doctor"]
