"""Where nothing is compiled the same laws hold: they are run so once more, in a process of its own."""

import os
import pathlib
import subprocess
import sys

import pytest

import native

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAWS = [
    "tests/golden",
    "tests/property/test_mediation_short_ways.py",
    "tests/property/test_mediation_decode_laws.py",
    "tests/property/test_mediation_normalise_laws.py",
    "tests/property/test_rate_step_laws.py",
    "tests/property/test_rate_exactness.py",
]


def test_the_laws_hold_by_python_alone():
    if native.compiled("ordinary") is None:
        pytest.skip("nothing is compiled: this very run is by Python alone")
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *LAWS]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, native.PYTHON_ONLY: "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout
