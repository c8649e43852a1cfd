"""The file and line that a suspended record came from, as far as anybody said it."""

import pytest

from pipeline.cli.explaining import _provenance_lines
from pipeline.cli.places import Place, places_of, stated_place
from pipeline.cli.provenance import Provenance
from schemas import usage
from sinks.queries import SuspendedRow
from tests.rating_builders import event

NOBODY = "127.0.0.1:1"  # no broker listens there


def row(stage="normalise", raw=b"a,b", headers=(), item=0):
    return SuspendedRow(
        suspense_id="ab" * 16,
        stage=stage,
        reason="mediation.missing_field",
        detail="no duration",
        source="fs-1",
        format="asterisk@1",
        topic="raw",
        partition=0,
        offset=7,
        item=item,
        raw=raw,
        raw_headers=headers,
    )


@pytest.mark.parametrize(
    ("headers", "index", "place", "text"),
    [
        ({"source_file": b"a.csv", "first_line": b"1001"}, 3, Place("a.csv", 1004), "a.csv:1004"),
        ({"source_file": b"a.csv"}, 0, Place("a.csv"), "a.csv"),  # the end of a file
        ({"first_line": b"12"}, 0, Place("", 12), ""),
        ({}, 0, Place(), ""),
        ({"source_file": b"\xff", "first_line": b"x"}, 0, Place("\\xff"), "\\xff"),
        ({"source_file": b"a", "first_line": b"9" * 5000}, 0, Place("a"), "a"),
    ],
    ids=["a line", "a file", "a line of no file", "nothing", "what is no text", "too many digits"],
)
def test_a_place_is_what_the_headers_say(headers, index, place, text):
    assert stated_place(headers, index) == place
    assert str(place) == text


async def test_a_record_that_normalise_refused_says_its_place_itself():
    refused = row(headers=(("source_file", b"a.csv"), ("first_line", b"5")), item=2)
    assert await places_of([refused], raw_topic="raw", bootstrap=NOBODY) == (
        [Place("a.csv", 7)],
        True,
    )


async def test_without_a_broker_the_list_is_there_and_says_so():
    from_rate = row(stage="rate", raw=usage.to_wire(event(to="4930", s=61)))
    places = await places_of([from_rate, row()], raw_topic="raw", bootstrap=NOBODY)
    assert places == ([Place(), Place()], False)


async def test_bytes_that_are_no_event_have_no_place():
    places = await places_of([row(stage="rate", raw=b"\xc1")], raw_topic="raw", bootstrap=NOBODY)
    assert places == ([Place()], True)


@pytest.mark.parametrize(
    ("counts", "said"), [("line", "line 7 of a.csv"), ("item", "item 7 of a.csv")]
)
def test_a_file_without_lines_has_items(counts, said):
    raw = Provenance(
        topic="t",
        partition=0,
        offset=1,
        index=6,
        source="s",
        format="f",
        appended_at="2026-11-26T00:00:00Z",
        file="a.csv",
        line=7,
        counts=counts,
    )
    assert _provenance_lines(raw)[0] == f"From {said}, source s, format f"
