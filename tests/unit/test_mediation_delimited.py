"""Delimited text, by the mappings that ship and by small ones."""

from decimal import Decimal

import pytest

from mediation.decode.item import DecodedItem, Ignored
from mediation.decode.mapping import load_decoder
from schemas.refusal import RefusalReason, Refused
from tests.mediation_world import DATA, MAPPINGS, NOON

BERLIN = {"zone": b"Europe/Berlin"}
HOUR_MS = 3_600_000


def decoded(name, headers=None, file=None):
    value = (DATA / (file or f"{name}.csv")).read_bytes()
    return [outcome for _, _, outcome in MAPPINGS[name].decode(value, headers or {})]


BASE = """
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


def small(**changed):
    """A small mapping with some of its keys changed, as a site would change them."""
    lines = [f"{key}: {value}" for key, value in changed.items()]
    text = "\n".join(["extends: small", "name: changed", "version: 1", *lines])
    return load_decoder(text, "changed.yaml", extends={"small": BASE})


def one(decoder, line, headers=BERLIN):
    ((_, item, outcome),) = decoder.decode(line, headers)
    assert item == line.rstrip(b"\n")
    return outcome


def reason(decoder, line, headers=BERLIN):
    outcome = one(decoder, line, headers)
    return outcome.reason if isinstance(outcome, Refused) else type(outcome).__name__


def test_asterisk_custom_rows_tell_their_own_zone():
    first, unanswered, over_midnight = decoded("asterisk-custom")
    assert first.record_id == "1781071200.2/2"
    assert first.started_at_ms == (1781071200 + 7) * 1000  # answered 7 s after the uniqueid
    assert first.ended_at_ms - first.started_at_ms == 61_000
    assert first.quantities == {"s": Decimal(61), "duration_s": Decimal(68)}
    assert (first.origin, first.destination) == ("37255501", "37266601")
    assert first.identifiers == ("37255501",)
    assert first.attributes == {"disposition": "ANSWERED", "context": "office"}
    assert (unanswered.quantities["s"], unanswered.started_at_ms) == (Decimal(0), 1781071500_000)
    # The printed times are 10 s apart; what the switch states is what counts.
    assert over_midnight.quantities["s"] == Decimal(9)


def test_asterisk_stock_rows_and_a_shifted_one():
    first, copy, busy, shifted = decoded("asterisk")
    assert first.record_id == "pbx-1772434800.774"
    assert first.started_at_ms == 1772434805_000
    assert copy == first
    assert (busy.quantities["s"], busy.started_at_ms) == (Decimal(0), 1772438400_000)
    assert shifted == Refused(
        RefusalReason.INVALID_FIELD, "billsec is not a number of at most 28 digits"
    )


def test_a_custom_file_read_by_the_stock_mapping_is_refused_as_shifted():
    for outcome in decoded("asterisk", BERLIN, file="asterisk-custom.csv"):
        assert isinstance(outcome, Refused)
        assert outcome.reason is RefusalReason.INVALID_FIELD


def test_freeswitch_saved_by_a_spreadsheet():
    first, unanswered, long, copy, other = decoded("freeswitch-csv", BERLIN)
    assert first.started_at_ms == first.ended_at_ms == 1770759660_000  # minutes only, UTC+1
    assert first.quantities["s"] == Decimal(9)  # stated, though start and end are equal
    assert (unanswered.quantities["s"], unanswered.origin) == (Decimal(0), "0")
    assert unanswered.identifiers == ("2001", "0")
    assert long.destination == "4930111"  # 00 is what the mapping strips
    assert copy.content == long.content
    assert other.record_id == long.record_id
    assert other.content != long.content


def test_without_a_zone_nothing_is_guessed():
    for outcome in decoded("freeswitch-csv"):
        assert outcome.reason is RefusalReason.TIME_WITHOUT_ZONE


GOOD = b"1,2026-03-01 13:00:00,dev-1,60\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (GOOD, "DecodedItem"),
        (GOOD.replace(b"\n", b"\r\n"), "DecodedItem"),
        (b"\xef\xbb\xbf" + GOOD, "DecodedItem"),
        (b'"1","2026-03-01 13:00:00","dev-1","60"\n', "DecodedItem"),
        (b"1,2026-03-01T13:00:00,dev-1,60\n", "DecodedItem"),
        (b"1,2026-03-01 13:00:00+01:00,dev-1,60.5", "DecodedItem"),
        (b"\n", "Ignored"),
        (b"  \r\n", "Ignored"),
        (b"1,2026-03-01 13:00:00,dev-1\n", RefusalReason.WRONG_COLUMN_COUNT),
        (b"1,2026-03-01 13:00:00,dev-1,60,\n", RefusalReason.WRONG_COLUMN_COUNT),
        (b'1,2026-03-01 13:00:00,"dev-1,60\n', RefusalReason.WRONG_COLUMN_COUNT),
        (b'1,2026-03-01 13:00:00,"dev-1"x,60\n', RefusalReason.WRONG_COLUMN_COUNT),
        (b"1,2026-03-01 13:00:00,dev\xff,60\n", RefusalReason.INVALID_ENCODING),
        (b"1,2026-03-01 13:00:00,de\0v,60\n", RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1,\n", RefusalReason.MISSING_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1,sixty\n", RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1,NaN\n", RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1, 60\n", RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1,1e99999999\n", RefusalReason.INVALID_FIELD),
        ("1,2026-03-01 13:00:00,dev-1,٦٠\n".encode(), RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00,dev-1,-1\n", RefusalReason.NEGATIVE_QUANTITY),
        (b"1,,dev-1,60\n", RefusalReason.MISSING_FIELD),
        (b"1,01.03.2026,dev-1,60\n", RefusalReason.INVALID_TIME),
        (b"1,2026-02-30 13:00:00,dev-1,60\n", RefusalReason.INVALID_TIME),
        (b"1,2026-W09-7 13:00:00,dev-1,60\n", RefusalReason.INVALID_TIME),
        (b"1,2026-03-29 02:30:00,dev-1,60\n", RefusalReason.INVALID_TIME),
        (b"1,2026-10-25 02:30:00,dev-1,60\n", RefusalReason.AMBIGUOUS_LOCAL_TIME),
        (b"1,2026-10-25 02:30:00+01:00,dev-1,60\n", "DecodedItem"),
        (b"1,9999-12-31 23:59:59,dev-1,60\n", "DecodedItem"),
        (b"1,0001-01-01 00:00:00,dev-1,60\n", "DecodedItem"),
        (b"1,2026-03-01 13:00:00,,60\n", RefusalReason.MISSING_FIELD),
        (b",2026-03-01 13:00:00,dev-1,60\n", RefusalReason.MISSING_FIELD),
        (b"1,2026-03-01 13:00:00," + b"x" * 257 + b",60\n", RefusalReason.INVALID_FIELD),
        (b"1,2026-03-01 13:00:00," + b"x" * 256 + b",60\n", "DecodedItem"),
    ],
)
def test_what_a_line_is(line, expected):
    assert reason(small(), line) == expected


@pytest.mark.parametrize("zone", [b"Europe/Nowhere", b"", b"../etc", b"Europe", b"\xff", b"a\0b"])
def test_a_zone_that_is_none_is_no_zone(zone):
    assert reason(small(), GOOD, {"zone": zone}) is RefusalReason.TIME_WITHOUT_ZONE


def test_a_byte_order_mark_is_no_part_of_the_first_cell():
    ((_, line, item), _) = small().decode(b"\xef\xbb\xbf" + GOOD + GOOD, BERLIN)
    assert (item.record_id, line[:3]) == ("1", b"\xef\xbb\xbf")


def test_a_year_9999_is_a_time_like_any_other():
    item = one(small(), b"1,9999-12-31 23:59:59,dev-1,60\n")
    assert item.started_at_ms == 253402297199_000


def test_a_broken_line_never_reaches_into_the_next():
    broken = b'1,2026-03-01 13:00:00,"dev-1,60\n'
    outcomes = small().decode(broken + GOOD + broken + b"\xff\n" + GOOD, BERLIN)
    kinds = [type(outcome).__name__ for _, _, outcome in outcomes]
    assert kinds == ["Refused", "DecodedItem", "Refused", "Refused", "DecodedItem"]
    assert outcomes[1][1] == GOOD.rstrip(b"\n")


def test_many_broken_lines_take_no_more_than_a_look_at_each(monkeypatch):
    """Such lines leave a quote open to the end of the block, one after the other."""
    decoder, looked_at = small(), []
    parser = decoder._parser
    monkeypatch.setattr(decoder, "_parser", lambda of: looked_at.append(len(of)) or parser(of))
    outcomes = decoder.decode(b'a","\n' * 1000 + GOOD, BERLIN)
    assert [type(outcome).__name__ for _, _, outcome in outcomes] == ["Refused"] * 1000 + [
        "DecodedItem"
    ]
    assert sum(looked_at) < 10_000


def test_a_mapping_can_name_the_zone_and_the_raw_header_goes_before_it():
    decoder = small(times="{formats: [iso], zone: Europe/Berlin}")
    assert one(decoder, GOOD, {}).started_at_ms == NOON
    assert one(decoder, GOOD, {"zone": b"UTC"}).started_at_ms == NOON + HOUR_MS


def test_a_row_without_an_id_is_known_by_all_its_cells():
    decoder = small(identity="[[id], row]")
    line = b",2026-03-01 13:00:00,dev-1,60\n"
    quoted = b'"","2026-03-01 13:00:00",dev-1,60\r\n'
    other = b",2026-03-01 13:00:00,dev-1,61\n"
    first, same, unlike = (one(decoder, each).record_id for each in (line, quoted, other))
    assert first.startswith("/row/")
    assert same == first != unlike


def test_rules_that_leave_out_and_rules_that_refuse():
    decoder = small(ignore="{who: [test]}", allowed="{s: ['60', '61']}")
    assert reason(decoder, b"1,2026-03-01 13:00:00,test,60\n") == "Ignored"
    assert reason(decoder, b"1,2026-03-01 13:00:00,dev-1,62\n") is RefusalReason.INVALID_FIELD
    assert reason(decoder, GOOD) == "DecodedItem"


def test_a_product_by_a_table():
    decoder = small(
        optional_columns="[kind]", product="{column: kind, table: {v: voice, m: message}}"
    )
    assert one(decoder, GOOD.rstrip() + b",v").product == "voice"
    assert one(decoder, GOOD.rstrip() + b",m").product == "message"
    assert reason(decoder, GOOD) is RefusalReason.INVALID_FIELD
    otherwise = "{column: kind, table: {v: voice}, otherwise: calls}"
    assert one(small(optional_columns="[kind]", product=otherwise), GOOD).product == "calls"


def test_quantities_are_scaled_exactly_left_out_or_constant():
    decoder = small(
        quantities='{s: {column: s, multiply_by: "0.0000000015", optional: yes}, '
        'record: {constant: "1"}}'
    )
    line = b"1,2026-03-01 13:00:00,dev-1,%s\n"
    scaled = one(decoder, line % b"1234567890123456789").quantities
    assert scaled == {"s": Decimal("1851851835.1851851835"), "record": Decimal(1)}
    assert one(decoder, line % b"").quantities == {"record": Decimal(1)}
    assert reason(decoder, line % (b"9" * 28)) is RefusalReason.INVALID_FIELD  # 29 digits then


def test_columns_by_the_line_of_their_names():
    decoder = small(header="line")
    value = b"s,at,extra,who,id\n60,2026-03-01 13:00:00,x,dev-1,1\n"
    names, row = decoder.decode(value, BERLIN)
    assert isinstance(names[2], Ignored)
    assert isinstance(row[2], DecodedItem)
    assert row[2].record_id == "1"
    # A later block of the file does not hold that line.
    later = BERLIN | {"first_line": b"1001", "columns_line": b"s,at,extra,who,id"}
    assert decoder.decode(value.split(b"\n")[1], later)[0][2] == row[2]
    del later["columns_line"]
    assert decoder.decode(value.split(b"\n")[1], later)[0][2].reason is RefusalReason.MISSING_HEADER
    refused = decoder.decode(b"s,at,who,id,id\n60,x,x,x,x\n", BERLIN)[1][2]
    assert refused.reason is RefusalReason.WRONG_COLUMN_COUNT


def test_the_order_of_columns_is_no_part_of_the_content():
    other = small(columns="[s, who, at, id]")
    a, b = one(small(), GOOD), one(other, b"60,dev-1,2026-03-01 13:00:00,1\n")
    assert (a.content_version, a.record_id) == (b.content_version, b.record_id)
    assert a.content == b.content


def test_a_change_of_the_clocks_while_it_rang():
    decoder = MAPPINGS["asterisk-custom"]
    line = (DATA / "asterisk-custom.csv").read_bytes().split(b"\n")[0]
    line = line.replace(b"2026-06-10 09:00:07", b"2026-06-10 08:00:07")
    assert reason(decoder, line, {}) is RefusalReason.INVALID_TIME


def test_an_end_before_the_start_is_left_out():
    line = (DATA / "asterisk-custom.csv").read_bytes().split(b"\n")[0]
    item = one(MAPPINGS["asterisk-custom"], line.replace(b"09:01:08", b"08:01:08"), {})
    assert item.ended_at_ms is None


def test_a_uniqueid_that_does_not_fit_the_start_tells_no_zone():
    line = (DATA / "asterisk-custom.csv").read_bytes().split(b"\n")[0]
    line = line.replace(b"1781071200.2", b"1781071255.2")
    assert reason(MAPPINGS["asterisk-custom"], line, {}) is RefusalReason.TIME_WITHOUT_ZONE
    assert reason(MAPPINGS["asterisk-custom"], line, BERLIN) == "DecodedItem"


def test_details_hold_no_value_of_the_row():
    line = b"1,2026-03-01 13:00:00,491701234567,-491701234567\n"
    assert "4917" not in one(small(), line).detail


@pytest.mark.parametrize("told", ["\u00b2", "\u0661\u0662", "", "x", "1" * 13])
def test_what_tells_the_zone_may_be_no_number(told):
    learn = r"{column: id, pattern: '^u(.+)?$', against: at}"
    decoder = small(times=f"{{formats: [iso], learn_zone: {learn}}}")
    item = one(decoder, f"u{told},2026-03-01 13:00:00,dev-1,1".encode())
    assert isinstance(item, DecodedItem)
    assert item.started_at_ms == NOON  # by the zone of the record
