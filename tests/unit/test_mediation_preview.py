from mediation.preview import preview
from tests.mediation_world import DATA, MAPPINGS, event_json


def test_a_preview_shows_each_item_in_words():
    rows = preview(MAPPINGS["asterisk"], (DATA / "asterisk.csv").read_bytes() + b"\n")
    first, _, _, shifted, empty = rows
    assert (first.outcome, first.record_id) == ("event", "pbx-1772434800.774")
    assert (first.started_at, first.ended_at) == ("2026-03-02T07:00:05Z", "2026-03-02T07:00:50Z")
    assert first.quantities == {"s": "45", "duration_s": "50"}
    assert (first.origin, first.destination) == ("4930111", "4930222")
    assert (shifted.outcome, shifted.record_id) == ("mediation.invalid_field", "")
    assert "billsec" in shifted.detail
    assert (empty.outcome, empty.detail) == ("ignored", "an empty line")


def test_headers_are_those_of_a_raw_record():
    value = (DATA / "freeswitch-csv.csv").read_bytes()
    without = preview(MAPPINGS["freeswitch-csv"], value)
    assert without[0].outcome == "mediation.time_without_zone"
    (first, *_) = preview(MAPPINGS["freeswitch-csv"], value, {"zone": b"Europe/Berlin"})
    assert first.started_at == "2026-02-10T21:41:00Z"


def test_the_end_of_time_is_shown_too():
    late = event_json(at="9999-12-31T23:59:59-14:00")
    (row,) = preview(MAPPINGS["cloudevents-iot"], late)
    assert row.started_at == "253402351199000 ms since 1970"
