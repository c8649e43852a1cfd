"""Laws of `native/rows.pyx`: a block's items are those that the Python twins make of it."""

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation.decode import delimited
from mediation.decode.delimited import DelimitedDecoder
from mediation.decode.mapping import load_decoder
from mediation.decode.ordinary_row import seconds_behind
from mediation.dedup import Window
from mediation.ordinary import OrdinaryUsage
from mediation.owners import Owners
from mediation.received import Origin, Ready
from schemas.flow import SourceRecord
from schemas.ids import event_identities
from schemas.reference import ReferenceData
from tests.mediation_world import DAY_MS, NOON, accounts
from tests.normalise_stream import ALL, LINES, SITE_COLUMNS, ZONES, Draw, damaged

needs_compiled = pytest.mark.skipif(
    delimited._native is None, reason="nothing is compiled: no C compiler was there"
)

ROWS = sorted(name for name in LINES if isinstance(ALL[name], DelimitedDecoder))
seeds = st.integers(0, 2**32)

TINY_YAML = """
kind: delimited
name: tiny
version: 1
delimiter: "|"
columns: [id, who, from, to, class, began, n]
optional_columns: [more]
times: {formats: [iso], zone: Europe/Berlin}
started_at: [began]
identity: [[id, who]]
identifiers: [who]
product: voice
usage_kind: voice
quantities: {s: n, m: {column: more, optional: "yes"}}
origin: {column: from, remove: [" ", "\\u00a0", "-"], strip: ["00", "+", "é"]}
destination: {column: to, number: "no"}
service_class: {column: class, remove: ["."]}
attributes: {more: more}
"""
LEARNT_YAML = """
kind: delimited
name: learnt
version: 1
columns: [id, who, began, answered]
times:
  formats: [iso]
  learn_zone: {column: id, pattern: '%s', against: began, within_s: 10}
started_at: [answered, began]
identity: [[id]]
identifiers: [who]
product: voice
usage_kind: voice
quantities: {s: {constant: "1"}}
"""
# The first two are matched compiled, the others by themselves.
LEARNT = [
    load_decoder(LEARNT_YAML % pattern, "learnt.yaml")
    for pattern in (
        r"(?:^|-)([0-9]{9,10})\.[0-9]+$",
        r"(?:^|_)([0-9]{1,12})\.[0-9]+$",
        r"(?:^|-)([0-9]{0,10})\.[0-9]+$",
        r"(?:^|-)([0-9]{9,13})\.[0-9]+$",
        r"(?:^|-)([0-9]{٩,٩})\.[0-9]+$",  # no counts: what follows a digit
        r"(?i)(?:^|-)([0-9]{9,10})\.[0-9]+$",
        r"^([0-9]+)",
    )
]
TINY = load_decoder(TINY_YAML, "tiny.yaml")


def usage_of():
    reference = ReferenceData()
    reference.apply(accounts(), version=5)
    owners = Owners(reference, lambda rating_key: len(rating_key) % 3)
    return OrdinaryUsage(owners, Window(horizon_ms=62 * DAY_MS, future_ms=DAY_MS))


def both(decoder, value, headers):
    """What is made of a block: compiled, and by Python alone."""
    usage = usage_of()
    name = f"{decoder.name}@{decoder.version}"
    origin = Origin("acme", "gate", name, decoder, event_identities(tenant="acme", source="gate"))
    record = SourceRecord(2, 77, NOON, b"", value, ())
    return (
        usage.items(record, origin, decoder.each(value, headers)),
        usage.items_in_python(record, origin, iter(decoder.each(value, headers))),
    )


@needs_compiled
@given(seeds, st.sampled_from(ROWS), st.sampled_from(ZONES), st.sampled_from([b"\n", b"\r\n"]))
def test_a_block_of_rows_is_what_python_makes_of_it(seed, name, zone, end_of_line):
    draw = Draw(seed)
    lines = [damaged(draw, LINES[name](draw)) for _ in range(12)]
    headers = {"record": b"block", "columns_line": SITE_COLUMNS, "first_line": b"2"}
    headers |= {} if zone is None else {"zone": zone.encode()}
    compiled, twin = both(ALL[name], end_of_line.join(lines), headers)
    assert compiled == twin


