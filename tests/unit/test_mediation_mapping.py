"""Mappings: what is wrong is named with file, line, field, and what was expected."""

import re

import pytest

from mediation.decode import cloudevents_mapping, delimited_mapping
from mediation.decode.document import InvalidMapping
from mediation.decode.mapping import load_decoder, load_mapping
from tests.mediation_world import MAPPINGS, ROOT, TEXTS

GOOD = """\
kind: delimited
name: small
version: 1
columns: [id, at, who, s]
times: {formats: [iso]}
started_at: at
identity: [[id]]
identifiers: who
product: calls
quantities: {s: s}
"""

CLOUDEVENTS = """\
kind: cloudevents
name: small
version: 1
types:
  ping:
    product: ping
    usage_kind: event
    quantities: {record: data.n}
"""


def problems(text, **extends):
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(text, "site.yaml", extends=extends)
    assert "Operator action" in str(caught.value)
    return [(problem.line, problem.field) for problem in caught.value.problems]


def test_the_shipped_mappings_load_under_their_file_names():
    assert {decoder.name for decoder in MAPPINGS.values()} == set(TEXTS)
    assert set(TEXTS) >= {"freeswitch-csv", "asterisk", "asterisk-custom", "cloudevents-iot"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("quantities: {s: s}", "quantities: {s: sec}"), [(10, "quantities.s")]),
        (("identity: [[id]]", "identity: [[id, nr]]"), [(7, "identity[0][1]")]),
        (("identity: [[id]]", "identity: []"), [(7, "identity")]),
        (("identity: [[id]]", "identity: [row, [id]]"), [(7, "identity[1]")]),
        (("[id, at, who, s]", "[id, at, who, s, id]"), [(4, "columns[4]")]),
        (("formats: [iso]", "formats: [iso, us]"), [(5, "times.formats[1]")]),
        (("{formats: [iso]}", "{formats: [iso], zone: Mars}"), [(5, "times.zone")]),
        (("{formats: [iso]}", "{zones: UTC}"), [(5, "times.zones"), (5, "times")]),
        (("started_at: at\n", ""), [(1, "")]),
        (("started_at: at", "started_at: []"), [(6, "started_at")]),
        (("started_at: at", "startet_at: at"), [(6, "startet_at"), (1, "")]),
        (("product: calls", "product: Calls!"), [(9, "product")]),
        (("product: calls", "product: {table: {a: b}}"), [(9, "product")]),
        (("version: 1", "version: one"), [(3, "version")]),
        (("version: 1", "version: 0"), [(3, "version")]),
        (("name: small\n", ""), [(1, "")]),
        (("kind: delimited", "kind: csv"), [(1, "kind")]),
        (("identifiers: who", "identifiers: who\nidentifiers: id"), [(9, "identifiers")]),
        (("identifiers: who", "identifiers: who\ndelimiter: ';;'"), [(9, "delimiter")]),
        (("identifiers: who", "identifiers: who\nquote: ab"), [(9, "quote")]),
        (("identifiers: who", "identifiers: who\nencoding: utf-16"), [(9, "encoding")]),
        (("identifiers: who", "identifiers: who\ncontent: [who]"), [(9, "content")]),
        (("identifiers: who", "identifiers: who\nallowed: {x: [a]}"), [(9, "allowed.x")]),
        (("identifiers: who", "identifiers: who\nattributes: {A: id}"), [(9, "attributes.A")]),
        (("{s: s}", "{s: {column: s, constant: '1'}}"), [(10, "quantities.s")]),
        (("{s: s}", "{s: {column: s, multiply_by: x}}"), [(10, "quantities.s.multiply_by")]),
        (("{s: s}", "{s: {column: s, times: 2}}"), [(10, "quantities.s.times")]),
        (("{s: s}", "{}"), [(10, "quantities")]),
        (("{s: s}", "[s]"), [(10, "quantities"), (10, "quantities")]),
    ],
)
def test_a_problem_is_named_by_line_and_field(change, expected):
    assert change[0] in GOOD
    assert problems(GOOD.replace(*change)) == expected


