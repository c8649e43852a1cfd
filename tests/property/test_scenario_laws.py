"""What a person writes never breaks the reading of it: it is read, or it is an error with its line."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from rating.catalogue import compile
from rating.scenario import read_scenarios, run_scenario
from rating.trial import (
    FIELDS,
    Defaults,
    EventReader,
    NotJson,
    Trial,
    TrialEvent,
    Value,
    values_in,
)
from tests.rating_builders import document_of

DOCUMENT = document_of(
    {
        "plans.yaml": b"""
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  message: {type: messaging, usage_kind: message, unit: record}
plans:
  p:
    currency: EUR
    prices:
      calls: {product: voice, price: {model: volume, per: 1 min, tiers: [{upto: 10 min, amount: 1}, {amount: 0.5}]}}
      texts: {product: message, price: {model: flat, amount: 0.09, least: {month: 3.00}}}
"""
    }
)
CATALOGUE = compile(DOCUMENT, 0)
UNITS = {product.code: product.unit for product in DOCUMENT.products}
HEAD = "Account on plan p in EUR, zone Europe/Berlin\nScenario: a\n"

WORDS = st.sampled_from(
    [
        *("on 2026-10-05", "on 2026-10-25 at 02:30", "on 9999-12-31", "at 12:00", "until 13:00"),
        *("lasting 6 min", "UTC", "3 x", "61 s", "1 record", "-2 min", "1e27 s", "of voice"),
        *("of message", "of x", "to 49", "from 44", "by s-1", "with a=1", 'with a="', "in class x"),
        *(",", ", ", "charge 1.00 EUR", "charge 9 EUR", "filtered", "refused: rating.below_zero"),
        *("earlier charges -1.00 EUR", "1 s free", "9 h billed", "price p/calls", "total 0.00 EUR"),
        *(
            "close of 2026-10, charge 3.00 EUR",
            "close of 0000-00, charge 1.00 EUR",
            "\u0663",
            "\u2028",
        ),
    ]
)
LINES = st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=60)


@given(st.lists(LINES, max_size=6))
def test_a_text_is_read_or_is_an_error_and_what_is_read_can_be_run(lines):
    text = HEAD + "".join(f"    {line}\n" for line in lines) + "    total 0.00 EUR\n"
    read = read_scenarios("a.scenario", text, with_catalogue=False)
    last = len(text.splitlines())
    assert all(1 <= error.line <= last for error in read.errors)
    for scenario in read.scenarios if not read.errors else ():
        run_scenario(scenario, CATALOGUE, units=UNITS)


@given(
    st.lists(
        st.sampled_from(["Catalogue", "Card a", HEAD, "Subscription b", "x", " y"]) | st.text()
    )
)
def test_headings_are_read_or_are_errors(parts):
    for with_catalogue in (True, False):
        read = read_scenarios("a.scenario", "\n".join(parts), with_catalogue=with_catalogue)
        assert read.scenarios or read.errors, "a text without a scenario does not pass"


@given(
    st.lists(
        st.sampled_from(["61 s of voice, charge 1.02 EUR", "1 record of message, charge 0.09 EUR"]),
        min_size=1,
    )
)
def test_every_line_is_a_statement(lines):
    text = HEAD + "".join(f"    {line}\n" for line in lines) + "    total 0.00 EUR\n"
    (scenario,) = read_scenarios("a.scenario", text, with_catalogue=False).scenarios
    assert [each.text for each in scenario.statements] == [*lines, "total 0.00 EUR"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.from_regex(r"-?[0-9]{1,30}([.][0-9]{1,30})?([eE]-?[0-9]{1,3})?", fullmatch=True)
    | st.text(max_size=20)
    | st.sampled_from(["voice", "message", "2026-10-05T12:00", "0001-01-01", "9999-12-31T23:59:59Z", "p", "49"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.sampled_from(["s", "min"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
GOOD = {"product": "voice", "started_at": "2026-10-05T12:00", "quantities": {"s": 61}}


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON, max_size=4))
@example({"started_at": "0001-01-01T00:00:00+14:00"})
@example({"started_at": "2999-12-31T23:59:59-14:00", "quantities": {"s": "1e27"}})
def test_an_event_is_read_and_rated_or_is_an_error(fields):
    products = {product.code: product for product in DOCUMENT.products}
    reader = EventReader("e", CATALOGUE, products, Defaults(None, None, "Europe/Berlin"))
    (value,) = values_in([json.dumps({**GOOD, **fields}).encode()])
    assert isinstance(value, Value)
    read = reader.read(value.line, value.value)
    if isinstance(read, TrialEvent):
        Trial(CATALOGUE).rate(read.event, plan=read.plan, currency=read.currency)
    else:
        assert read
        assert all(error.line == 1 for error in read)


@given(
    st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b",", b"\n", b'"a"', b": 1", b" ", b"{}", b"\xff"])
    ).map(b"".join)
)
def test_bytes_are_values_or_errors_with_their_lines(content):
    lines = content.splitlines(keepends=True)
    found = list(values_in(lines))
    assert all(1 <= one.line <= len(lines) + 1 for one in found)
    assert (
        found
        or not content.strip()
        or content.strip().replace(b"\n", b"").replace(b" ", b"") == b"[]"
    )


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=3))
)
def test_one_list_and_lines_are_the_same_values(objects):
    as_lines = [json.dumps(one).encode() + b"\n" for one in objects]
    as_list = json.dumps(objects, indent=1).encode().splitlines(keepends=True)
    found = [
        [one.value for one in values_in(lines) if not isinstance(one, NotJson)]
        for lines in (as_lines, as_list)
    ]
    assert found[0] == found[1]
    assert len(found[0]) == len(objects)