cells = st.one_of(
    st.text(max_size=8),
    st.text(alphabet='0123456789.-+ |"é\u00a0٣\t', max_size=8),
    st.sampled_from(["", "dev-1", "2001", "00", "+49 30", "49-30", "4930", "é4930", "x" * 257, "é" * 200]),
    st.sampled_from(["2026-03-01 12:00:05", "2026-03-29 02:30:00", "2026-03-01T12:00:60", "0007"]),
)  # fmt: skip
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
tiny_rows = st.one_of(
    st.lists(cells, min_size=6, max_size=9),
    st.tuples(
        st.sampled_from(["i1", "i2", "a/b", "~"]),
        st.sampled_from(["dev-1", "2001", "nobody"]),
        cells,
        cells,
        cells,
        st.sampled_from(["2026-03-01 12:00:05", "2026-03-01T12:00:59"]),
        st.sampled_from(["5", "007", "000", "1e3", "-1", "1.50", "9" * 18, "9" * 19]),
        cells,
    ),
)


def written(row, quoting):
    return "|".join(
        f'"{cell.replace(chr(34), chr(34) * 2)}"' if quoted else cell
        for cell, quoted in zip(row, quoting, strict=False)
    )


@needs_compiled
@given(
    st.lists(st.tuples(tiny_rows, st.lists(st.booleans(), min_size=9, max_size=9)), max_size=6),
    st.binary(max_size=6) | st.just(BYTE_ORDER_MARK),
    st.just(0) | st.integers(0, 400),
)
@example(
    [(("i1", "dev-1", "", "", "", "2026-03-01 12:00:05", "7", "1"), [False] * 9)],
    BYTE_ORDER_MARK,
    0,
)
@example(
    [(("i1", "dev-1", "4930", "1.2.3.4", "gold", "2026-03-01 12:00:05", "7", "1"), [True] * 9)],
    b"",
    0,
)
def test_rows_of_any_cells_are_what_python_makes_of_them(rows, put, at):
    value = "\n".join(written(*row) for row in rows).encode("utf-8", "surrogatepass")
    value = value[:at] + put + value[at:]
    compiled, twin = both(TINY, value, {"record": b"block"})
    assert compiled == twin


BEGAN_S = int(dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp())
seconds = st.one_of(
    st.integers(-3, 3).map(lambda quarters: str(BEGAN_S + 900 * quarters)),
    st.builds(
        lambda hours, off: str(BEGAN_S + 3_600 * hours + off),
        st.integers(-15, 15),
        st.sampled_from([-460, -450, -440, -11, -10, -9, 0, 9, 10, 11, 440, 450]),
    ),
    st.sampled_from(["", "5", "0" * 9, "9" * 10, "9" * 12, "9" * 13, "00" + str(BEGAN_S)]),
)
ids = st.one_of(
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["", "-", "pbx-1-", "pbx_", "x", "1", "1-2.3-", "٣-"]),
            seconds,
            st.sampled_from([".7", ".07", ".", "", ".7.8", ".7a", ".٣", " .7", "-1.7"]),
        ),
    ),
    seconds.map(lambda text: text + ".1"),
)
walls = st.sampled_from(
    ["2026-03-01 12:00:00", "2026-03-01 11:59:59", "2026-03-01 12:00:60", "2026-03-01 12:00", ""]
)


@needs_compiled
@given(st.sampled_from(LEARNT), st.lists(st.tuples(ids, walls, walls), max_size=8))
@example(LEARNT[0], [(f"pbx-{BEGAN_S - 3_600}.7", "2026-03-01 12:00:00", "")])
@example(LEARNT[1], [(f"pbx_{BEGAN_S - 3_600}.7", "2026-03-01 12:00:00", "")])
def test_an_offset_that_rows_tell_is_what_python_makes_of_it(decoder, rows):
    value = "\n".join(f"{id},dev-1,{began},{answered}" for id, began, answered in rows).encode()
    compiled, twin = both(decoder, value, {"record": b"block"})
    assert compiled == twin


