"""Vectors of public systems through the real engine: none fails, and few have no form with us."""

import json
import subprocess
import sys

import pytest

from tests.conformance.compare import differences
from tests.conformance.run import OWN_VECTORS, judge, run
from tests.conformance.vector import Vector, read_vectors

LEAST_SHARE = 0.92
FILES = sorted(OWN_VECTORS.glob("*.jsonl"))
RESULTS = [result for file in FILES for result in run(file)]


def test_there_are_vectors_of_every_system():
    assert {result.system for result in RESULTS} == {file.stem for file in FILES}
    assert len(RESULTS) > 600
    assert len({result.id for result in RESULTS}) == len(RESULTS)


@pytest.mark.parametrize("system", [file.stem for file in FILES])
def test_no_vector_fails(system):
    failed = {r.id: r.failed for r in RESULTS if r.system == system and r.failed}
    assert not failed


def test_nearly_all_are_expressible():
    passed = sum(result.passed for result in RESULTS)
    assert passed / len(RESULTS) >= LEAST_SHARE


def test_what_has_no_form_has_a_reason():
    for result in RESULTS:
        if result.not_expressible is not None:
            assert len(result.not_expressible.split()) >= 6, result


def changed(vector, **fields):
    return Vector(**{**vector.__dict__, **fields})


def numbers_of(value):
    """Return a value with each of its numbers made larger by one."""
    if isinstance(value, dict):
        return {key: numbers_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [numbers_of(each) for each in value]
    try:
        return str(float(value) + 1)
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize("system", [file.stem for file in FILES])
def test_another_result_fails(system):
    """The judge can say no: every expectation with numbers, each larger by one, is not met."""
    passed = {result.id for result in RESULTS if result.passed}
    for vector in list(read_vectors(OWN_VECTORS / f"{system}.jsonl"))[::7]:
        if vector.id not in passed or vector.flags:
            continue
        expected = numbers_of(vector.expected)
        if expected != vector.expected:
            assert judge(changed(vector, expected=expected)).failed, vector.id


def test_a_result_that_answers_nothing_that_was_asked_is_a_difference():
    assert differences({"amount": "1"}, {"units": "1"})
    assert differences({"amount": "1"}, {"amount": "1.0"}) == []
    assert differences({"amount_2dp": "1.24"}, {"amount_2dp": "1.235"}) == []
    assert differences({"amount": "1"}, {"amount": True})


def test_an_unknown_model_fails_and_a_wrong_published_figure_must_not_be_met():
    vector = next(read_vectors(OWN_VECTORS / "misc.jsonl"))
    assert "no adapter" in judge(changed(vector, model="of another world")).failed
    wrong = judge(changed(vector, flags={"published_wrong": True}, exact="77.51"))
    assert "published figure, which is wrong" in wrong.failed


def test_the_command_says_it_in_one_line_of_json(tmp_path):
    def said(*files):
        command = [sys.executable, "-m", "tests.conformance", *map(str, files)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    fine = said(OWN_VECTORS / "killbill.jsonl")
    assert fine.returncode == 0
    report = json.loads(fine.stdout)
    assert report["failed"] == []
    assert report["passed"] + len(report["not_expressible"]) == 53
    first = json.loads((OWN_VECTORS / "lago.jsonl").read_text().splitlines()[0])
    first["expected"] = {"amount": "1234567"}
    other = tmp_path / "lago_of_mine.jsonl"
    other.write_text(json.dumps(first) + "\n")
    wrong = said(other)
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["failed"] == [first["id"]]
    assert said(tmp_path / "none.jsonl").returncode == 2
