"""Laws of decoding: never raises, lines do not touch each other, exact and injective."""

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from mediation.decode.item import DecodedItem, Ignored
from mediation.decode.quantity import quantity_of
from mediation.identity import record_id_of
from schemas.decimals import MAX_DIGITS, to_text
from schemas.refusal import Refused
from tests.mediation_world import DATA, MAPPINGS, event_json

LINES = {
    name: (DATA / f"{name}.csv").read_bytes().splitlines()
    for name in ("asterisk", "asterisk-custom", "freeswitch-csv")
}
ZONES = st.sampled_from([None, b"Europe/Berlin", b"UTC", b"nowhere", b"\xff"])
DELIMITED = st.sampled_from(sorted(LINES))


@st.composite
def damaged(draw, whole):
    """Good bytes with some cut out, put in, or turned into others."""
    value = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(value)))
        end = at + draw(st.integers(0, 6))
        new = draw(
            st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"9", b"-", b"{"])
        )
        value[at:end] = new
    return bytes(value)


def headers(zone, **named):
    return named | ({} if zone is None else {"zone": zone})


@given(
    DELIMITED.flatmap(lambda n: st.tuples(st.just(n), damaged(st.just(b"\n".join(LINES[n]))))),
    ZONES,
)
def test_a_damaged_file_gives_an_outcome_per_line_and_never_raises(file, zone):
    name, value = file
    items = MAPPINGS[name].decode(value, headers(zone))
    assert b"\n".join(line for _, line, _ in items) == value.removesuffix(b"\n")
    assert [index for index, _, _ in items] == list(range(len(items)))
    assert all(isinstance(o, DecodedItem | Refused | Ignored) for _, _, o in items)


@given(
    DELIMITED.flatmap(lambda n: st.tuples(st.just(n), damaged(st.just(b"\n".join(LINES[n]))))),
    ZONES,
)
@example(("asterisk", b'"a\nb"'), None)
def test_a_line_is_the_same_alone_as_among_others(file, zone):
    """However broken its neighbours are: an open quote, wrong bytes, a NUL."""
    name, value = file
    together = MAPPINGS[name].decode(value, headers(zone))
    for index, line, outcome in together:
        # The mark of an encoding is one only where a value begins.
        if line and not (index and line.startswith(b"\xef\xbb\xbf")):
            assert MAPPINGS[name].decode(line + b"\n", headers(zone)) == [(0, line, outcome)]


@given(
    st.binary(max_size=60)
    | damaged(st.sampled_from([event_json(), (DATA / "cloudevents.json").read_bytes()])),
    st.sampled_from([None, b"block", b"message"]),
    st.sampled_from([None, b"application/cloudevents+json", b"application/cloudevents-batch+json"]),
    st.dictionaries(
        st.sampled_from(
            ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject"]
        ),
        st.sampled_from([b"1.0", b"sensor.data", b"2026-03-01T12:00:00Z", b"\xff", b""]),
    ),
)
def test_cloudevents_never_raise(value, record, content_type, ce_headers):
    named = {"record": record, "content_type": content_type}
    given_headers = {name: text for name, text in named.items() if text is not None}
    items = MAPPINGS["cloudevents-iot"].decode(value, given_headers | ce_headers)
    assert all(isinstance(o, DecodedItem | Refused | Ignored) for _, _, o in items)


@given(st.decimals(min_value=0, max_value=10**20, places=7, allow_nan=False))
def test_a_quantity_is_the_number_that_was_written(value):
    quantity = quantity_of(to_text(value), field="x")
    assert quantity == value
    assert quantity.as_tuple().exponent <= 0


@given(st.text(max_size=40))
@example("1" * (MAX_DIGITS + 1))
@example("-0")
@example("1e5")
def test_any_text_is_a_quantity_or_a_refusal(text):
    quantity = quantity_of(text, field="x")
    if isinstance(quantity, Decimal):
        assert quantity >= 0
        assert not quantity.is_signed()
        assert "E" not in str(quantity.quantize(quantity)) or quantity == 0


PARTS = st.lists(st.text(alphabet="ab/~01", min_size=1, max_size=4), min_size=1, max_size=3)


@given(PARTS, PARTS)
def test_record_ids_are_equal_only_for_equal_fields(a, b):
    assert (record_id_of(*a) == record_id_of(*b)) == (a == b)