def test_patterns_that_are_matched_compiled_are_told_from_others():
    known = [seconds_behind(each._mapping.learn_zone.pattern) for each in LEARNT]
    assert known == [("-", 9, 10), ("_", 1, 12), *[None] * 5]
    (row,), _ = both(
        LEARNT[0],
        f"pbx-{BEGAN_S - 3_600}.7,dev-1,2026-03-01 12:00:00,".encode(),
        {"record": b"block"},
    )
    assert type(row) is Ready


@needs_compiled
def test_a_byte_order_mark_is_no_part_of_the_first_cell():
    """Only before the first line: a file that is sent again without it is the same file."""
    row = "|".join(("i1", "dev-1", "", "", "", "2026-03-01 12:00:05", "7", "1")).encode()
    (marked, second), twin = both(
        TINY, BYTE_ORDER_MARK + row + b"\n" + BYTE_ORDER_MARK + row, {"record": b"block"}
    )
    assert [marked, second] == twin
    ((plain,), _) = both(TINY, row, {"record": b"block"})
    assert marked.key == plain.key != second.key


@needs_compiled
def test_several_cells_of_a_row_with_quotes_in_them():
    row = ('i"1', "dev-1", '"a"b', 'c"', 'x"y"z', "2026-03-01 12:00:05", "7", "1")
    value = (written(row, [True] * 8) + "\n" + written(row, [True] * 8)).encode()
    compiled, twin = both(TINY, value, {"record": b"block"})
    assert compiled == twin
    assert type(compiled[0]) is Ready
    assert all(text.encode() in compiled[0].event for text in row[:5] if text != "dev-1")


@needs_compiled
@pytest.mark.parametrize("record_id", ["i1", ""])
@pytest.mark.parametrize("more", ["1", ""])
def test_a_row_is_known_by_the_first_way_of_which_it_has_all_columns(record_id, more):
    decoder = load_decoder(
        TINY_YAML.replace("[[id, who]]", "[[id, more], [more, who], [id, who]]"), "tiny.yaml"
    )
    row = "|".join((record_id, "dev-1", "", "", "", "2026-03-01 12:00:05", "7", more)).encode()
    compiled, twin = both(decoder, row, {"record": b"block"})
    assert compiled == twin


@needs_compiled
def test_more_minutes_than_are_at_hand_by_several_clocks():
    """What one block leaves at hand says nothing wrong of the next, whichever its zone is."""
    minutes = [dt.datetime.fromtimestamp(NOON / 1000 - 60 * each, dt.UTC) for each in range(3000)]
    rows = [f"i{at}|dev-1||||{each:%Y-%m-%d %H:%M:%S}|7|1" for at, each in enumerate(minutes)]
    value = "\n".join(rows).encode()
    for zone in (b"UTC", b"Asia/Kathmandu", b"America/St_Johns", b"UTC"):
        compiled, twin = both(TINY, value, {"record": b"block", "zone": zone})
        assert compiled == twin


@needs_compiled
@pytest.mark.parametrize("times", [256, 257, 400])
def test_a_mapping_that_names_a_column_many_times(times):
    named = ", ".join(["n", "more", *["who"] * (times - 2)])
    decoder = load_decoder(TINY_YAML + f"content: [{named}]\n", "tiny.yaml")
    row = "|".join(("i1", "dev-1", "", "", "", "2026-03-01 12:00:05", "7", "1")).encode()
    compiled, twin = both(decoder, row, {"record": b"block"})
    assert compiled == twin
    assert type(compiled[0]) is Ready


@needs_compiled
@pytest.mark.parametrize("name", [name for name in ROWS if name != "site"])
def test_most_rows_need_no_python(name, monkeypatch):
    """Else the laws above would compare Python with itself. Dates of `site` are of several formats: nothing
    compiled reads them."""
    draw, alone = Draw(11), []
    outcome_alone = delimited._Block._outcome_alone
    monkeypatch.setattr(
        delimited._Block,
        "_outcome_alone",
        lambda *given: alone.append(given) or outcome_alone(*given),
    )
    lines = [LINES[name](draw).encode() for _ in range(300)]
    compiled, _ = both(ALL[name], b"\n".join(lines), {"record": b"block", "zone": b"Europe/Berlin"})
    assert sum(type(item) is Ready for item in compiled) >= len(compiled) - len(alone) > 20
