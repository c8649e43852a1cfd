"""Each import contract in pyproject.toml fails on every planted violation, and only then."""

import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
from itertools import product

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS = {contract["name"]: contract for contract in SETTINGS["importlinter"]["contracts"]}
ROOMS = SETTINGS["importlinter"]["root_packages"]

ONE_WAY = "Data flows one way; rooms on one line do not see each other"
PURE = "The core does no I/O and reads no clock"
POSTGRES = "Only sinks talks to Postgres"
KAFKA = "Only pipeline talks to Kafka and RocksDB"

# Which room may import which, written here once more and independently of the contract.
MAY_IMPORT = {
    "native": (),
    "schemas": ("native",),
    **dict.fromkeys(("mediation", "rating", "counters", "billing"), ("native", "schemas")),
    **dict.fromkeys(
        ("sources", "sinks"), ("native", "schemas", "mediation", "rating", "counters", "billing")
    ),
    "pipeline": tuple(room for room in ROOMS if room != "pipeline"),
}
CORE = ("schemas", "mediation", "rating", "counters", "billing")
OUTSIDE = CONTRACTS[PURE]["forbidden_modules"]
IMPURE = ("asyncio", "os", "pathlib", "socket", "subprocess", "threading", "time", "random", "uuid")


def lint(tree: pathlib.Path, planted) -> tuple[set[str], str]:
    """Return the broken contracts of a tree whose rooms hold these imports, and the report."""
    shutil.copy(ROOT / "pyproject.toml", tree)
    for room in ROOMS:
        (tree / room).mkdir()
        lines = [f"import {module}\n" for importer, module in planted if importer == room]
        (tree / room / "__init__.py").write_text("".join(lines))
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import importlinter.cli as c; c.lint_imports_command()"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    broken = {name for name in CONTRACTS if f"{name} BROKEN" in done.stdout}
    kept = {name for name in CONTRACTS if f"{name} KEPT" in done.stdout}
    assert broken | kept == set(CONTRACTS), done.stdout + done.stderr
    assert bool(done.returncode) == bool(broken)
    return broken, done.stdout


def planted_for_one_way(importer):
    return [
        (importer, room) for room in ROOMS if room != importer and room not in MAY_IMPORT[importer]
    ]


@pytest.mark.parametrize(
    ("contract", "planted"),
    [
        *(
            pytest.param(ONE_WAY, planted_for_one_way(room), id=f"against the direction: {room}")
            for room in ROOMS
            if planted_for_one_way(room)
        ),
        *(
            pytest.param(PURE, list(product([room], OUTSIDE)), id=f"not pure: {room}")
            for room in CORE
        ),
        pytest.param(
            POSTGRES,
            list(product(["pipeline", "sources"], ["asyncpg", "psycopg"])),
            id="Postgres elsewhere",
        ),
        pytest.param(
            KAFKA,
            list(product(["sources", "sinks"], ["faust", "mode", "aiokafka", "rocksdict"])),
            id="Kafka or RocksDB elsewhere",
        ),
    ],
)
def test_every_planted_violation_is_reported(tmp_path, contract, planted):
    broken, report = lint(tmp_path, planted)
    assert broken == {contract}
    for importer, module in planted:
        assert f"{importer} -> {module} (l." in report


def test_what_is_allowed_breaks_nothing(tmp_path):
    allowed = [(room, other) for room, others in MAY_IMPORT.items() for other in others]
    outside = [
        ("sinks", "asyncpg"),
        *product(["pipeline"], ["aiokafka", "faust", "mode", "rocksdict"]),
        *product(["sources", "sinks", "pipeline"], IMPURE),
        *product(CORE, ["datetime", "decimal", "hashlib", "msgspec"]),
    ]
    assert lint(tmp_path, allowed + outside)[0] == set()


def test_no_module_of_the_outside_was_dropped_from_the_contract():
    assert set(OUTSIDE) >= {*IMPURE, "asyncpg", "aiokafka", "faust", "rocksdict", "logging"}


def test_every_room_on_disk_is_under_the_contracts():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "deploy"}
    assert packages == set(ROOMS)
    assert set(SETTINGS["mypy"]["packages"]) == set(ROOMS)
    assert set(SETTINGS["hatch"]["build"]["targets"]["wheel"]["packages"]) == set(ROOMS)