@pytest.mark.parametrize(
    ("learn", "field"),
    [
        ("{column: id, pattern: '(', against: at}", "times.learn_zone.pattern"),
        ("{column: id, pattern: 'x', against: at}", "times.learn_zone.pattern"),
        ("{column: id, pattern: '(x)', against: att}", "times.learn_zone.against"),
        ("{column: id, pattern: '(x)', against: at, within_s: 301}", "times.learn_zone.within_s"),
    ],
)
def test_problems_of_learning_a_zone(learn, field):
    text = GOOD.replace("{formats: [iso]}", f"{{formats: [iso], learn_zone: {learn}}}")
    assert problems(text) == [(5, field)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("data.n", "dat.n"), [(8, "types.ping.quantities.record")]),
        (("data.n", "{path: data.n, constant: '1'}"), [(8, "types.ping.quantities.record")]),
        (("    product: ping\n", ""), [(6, "types.ping")]),
        (
            ("    usage_kind: event", "    usage_kind: event\n    colour: red"),
            [(8, "types.ping.colour")],
        ),
        (("version: 1", "version: 1\nmissing_time: now"), [(4, "missing_time")]),
        (("version: 1", "version: 1\nidentifiers: []"), [(4, "identifiers")]),
        (("types:", "type:"), [(5, "type"), (1, "")]),
    ],
)
def test_problems_of_cloudevents(change, expected):
    assert problems(CLOUDEVENTS.replace(*change)) == expected


@pytest.mark.parametrize(
    "text",
    ["", "- a", "a: [", "a: *b", "\0", "a: {b", "kind: delimited", "[" * 5000],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_mapping_is_a_problem_and_no_crash(text):
    assert problems(text)


def test_a_problem_says_what_was_expected_and_found():
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(GOOD.replace("{s: s}", "{s: sec}"), "site.yaml")
    assert str(caught.value).splitlines()[0] == (
        "site.yaml:10: quantities.s: expected one of the columns id, at, who, s, found 'sec'"
    )


def test_a_site_changes_a_few_lines():
    text = "extends: small\nname: mine\nversion: 4\ncolumns: [s, who, at, id]\n"
    mine = load_decoder(text, "mine.yaml", extends={"small": GOOD})
    assert (mine.name, mine.version) == ("mine", 4)
    assert mine.digest != load_decoder(GOOD, "small.yaml").digest
    ((_, _, item),) = mine.decode(b"60,dev,2026-03-01T12:00:00Z,1\n", {})
    assert item.record_id == "1"


def test_a_problem_of_what_is_extended_names_its_own_file():
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(
            "extends: small\nname: mine\nversion: 1\ncolumns: [id, at, who]\n",
            "mine.yaml",
            extends={"small": GOOD},
        )
    assert [(p.file, p.line, p.field) for p in caught.value.problems] == [
        ("small.yaml", 10, "quantities.s")
    ]


def test_what_extends_has_a_name_and_a_version_of_its_own():
    assert problems("extends: small\n", small=GOOD) == [(1, ""), (1, "")]


def test_extending_nothing_or_in_a_circle():
    assert problems("extends: gone\n" + GOOD) == [(1, "extends")]
    a, b = "extends: b\n" + GOOD, "extends: a\n" + GOOD.replace("version: 1", "version: 2")
    assert problems(a, a=a, b=b) == [(1, "extends")]


def test_the_reference_names_every_key():
    text = (ROOT / "docs" / "mappings.md").read_text()
    cells = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    named = {key for cell in cells for key in re.findall(r"`([a-z_]+)`", cell)}
    keys = {*delimited_mapping.KEYS, *cloudevents_mapping.KEYS, *cloudevents_mapping.TYPE_KEYS}
    keys |= {"kind", "name", "version", "extends", "formats", "zone", "learn_zone"}
    assert named >= keys


def test_the_example_of_the_reference_works():
    text = (ROOT / "docs" / "mappings.md").read_text()
    example = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    decoder = load_decoder(example, "asterisk-berlin.yaml", extends=TEXTS)
    row = b"7,,4930111,4930222,office,2026-03-02 08:00:00,,2026-03-02 08:00:09,9,0,BUSY\n"
    ((_, _, item),) = decoder.decode(row, {})
    assert (item.record_id, item.started_at_ms) == ("7", 1772434800_000)
    broken = example.replace("src, dst,", "src, src,").replace("billsec, ", "")
    shown = re.search(r"```text\n(.*?)```", text, re.DOTALL)[1].splitlines()
    with pytest.raises(InvalidMapping) as caught:
        load_mapping(broken, "asterisk-berlin.yaml", extends=TEXTS)
    assert [str(problem) for problem in caught.value.problems] == shown
