"""Numbers written with separators: taken out by the mapping, or refused; never priced as they stand."""

import json

import pytest

from mediation.decode.document import InvalidMapping
from mediation.decode.item import DecodedItem
from mediation.decode.mapping import load_decoder
from mediation.decode.written_number import is_separated
from schemas import raw
from schemas.refusal import RefusalReason, Refused
from sources.generate import tlv
from sources.generate.tlv import integer
from tests.charging_records import at, record
from tests.mediation_world import MAPPINGS, TEXTS, MemoryStage
from tests.recycling_world import sent_back

ROWS = """\
kind: delimited
name: rows
version: 1
delimiter: ";"
columns: [id, at, who, Called, s]
times: {formats: [iso], zone: UTC}
started_at: at
identity: [[id]]
identifiers: who
product: calls
quantities: {s: s}
origin: {column: who, strip: ["+"]}
destination: {column: Called, strip: ["+", "00"]}
service_class: Called
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
    destination: {path: data.to, strip: ["+", "00"]}
    service_class: data.to
"""
RECORDS = """\
kind: 3gpp-cdr
name: records
version: 1
records:
  call:
    tag: 79
    fields:
      id: {tag: 1, is: unsigned}
      at: {tag: 2, is: time}
      called: {tag: 3, is: uri}
      dialled: {tag: 4, is: text}
    started_at: [at]
    identity: [id]
    identifiers: [id]
    product: calls
    quantities: {record: {constant: "1"}}
    destination: {field: [called, dialled], strip: ["+", "00"]}
    service_class: dialled
"""
REMOVE = r'remove: [" ", "-", "(", ")", "\u00a0"], '
VERSIONS = [48575, 51302, 256]  # of the choice of fields, before there was a rule `remove`
BLOCK = {"content_type": raw.CDRS.encode(), "record": b"block", "first_byte": b"100"}


def reading(text, remove):
    return load_decoder(text.replace("strip: [", f"{remove}strip: ["), "m.yaml")


def of_row(called, remove=""):
    line = f"7;2026-03-01 12:00:00;+49301;{called};60".encode()
    return reading(ROWS, remove).decode(line, {})[0][2]


def of_event(called, remove=""):
    event = {"specversion": "1.0", "id": "1", "source": "pbx", "type": "call", "subject": "49301"}
    event |= {"time": "2026-03-01T12:00:00Z", "data": {"s": 60, "to": called}}
    return reading(EVENTS, remove).decode(json.dumps(event).encode(), {})[0][2]


def of_record(called, remove=""):
    contents = tlv.tlv(1, integer(7)) + tlv.tlv(2, at()) + tlv.tlv(4, called.encode())
    return reading(RECORDS, remove).decode(record(contents), BLOCK)[0][2]


EVERY = pytest.mark.parametrize(
    "read", [of_row, of_event, of_record], ids=lambda each: each.__name__
)


@EVERY
@pytest.mark.parametrize(
    ("called", "destination"),
    [
        ("0044 20 7946 0958", "442079460958"),
        ("0 044-20", "4420"),  # before strip: "00" is seen only then
        ("+(44) 20\u00a07946", "44207946"),
        ("442079460958", "442079460958"),
        ("- -", None),
        ("- +", None),
        ("sip:a-b@c (d)", "sip:ab@cd"),
    ],
)
def test_what_the_mapping_removes_is_taken_out_wherever_it_stands(read, called, destination):
    item = read(called, REMOVE)
    assert isinstance(item, DecodedItem), item
    assert item.destination == destination
    assert item.service_class == called  # which has no `remove` here


@EVERY
@pytest.mark.parametrize(
    ("called", "names", "remove"),
    [
        ("0044 20 7946 0958", "a blank", '[" "]'),
        ("44\t20", "a tab", r'["\t"]'),
        ("44\u00a020", "a no-break space", r'["\u00a0"]'),
        ("44-20.79/46", "a dash and a dot and a slash", '["-", ".", "/"]'),
        ("44(20)79", "a parenthesis", '["(", ")"]'),
        ("4420 ", "a blank", '[" "]'),
    ],
)
def test_a_number_with_separators_left_in_it_is_refused(read, called, names, remove):
    outcome = read(called)
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason is RefusalReason.INVALID_FIELD
    assert f" is a number with {names} in it, " in outcome.detail
    assert f"remove: {remove} in the mapping" in outcome.detail
    assert "44" not in outcome.detail
    mended = read(called, f"remove: {remove}, ")
    assert isinstance(mended, DecodedItem)
    assert mended.destination == "".join(filter(str.isdigit, called.removeprefix("00")))


def test_the_refusal_says_which_field():
    assert of_row("44 20").detail == (
        "Called is a number with a blank in it, and prices go by the digits it begins with; "
        'remove: [" "] in the mapping takes out all but digits, '
        "number: no says that it is an address"
    )
    assert of_event("44 20").detail.startswith("data.to is a number")
    assert of_record("44 20").detail.startswith("called or dialled is a number")


def test_an_origin_is_a_number_too():
    line = b"7;2026-03-01 12:00:00;+49 301;4420;60"
    outcome = reading(ROWS, "").decode(line, {})[0][2]
    assert outcome.detail.startswith("who is a number with a blank")
    assert reading(ROWS, REMOVE).decode(line, {})[0][2].origin == "49301"


@EVERY
@pytest.mark.parametrize(
    "called",
    [
        "442079460958",
        "*21*4420 79#",
        "44#20",
        "44 20 ext 7",
        "sip:44-20@example.com",
        "44-20@example.com",
        "(020) 7946",
        "- 44",
        "voice mail",
        "Teahouse",
        "4420,7946",
    ],
)
def test_what_is_no_separated_number_stays_as_it_is(read, called):
    item = read(called)
    assert isinstance(item, DecodedItem), item
    assert item.destination == called


