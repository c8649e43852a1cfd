"""A file that is read again after its mapping was corrected: what docs/mappings.md promises."""

import re
from pathlib import Path

import pytest

from mediation.decode.mapping import load_decoder
from tests.mediation_world import TEXTS, MemoryStage
from tests.recycling_world import sent_back

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "mappings.md").read_text()
SECTION = DOCUMENT.partition("\n## A file that was read by a wrong mapping\n")[2].partition("\n## ")

MAPPING = """
kind: delimited
name: site
version: {version}
columns: [id, start, number, caller, ringing, talked, state]
times: {{formats: [iso], zone: Europe/Berlin}}
started_at: [start]
identity: [[{identity}]]
identifiers: [{identifier}]
product: voice
quantities: {{s: {seconds}}}
ignore: {{state: [{ignored}]}}
"""
ROW = b"1,2026-03-01 12:00:00,4930,2001,,45,done"
RINGING = ROW.replace(b",,45", b",50,45")


def mapping(
    version, *, identity="id", identifier="caller", seconds="talked", ignored="nothing", name="site"
):
    text = MAPPING.format(
        version=version,
        identity=identity,
        identifier=identifier,
        seconds=seconds,
        ignored=ignored,
    ).replace("name: site", f"name: {name}")
    return {name: load_decoder(text, f"{name}.yaml", extends=TEXTS)}


def read_twice(row, first, then):
    """Return what each reading made of a row, and the seconds of all events."""
    stage = MemoryStage(mappings=first)
    outcomes = stage.send(row, format="site")
    corrected = MemoryStage(mappings=then)  # workers were restarted
    corrected.state, corrected.offset, corrected.proof = stage.state, stage.offset, stage.proof
    again = corrected.send(row, format="site")
    seconds = [str(event.quantities["s"]) for event in stage.events() + corrected.events()]
    return outcomes, stage.reasons(), again, seconds


@pytest.mark.parametrize(
    ("row", "first", "then", "expected"),
    [
        (
            RINGING,
            mapping(1, seconds="ringing"),
            mapping(2),
            ({"normalised": 1}, [], {"duplicate": 1}, ["50"]),
        ),
        (
            ROW,
            mapping(1, seconds="ringing"),
            mapping(2),
            ({"suspended": 1}, ["mediation.missing_field"], {"normalised": 1}, ["45"]),
        ),
        (
            ROW,
            mapping(1, name="other"),
            mapping(1),
            ({"suspended": 1}, ["mediation.unknown_format"], {"normalised": 1}, ["45"]),
        ),
        (
            ROW,
            mapping(1, identifier="number"),
            mapping(2),
            ({"suspended": 1}, ["mediation.unknown_subscriber"], {"duplicate": 1}, []),
        ),
        (
            ROW,
            mapping(1, ignored="done"),
            mapping(2),
            ({"ignored": 1}, [], {"normalised": 1}, ["45"]),
        ),
        (
            ROW,
            mapping(1),
            mapping(2, identity="start"),
            ({"normalised": 1}, [], {"normalised": 1}, ["45", "45"]),
        ),
    ],
    ids=[
        "charged from the wrong column",
        "refused: nothing is remembered",
        "a mapping that was not loaded",
        "nobody had that identifier: it is remembered",
        "ignored",
        "another identity: charged twice",
    ],
)
def test_what_a_second_reading_makes_of_a_row(row, first, then, expected):
    assert read_twice(row, first, then) == expected


def test_the_document_says_it_row_by_row():
    said = re.findall(r"^\| ([^|]+) \| \*\*(\w[\w ]*)\*\*", SECTION[0], re.MULTILINE)
    assert [becomes for _, becomes in said] == [
        *("a duplicate", "charged", "a duplicate", "a duplicate", "charged"),
    ]


def test_what_waits_is_recycled_by_the_corrected_mapping():
    """As the document says of a wrong column in identifiers: once, and its copy stays a duplicate."""
    stage = MemoryStage(mappings=mapping(1, identifier="number"))
    stage.send(ROW, format="site")
    corrected = MemoryStage(mappings=mapping(2))
    corrected.state, corrected.offset, corrected.proof = stage.state, stage.offset, stage.proof
    (record,) = stage.suspense()
    assert corrected.batch(sent_back(corrected, record)).proof.outcomes == {"normalised": 1}
    assert corrected.send(ROW, format="site") == {"duplicate": 1}
    (event,) = corrected.events()
    assert (str(event.quantities["s"]), event.provenance.format) == ("45", "site@2")
