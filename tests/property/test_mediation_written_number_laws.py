"""Laws of numbers as people write them: priced by all of their digits, or not at all."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation.decode.item import DecodedItem
from mediation.decode.mapping import load_decoder
from schemas.refusal import Refused

ROWS = """\
kind: delimited
name: rows
version: 1
columns: [id, at, who, to, s]
quote: none
times: {formats: [iso], zone: UTC}
started_at: at
identity: [[id]]
identifiers: id
product: calls
quantities: {s: s}
origin: {column: who, strip: ["+", "00"]}
destination: {column: to, strip: ["+", "00"]}
"""
EVENTS = """\
kind: cloudevents
name: events
version: 1
types:
  call:
    product: calls
    usage_kind: voice
    quantities: {s: data.s}
    origin: {path: data.who, strip: ["+", "00"]}
    destination: {path: data.to, strip: ["+", "00"]}
"""
SEPARATORS = " \t\u00a0\u2007\u202f-.()/"
REMOVE = f"remove: {json.dumps(list(SEPARATORS))}, strip: ["
ADDRESSES = "number: no, strip: ["
DECODERS = {
    (kind, rule): load_decoder(text.replace("strip: [", begin), "m.yaml")
    for kind, text in (("rows", ROWS), ("events", EVENTS))
    for rule, begin in ((False, "strip: ["), (True, REMOVE), ("addresses", ADDRESSES))
}
written = st.text(alphabet="0044123 \t\u00a0-.()/", max_size=12) | st.text(
    alphabet="04 -.+*#a:@\u0664", max_size=8
)
kinds = st.sampled_from(["rows", "events"])


def read(kind, removes, who, to):
    """Return what the short way makes of usage, having seen that the full rules say the same."""
    decoder = DECODERS[kind, removes]
    value = f"7,2026-03-01 12:00:00,{who},{to},60"
    if kind == "events":
        event = {"specversion": "1.0", "id": "7", "source": "pbx", "type": "call", "subject": "x"}
        event |= {"time": "2026-03-01T12:00:00Z", "data": {"s": 60, "who": who, "to": to}}
        value = json.dumps(event)
    ((_, _, short),) = decoder.decode(value.encode(), {})
    reader, way = (
        (decoder._in_order, "_ordinary") if kind == "rows" else (decoder._rules["call"], "ordinary")
    )
    assert getattr(reader, way) is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, way, lambda *given: None)
        ((_, _, full),) = decoder.decode(value.encode(), {})
    assert short == full
    return short


def digits_of(text):
    return "".join(each for each in text if each not in SEPARATORS)


@given(kinds, st.booleans(), written, written)
@example("rows", False, "44 20", "")
@example("events", False, "", "0044 20")
def test_no_event_has_a_number_that_stops_at_a_separator(kind, removes, who, to):
    outcome = read(kind, removes, who, to)
    numbers = (outcome.origin, outcome.destination) if isinstance(outcome, DecodedItem) else ()
    for number in numbers:
        if number and number[0].isdigit() and not number.isdigit():
            assert not digits_of(number).isdigit()


@given(kinds, written, written)
def test_without_separators_a_number_is_what_it_would_be_without_them_in_the_file(kind, who, to):
    outcome = read(kind, True, who, to)
    assert isinstance(outcome, DecodedItem)
    plain = read(kind, False, digits_of(who), digits_of(to))
    assert (outcome.origin, outcome.destination) == (plain.origin, plain.destination)


@given(kinds, written, written)
@example("rows", "10.1.2.3", "192.0.2.17")
@example("events", "", "10.0.0.0/8")
def test_of_an_address_nothing_is_refused_and_nothing_else_differs(kind, who, to):
    outcome = read(kind, "addresses", who, to)
    assert isinstance(outcome, DecodedItem)
    as_numbers = read(kind, False, who, to)
    assert isinstance(as_numbers, Refused) or as_numbers == outcome


@given(kinds, written)
def test_a_refusal_tells_no_digit_of_the_number(kind, to):
    outcome = read(kind, False, "", to)
    if isinstance(outcome, Refused):
        quoted = outcome.detail.replace("\\u00a0", "")
        assert not any(each.isdigit() for each in quoted)
