"""No subscriber's number in a log line; what an operator needs stays readable."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import pytest
import structlog

from pipeline import correlation
from pipeline.log_masking import masked
from pipeline.logs import configure_logs

NUMBER = "4917612345678"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NUMBER, "4917..."),
        (f"+{NUMBER}.", "+4917...."),
        (f"KeyError('{NUMBER}')", "KeyError('4917...')"),
        (f"tel:+{NUMBER}, sip:{NUMBER}@example.net", "tel:+4917..., sip:4917...@example.net"),
        (f'{{"caller":{NUMBER}}}', '{"caller":4917...}'),
        (f"Key (identifier)=({NUMBER}) exists", "Key (identifier)=(4917...) exists"),
        ("IMSI 262011234567890", "IMSI 2620..."),
        ("49301234 rang", "4930... rang"),
    ],
)
def test_a_number_is_shown_by_its_first_digits(text, shown):
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "one.usage.raw.v1/0: offsets 123456789 to 123456799 are there and do not come for 30 s",
        "the record at or behind offset 1234567890 has a header",
        "the proof at offset 12345678, batch 87654321, does not follow; version 12345678",
        "2026-11-26T07:58:12.123456Z",
        "charge 0d3c4c1f9a435c8f20d1e60100000001",
        "7b1e6a52-0d3c-4c1f-9a43-12345678d601",
        "/data/snapshots/one/rate-0/00000000000012345678/manifest",
        "20261101000001_installation_and_progress.sql",
        "1234567 records of 36207.75344837 EUR",
        "36207753.4483 EUR",
        "process 4194303 at 127.0.0.1:65535",
    ],
)
def test_what_is_no_number_of_a_subscriber_stays(text):
    assert masked(text) == text


@pytest.fixture
def lines(monkeypatch):
    """What is logged, as the worker writes it for a collector."""
    root = logging.getLogger()
    before = root.handlers, root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs(json=True)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers, root.level = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_no_field_of_a_line_holds_one(lines):
    log = structlog.get_logger("test")
    log.error(
        "refused", error=f"unknown {NUMBER}", numbers=[NUMBER], by={"to": (NUMBER,)}, offset=1
    )
    log.error(f"what of {NUMBER}", raw=NUMBER.encode(), cause=ValueError(NUMBER))
    logging.getLogger("a.library").warning("cannot send %s", {"key": NUMBER})
    told = lines()
    assert len(told) == 3
    assert NUMBER not in json.dumps(told)
    assert told[0]["error"] == "unknown 4917..."
    assert told[0]["offset"] == 1


def test_no_trace_holds_one(lines):
    try:
        raise KeyError(NUMBER)
    except KeyError:
        structlog.get_logger("test").exception("step_failed")
        logging.getLogger("a.library").exception("failed")
    told = lines()
    assert NUMBER not in json.dumps(told)
    assert all("KeyError: '4917...'" in line["exception"] for line in told)
    assert Path(__file__).name in told[0]["exception"], "the trace is there"


def test_lines_of_one_thing_can_be_found_together(lines):
    log = structlog.get_logger("test")
    correlation.of_worker(installation="one", stage="rate")
    correlation.of_session()
    correlation.of_batch(7)
    log.info("first")
    logging.getLogger("a.library").warning("second")
    correlation.of_session()
    log.info("third")
    first, second, third = lines()
    same = ("installation", "stage", "pid", "session", "batch")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert (first["installation"], first["stage"], first["batch"]) == ("one", "rate", 7)
    assert third["session"] != first["session"]
    assert "batch" not in third
