"""Laws of `native/cloudevents.pyx`: an event's item is the one that the Python twins make of it."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation.decode import cloudevents
from mediation.decode.mapping import load_decoder
from mediation.received import Ready
from tests.normalise_stream import ALL, LINES, Draw, cloud_event, damaged
from tests.property.test_native_rows import both

needs_compiled = pytest.mark.skipif(
    cloudevents._native is None, reason="nothing is compiled: no C compiler was there"
)

seeds = st.integers(0, 2**32)
EVENTS = sorted(name for name in LINES if not hasattr(ALL[name], "_in_order"))

TINY = load_decoder(
    """
kind: cloudevents
name: tiny
version: 1
identifiers: [subject, data.a.who]
missing_time: append_time
types:
  t:
    product: data
    usage_kind: data
    quantities: {B: data.n, MB: {path: data.a.n, multiply_by: "0.000001"}, one: {constant: "1"}}
    ended_at: data.end
    origin: {path: data.from, remove: [" ", "\\u00a0"], strip: ["00", "é"]}
    destination: {path: data.to, number: "no"}
    service_class: class
    attributes: {x: data.x, y: data.a.y, z: ext}
""",
    "tiny.yaml",
)

texts = st.one_of(
    st.text(max_size=6),
    st.text(alphabet='0123456789+- "\\/~é\u00a0٣', max_size=6),
    st.sampled_from(["dev-1", "2001", "nobody", "4930", "x" * 256, "x" * 257, "é" * 200]),
    st.sampled_from(["2026-03-01T12:00:05Z", "2026-02-29T00:00:00Z", "2026-03-01 12:00:05+01:00"]),
    st.sampled_from(["2026-03-01T24:00:00Z", "2026-03-01t12:00:05.25z", "2024-02-29T23:59:60Z"]),
)
values = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.integers(0, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(), max_size=2),
)
inner = st.dictionaries(st.sampled_from(["who", "n", "y", "other"]), values | st.integers(0, 5))
data = st.dictionaries(
    st.sampled_from(["n", "a", "end", "from", "to", "x", "other"]), values | inner
)
events = st.fixed_dictionaries(
    {"specversion": st.sampled_from(["1.0"] * 9 + ["0.3", 1]), "type": st.just("t")},
    optional={
        "id": st.sampled_from(["1", "a/b", "~", ""]),
        "source": st.sampled_from(["s", "/s/1", "s~", "x" * 254]),
        "subject": texts | values,
        "time": texts | st.just("2026-03-01T12:00:05Z"),
        "class": texts,
        "ext": texts | values,
        "other": values,
        "data": data | values,
    },
)
likely = st.builds(
    lambda event, n, to: {
        **event, "id": "i", "source": "/s", "subject": "dev-1", "time": "2026-03-01T12:00:05Z",
        "class": "c", "ext": "e", "data": {"n": n, "a": {"n": n, "y": "é"}, "to": to, "x": "1"},
    },
    events, st.integers(0, 10**17), texts,
)  # fmt: skip


SOME = {
    "specversion": "1.0", "type": "t", "id": "i", "source": "/s", "subject": "dev-1",
    "time": "2026-03-01T12:00:05Z", "data": {"n": 1, "a": {"n": 1}},
}  # fmt: skip


@needs_compiled
@given(
    st.sampled_from(["2026-03-01T12:00:05", "2024-02-29t23:59:59", "2026-03-01 00:00:00", "2026-02-29T12:00:00"]),
    st.sampled_from([".", "", ",", ".-", ". "]),
    st.text("0123456789", max_size=11) | st.sampled_from(["25x", "2.5", "٣"]),
    st.sampled_from(["Z", "z", "+00:00", "", "ZZ"]),
)  # fmt: skip
@example("2026-03-01T12:00:05", ".", "25", "Z")
def test_a_time_with_parts_of_a_second_is_read_as_by_the_twin(time, point, digits, zone):
    event = SOME | {"time": time + point + digits + zone}
    compiled, twin = both(TINY, json.dumps(event).encode(), {"record": b"block"})
    assert compiled == twin


@needs_compiled
@given(seeds, st.sampled_from(EVENTS), st.booleans())
def test_events_are_what_python_makes_of_them(seed, name, batch):
    draw = Draw(seed)
    lines = [damaged(draw, LINES[name](draw)) for _ in range(8)]
    value = b"[" + b",".join(lines) + b"]" if batch else b"\n".join(lines)
    compiled, twin = both(ALL[name], value, {"record": b"message" if batch else b"block"})
    assert compiled == twin


@needs_compiled
@given(
    st.lists(events | likely, max_size=5),
    st.sampled_from([None, " "]),
    st.booleans(),
    st.sampled_from([b"", b'"', b"{", b",", b"\xff", b"0", b"-", b"\0", b" ", b'"n":1,']),
    st.integers(0, 400),
)
@example([{"specversion": "1.0", "type": "t", "data": {"n": 1, "a": 1}}], None, True, b"", 0)
@example(
    [SOME | {"specversion": each} for each in ("1.0", "1.1", "1", "1.00", "")], None, True, b"", 0
)
def test_events_of_any_values_are_what_python_makes_of_them(several, indent, escaped, put, at):
    value = b"\n".join(
        json.dumps(
            event, ensure_ascii=escaped, separators=(", ", " : ") if indent else None
        ).encode("utf-8", "surrogatepass")
        for event in several
    )
    compiled, twin = both(TINY, value[:at] + put + value[at:], {"record": b"block"})
    assert compiled == twin


@needs_compiled
@pytest.mark.parametrize("where", ["data", "extension", "quantity"])
@pytest.mark.parametrize("digits", [18, 19, 28, 29, 999, 1000, 1001, 4300, 4301, 20_000])
@pytest.mark.parametrize("rest", ["", ".5", "e1", "e-9"])
def test_a_number_of_many_digits_is_taken_or_refused_as_by_the_twin(where, digits, rest):
    number = "1" * digits + rest
    told = {each: number if each == where else "1" for each in ("extension", "quantity", "data")}
    event = (
        '{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"dev-1",'
        f'"time":"2026-03-01T12:00:05Z","other":{told["extension"]},'
        f'"data":{{"n":{told["quantity"]},"a":{{"n":2}},"other":{told["data"]}}}}}'
    )
    compiled, twin = both(TINY, event.encode(), {"record": b"block"})
    assert compiled == twin


@needs_compiled
@pytest.mark.parametrize("member", ["subject", "data", "n", "time", "type"])
def test_of_a_member_that_is_there_twice_the_last_one_counts(member):
    event = (
        b'{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"dev-1",'
        b'"time":"2026-03-01T12:00:05Z","data":{"n":1,"a":{"n":2}}}'
    )
    twice = {
        "subject": b'"subject":"2001",',
        "data": b'"data":{"n":7,"a":{"n":3}},',
        "n": b'"n":9,',
        "time": b'"time":"2026-03-01T12:00:06Z",',
        "type": b'"type":"u",',
    }
    at = event.index(b'"%s"' % member.encode())
    compiled, twin = both(TINY, event[:at] + twice[member] + event[at:], {"record": b"block"})
    assert compiled == twin


@needs_compiled
def test_most_events_need_no_python(monkeypatch):
    """Else the laws above would compare Python with itself."""
    draw, decoder = Draw(11), ALL["cloudevents-iot"]
    alone = []
    structured = decoder.structured
    monkeypatch.setattr(
        decoder, "structured", lambda value: alone.append(value) or structured(value)
    )
    lines = [cloud_event(draw).encode() for _ in range(300)]
    compiled, _ = both(decoder, b"\n".join(lines), {"record": b"block"})
    without = len(lines) - (len(alone) - len(lines))  # the twin reads each of them so
    assert sum(type(item) is Ready for item in compiled) >= without > 20