def test_other_texts_of_a_record_are_no_numbers():
    text = ROWS.replace('destination: {column: Called, strip: ["+", "00"]}\n', "")
    item = load_decoder(text, "m.yaml").decode(b"7;2026-03-01 12:00:00;+49301;44 20;60", {})[0][2]
    assert item.service_class == "44 20"


ADDRESS = "number: no, "


@EVERY
@pytest.mark.parametrize(
    ("called", "destination"),
    [
        ("192.0.2.17", "192.0.2.17"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001-0", "2001-0"),
        ("442079460958", "442079460958"),
        ("+10.1.2.3", "10.1.2.3"),  # strip holds for addresses too
    ],
)
def test_what_the_mapping_says_is_no_number_keeps_its_separators(read, called, destination):
    item = read(called, ADDRESS)
    assert isinstance(item, DecodedItem), item
    assert item.destination == destination


@EVERY
@pytest.mark.parametrize("rule", ["", "number: yes, "])
def test_an_address_is_taken_for_a_number_where_the_mapping_does_not_say(read, rule):
    outcome = read("192.0.2.17", rule)
    assert isinstance(outcome, Refused)
    assert ", number: no says that it is an address" in outcome.detail


@EVERY
def test_that_it_is_no_number_changes_nothing_of_what_makes_usage_the_same(read):
    """Else what came before the key was written could not be compared with what comes again."""
    number, address = read("442079460958"), read("442079460958", ADDRESS)
    assert (number.content, number.content_version) == (address.content, address.content_version)


def test_each_of_origin_and_destination_is_an_address_or_a_number():
    text = ROWS.replace('origin: {column: who, strip: ["+"]}', "origin: {column: who, number: no}")
    decoder = load_decoder(text, "m.yaml")
    (item,) = [each[2] for each in decoder.decode(b"7;2026-03-01 12:00:00;10.1.2.3;4420;60", {})]
    assert item.origin == "10.1.2.3"
    line = b"7;2026-03-01 12:00:00;10.1.2.3;44.20;60"
    assert decoder.decode(line, {})[0][2].detail.startswith("Called is a number with a dot")


def test_a_service_class_is_no_number_anyway():
    text = ROWS.replace("service_class: Called", "service_class: {column: Called, number: no}")
    with pytest.raises(InvalidMapping, match="number"):
        load_decoder(text, "m.yaml")


@pytest.mark.parametrize("text", ["", " ", "4", "44", "a 4", "44 a"])
def test_these_are_no_separated_numbers(text):
    assert not is_separated(text)


@pytest.mark.parametrize(
    ("rule", "field", "found"),
    [
        ('remove: [" ", "--"]', "remove[1]", "found '--'"),
        ('remove: " -"', "remove", "found ' -'"),
        ('remove: ["0"]', "remove[0]", "found '0'"),
        ('remove: [""]', "remove[0]", "found nothing"),
        ("remove: {a: b}", "remove", "found a mapping"),
        ('remove: ["-"], strip: ["+", "0-"]', "strip[1]", "found '0-'"),
        ('number: no, remove: ["-"]', "remove", "found a list"),
        ("number: maybe", "number", "found 'maybe'"),
        ('removed: ["-"]', "removed", "found 'removed'"),
    ],
)
def test_a_rule_that_cannot_be_used_says_where(rule, field, found):
    for text, key, line in (
        (ROWS, "destination", 13),
        (EVENTS, "types.call.destination", 9),
        (RECORDS, "records.call.destination", 17),
    ):
        changed = text.replace('strip: ["+", "00"]', rule)
        with pytest.raises(InvalidMapping) as caught:
            load_decoder(changed, "m.yaml")
        (problem,) = caught.value.problems
        assert str(problem).startswith(f"m.yaml:{line}: {key}.{field}: expected ")
        assert str(problem).endswith(found)


def test_the_content_of_usage_is_what_it_was():
    """Else copies of what came before an upgrade could not be compared, nor conflicts be seen."""
    versions = [read("4420").content_version for read in (of_row, of_event, of_record)]
    assert versions == VERSIONS
    # Of rows the cells are compared, of the others what is made of them.
    assert of_row("44 20", REMOVE).content_version == VERSIONS[0]
    assert of_event("44 20", REMOVE).content_version != VERSIONS[1]
    assert of_record("44 20", REMOVE).content_version != VERSIONS[2]


def test_what_waits_comes_back_once_the_mapping_takes_the_separators_out():
    text = TEXTS["cloudevents-iot"]
    mended = text.replace("{path: data.to, strip", '{path: data.to, remove: [" "], strip')
    assert mended != text
    event = {"specversion": "1.0", "id": "1", "source": "gate", "type": "device.message"}
    event |= {"subject": "dev-1", "time": "2026-03-01T12:00:00Z", "data": {"to": "0044 20 7946"}}
    value = json.dumps(event).encode()
    stage = MemoryStage()
    assert stage.send(value) == {"suspended": 1}
    (waiting,) = stage.suspense()
    assert waiting.reason == "mediation.invalid_field"
    decoder = load_decoder(mended, "cloudevents-iot.yaml")
    begun_anew = MemoryStage(mappings=MAPPINGS | {"cloudevents-iot": decoder})
    stage.step = begun_anew.step
    proof = stage.batch(sent_back(stage, waiting)).proof
    assert proof.recycled == {"normalised": 1}
    (charged,) = stage.events()
    assert charged.destination == "44207946"
    assert stage.send(value) == {"duplicate": 1}
