"""The lines of `ratemill suspense list`: they fit, nothing that is copied is cut, no number is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.recycling import Waiting
from pipeline.cli.places import Place
from pipeline.cli.suspense_lines import lines_of
from pipeline.cli.suspense_whose import shortened, whom_nobody_knew
from pipeline.mappings import load_mappings
from pipeline.settings import Settings
from schemas import usage
from schemas.refusal import RefusalReason
from sinks.queries import SuspendedRow
from sinks.suspended import SuspendedRecord
from tests.mediation_world import MemoryStage, event_json
from tests.recycling_world import waiting_of

ID = "4f1c0a5be2a94f0d8f1a7a2f6f0e5b11"
NOBODY = "none of its identifiers belonged to a subscription when the usage began"
ROW = SuspendedRow(
    suspense_id=ID, stage="normalise", reason="mediation.unknown_subscriber", detail=NOBODY,
    source="fs-1", format="freeswitch-csv@1", topic="ratemill.usage.raw.v1", partition=0, offset=7,
    item=1, raw=b"", raw_headers=(),
)  # fmt: skip


def test_a_record_on_eighty_columns():
    assert list(lines_of(ROW, Place("calls.csv", 4), ("4930…", "dev-9"), width=80)) == [
        f"{ID}  mediation.unknown_subscriber",
        "  calls.csv:4 of fs-1",
        "  4930…, dev-9: none of its identifiers belonged to a subscription when the",
        "  usage began",
    ]


def test_nothing_is_wrapped_or_cut_where_no_terminal_is():
    path = "/a/long/way/" * 20 + "calls.csv"
    row = ROW._replace(detail="no price " * 40)
    assert list(lines_of(row, Place(path, 4), (), width=None)) == [
        f"{ID}  mediation.unknown_subscriber",
        f"  {path}:4 of fs-1",
        f"  {row.detail.rstrip()}",
    ]


def test_of_a_long_path_the_end_stays_and_without_one_there_is_the_position():
    _, where, *_ = lines_of(ROW, Place("/var/spool/" * 20 + "calls.csv", 4), (), width=80)
    assert where.startswith("  …")
    assert where.endswith("/calls.csv:4 of fs-1")
    assert len(where) == 80
    _, where, *_ = lines_of(ROW, Place(), (), width=80)
    assert where == "  ratemill.usage.raw.v1/0 7:1 of fs-1"


def test_what_to_do_is_left_to_show():
    row = ROW._replace(detail="no price for it. Operator action: publish one")
    assert list(lines_of(row, Place("c", 1), (), width=80))[2:] == ["  no price for it."]


@given(
    st.sampled_from(list(RefusalReason)), st.text("ab/ -", max_size=200),
    st.text("ab -", max_size=90), st.text("ab c-", max_size=300), st.integers(70, 200),
)  # fmt: skip
def test_every_line_fits(reason, file, source, detail, width):
    row = ROW._replace(reason=reason.value, source=source, detail=detail)
    lines = list(lines_of(row, Place(file, 4), ("4930…",), width=width))
    assert max(map(len, lines)) <= width
    assert lines[0] == f"{ID}  {reason.value}"


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("493023125001", "4930…"),
        ("+49 30 231-25001", "+49 30…"),
        ("sip:+493023125001@pbx.example", "sip:+4930…"),
        ("49-3-0-1", "49-3-0…"),
        ("4930", "4930"),
        ("dev-9", "dev-9"),
        ("meter", "meter"),
        ("\x1b[2Jdev-9", "[2Jdev-9"),
    ],
)
def test_of_an_identifier_four_digits_are_shown(identifier, shown):
    assert shortened(identifier) == shown


@given(st.text("0123456789 -.()+a", max_size=30))
def test_no_number_is_shown_however_it_is_grouped(identifier):
    shown = shortened(identifier)
    assert sum(map(str.isdigit, shown)) <= 4
    assert identifier == shown or identifier.startswith(shown.removesuffix("…"))


MAPPINGS = load_mappings(Settings(_env_file=None))


def record_of(waiting: Waiting) -> SuspendedRecord:
    return SuspendedRecord(waiting, "cloudevents-iot@1", "", "t", *[None] * 8)


def test_whom_nobody_knew_is_said_by_the_identifiers_of_the_record():
    stage = MemoryStage()
    stage.send(event_json(1, subject="49151777000123"))
    waiting = waiting_of(stage.suspense()[0])
    assert waiting.reason == RefusalReason.UNKNOWN_SUBSCRIBER
    assert whom_nobody_knew(record_of(waiting), MAPPINGS) == ("4915…",)
    assert whom_nobody_knew(record_of(waiting), {}) == ()


def test_of_an_event_it_is_the_account_and_the_subscription():
    stage = MemoryStage()
    stage.send(event_json())
    [event] = stage.events()
    waiting = Waiting(
        suspense_id=ID, stage="rate", tenant="", source="", reason="rating.unknown_subscription",
        raw=usage.to_wire(event), raw_headers=(), partition=0, offset=0, item=0, appended_at_ms=0,
        identity=None, attempts=1,
    )  # fmt: skip
    said = whom_nobody_knew(record_of(waiting), {})
    assert said == (event.account_id, event.subscription_id)
    assert whom_nobody_knew(record_of(waiting._replace(raw=b"x")), {}) == ()
