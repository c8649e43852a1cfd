"""`ratemill rate`: events priced and explained, counters from one to the next, errors with their line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.cli.output import messages, results
from pipeline.cli.program import run

PLAN = """
products:
  voice: {type: telephony, usage_kind: voice, unit: s, zero_usage: filter}
  data: {type: data, usage_kind: data, unit: B}
  message: {type: messaging, usage_kind: message, unit: record}
bands:
  hours: {peak: [Mon-Fri 08:00-18:00], off-peak: otherwise}
plans:
  basic:
    currency: EUR
    allowances: {minutes: {units: 2 min}}
    prices:
      calls: {product: voice, price: {model: per_unit, bands: hours, amounts: {peak: 0.10, off-peak: 0.05}, per: 1 min, increments: 60/60, allowance: minutes}}
      traffic: {product: data, price: {model: volume, per: 1 GB, tiers: [{upto: 10 GB, amount: 1.00}, {amount: 0.50}]}}
      messages: {product: message, price: {model: flat, amount: 0.09, least: {month: 1.00}}}
"""
OTHER = """
  other:
    currency: GBP
    prices: {messages: {product: message, price: {model: flat, amount: 0.0455}}}
"""
AT = "2026-10-14T10:30:04"


@pytest.fixture
def rated(tmp_path, capsys, monkeypatch):
    """Return what the command makes of events: exit code, results, messages."""
    monkeypatch.chdir(tmp_path)

    def rated(events, *options, plan=PLAN, stdin=False):
        (tmp_path / "cat").mkdir(exist_ok=True)
        (tmp_path / "cat" / "plan.yaml").write_text(plan)
        content = events if isinstance(events, bytes) else _lines(events)
        (tmp_path / "e.jsonl").write_bytes(content)
        if stdin:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        results.cache_clear()
        messages.cache_clear()
        file = "-" if stdin else "e.jsonl"
        code = run(["rate", "--catalogue", "cat", "--event", file, *options])
        said = capsys.readouterr()
        return code, said.out, said.err

    return rated


def _lines(events):
    return "".join(json.dumps(event) + "\n" for event in events).encode()


def call(seconds=61, **fields):
    return {"product": "voice", "started_at": AT, "quantities": {"s": seconds}, **fields}


def data(gigabytes, **fields):
    return {"product": "data", "started_at": AT, "quantities": {"GB": gigabytes}, **fields}


def message(**fields):
    return {"product": "message", "started_at": AT, **fields}


def test_one_event_is_explained_in_sentences_with_its_time_in_its_zone(rated):
    code, out, err = rated([call(181, destination="4930")], "--zone", "Europe/Berlin")
    assert code == Exit.OK
    assert out.splitlines() == [
        "e.jsonl:1: 181 s of voice to 4930, 2026-10-14 10:30:04 Europe/Berlin (08:30:04 UTC)",
        "  subscription s-1 of account account, plan basic",
        "   1. Used: 181 s of voice.",
        "   2. Price basic/calls of the catalogue at hand.",
        "   3. It began on Wednesday at 10:30, local time: peak.",
        "   4. Allowance basic/minutes of 2 min a month had 2 min left: 2 min is free.",
        "   5. Billed in increments of 60/60, the first 1 min whole, then every started 1 min: 61 s is "
        "billed as 2 min.",
        "   6. 2 min at 0.10 EUR per min.",
        "   7. Billed before in this month: 0 s.",
        "   8. Rounded half up to 10 decimal places.",
        "   9. Charge: 0.20 EUR.",
        "",
    ]
    assert err == "1 event: 1 charged.\n"


def test_counters_go_on_from_one_event_to_the_next_and_amounts_are_plain(rated):
    events = [call(120), call(60), data(8), data(4), message(account="b", plan="other")]
    code, out, err = rated(events, "--plan", "basic", "--brief", plan=PLAN + OTHER)
    assert code == Exit.OK
    lines = out.splitlines()
    assert [line[:22] for line in lines[:3]] == [
        "              0.00 EUR",
        "              0.10 EUR",
        "              8.00 EUR",
    ]
    assert lines[3].startswith("2.00 EUR and -4.00 EUR for earlier charges")
    assert lines[4].startswith(
        "            0.0455 GBP  e.jsonl:5  2026-10-14 10:30:04 UTC  1 record"
    )
    assert [line.split() for line in lines if " EUR  " in line and "jsonl" not in line] == [
        ["basic/calls", "2", "0.10", "EUR"],
        ["basic/traffic", "2", "6.00", "EUR"],
        ["Total", "4", "6.10", "EUR"],
    ]
    assert ["Total", "1", "0.0455", "GBP"] in [line.split() for line in lines]
    assert len({line.index(" EUR") for line in lines if line.endswith(" EUR  ")}) == 1
    assert err == "5 events: 5 charged.\n"


def test_accounts_and_subscriptions_have_counters_of_their_own(rated):
    events = [call(120), call(120, subscription="s-2"), call(120, account="b")]
    code, out, _ = rated(events, "--json")
    assert code == Exit.OK
    assert json.loads(out)["totals"] == {"EUR": "0.0000000000"}


def test_amounts_of_json_are_the_text_of_the_ledger(rated):
    """With all its places, of charges and of totals; the sentences are for people."""
    code, out, _ = rated(
        [call(180, account="b"), message(plan="other")],
        "--plan",
        "basic",
        "--json",
        plan=PLAN + OTHER,
    )
    assert code == Exit.OK
    document = json.loads(out)
    charges = [charge for event in document["events"] for charge in event["charges"]]
    assert [charge["amount"] for charge in charges] == ["0.1000000000", "0.0455000000"]
    assert [charge["sentences"][-1] for charge in charges] == [
        "Charge: 0.10 EUR.",
        "Charge: 0.0455 GBP.",
    ]
    assert document["totals"] == {"EUR": "0.1000000000", "GBP": "0.0455000000"}


def test_what_is_refused_or_filtered_says_why(rated):
    events = [
        call(0),
        call(1, account="b", plan="gold"),
        call(1, account="c", currency="GBP"),
        call(-1),
        {**call(), "product": "x"},
    ]
    code, out, err = rated(events)
    assert code == Exit.FAILED
    assert "  Filtered: voice: no usage." in out
    for reason in ("unknown_plan", "currency_mismatch", "below_zero", "unknown_product"):
        assert f"  Refused: rating.{reason}: " in out
    assert err == "5 events: 1 filtered, 4 refused.\n"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            call(60, currency="GBP"),
            "currency: expected EUR, as of the account account before, found GBP",
        ),
        (
            call(60, zone="Asia/Tokyo"),
            "zone: expected UTC, as of the account account before, found Asia/Tokyo",
        ),
        (
            {**call(60), "started_at": "2026-10-14"},
            "started_at: expected a time such as 2026-10-05T12:00:00, or with Z or +02:00 behind it, "
            "found '2026-10-14'",
        ),
    ],
    ids=["a second currency", "a second zone", "a date alone"],
)
def test_what_would_be_a_guess_is_an_error_of_its_line(rated, event, said):
    code, out, err = rated([call(60), event])
    assert code == Exit.FAILED
    assert f"e.jsonl:2: {said}" in " ".join((out + err).split())
    assert "1 charged, 1 unreadable" in err


def test_months_close_in_the_order_in_which_they_are_named(rated):
    events = [message(), message(started_at="2026-11-02T08:00:00")]
    code, out, _ = rated(events, "--close", "2026-10", "--close", "2026-11")
    assert code == Exit.OK
    assert [line for line in out.splitlines() if line.startswith("Close of")] == [
        "Close of 2026-10: subscription s-1 of account account",
        "Close of 2026-11: subscription s-1 of account account",
    ]


def test_one_json_form_at_a_time(rated):
    code, out, err = rated([call()], "--json", "--json-lines")
    assert code == Exit.USAGE
    assert out == ""
    assert "one of the two" in err


def test_the_close_of_a_month_asks_for_what_is_missing(rated):
    code, out, _ = rated([message()], "--close", "2026-10")
    assert code == Exit.OK
    assert "Close of 2026-10: subscription s-1 of account account\n" in out
    assert out.endswith("Charge: 0.91 EUR.\n\n")
    _, out, _ = rated([message()], "--close", "2026-10", "--json")
    document = json.loads(out)
    assert document["totals"] == {"EUR": "1.0000000000"}
    (closing,) = document["closings"]
    assert (closing["month"], closing["charge"]["kind"]) == ("2026-10", "closing")
    _, out, _ = rated([message()], "--close", "2026-10", "--json-lines")
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["charged", "closing"]


def test_a_script_reads_one_document_or_one_line_for_each_event(rated):
    events = [
        call(181, attributes={"colour": "red", "size": 4}, ended_at="2026-10-14T10:40:00"),
        data(8),
    ]
    code, out, _ = rated(events, "--json", "--zone", "Europe/Berlin")
    document = json.loads(out)
    assert code == Exit.OK
    assert document["counts"] == {"charged": 2}
    assert document["totals"] == {"EUR": "8.2000000000"}
    first = document["events"][0]
    charge = first["charges"][0]
    assert (first["started_at"], first["local_time"], first["zone"]) == (
        "2026-10-14T08:30:04Z",
        "2026-10-14T10:30:04+02:00",
        "Europe/Berlin",
    )
    assert (charge["used"], charge["free"], charge["billed"], charge["amount"]) == (
        *("181", "120", "120"),
        "0.2000000000",
    )
    assert charge["sentences"][-1] == "Charge: 0.20 EUR."
    _, out, _ = rated(events, "--json-lines", "--zone", "Europe/Berlin")
    assert [json.loads(line) for line in out.splitlines()] == document["events"]


def test_standard_input_is_read(rated):
    code, out, _ = rated([message()], "--brief", stdin=True)
    assert code == Exit.OK
    assert "(standard input):1" in out


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(message(), indent=2).encode(),
        json.dumps([message()]).encode(),
        json.dumps([message()], indent=2).encode(),
        b"\xef\xbb\xbf" + json.dumps(message()).encode(),
        b"\n\n" + json.dumps(message()).encode() + b"\n\n",
    ],
    ids=["over lines", "a list", "a list over lines", "a byte order mark", "empty lines"],
)
def test_json_may_be_written(rated, content):
    code, _, err = rated(content)
    assert (code, err) == (Exit.OK, "1 event: 1 charged.\n")


def test_an_event_of_a_list_has_the_line_on_which_it_begins(rated):
    _, out, _ = rated(json.dumps([message(), message(plan="x")], indent=2).encode(), "--json")
    assert [event["line"] for event in json.loads(out)["events"]] == [2, 6]


def test_numbers_are_exact_and_texts_are_numbers_too(rated):
    content = b"".join(
        b'{"product": "data", "started_at": "%b", "quantities": {"GB": %b}}\n'
        % (AT.encode(), number)
        for number in (b"0.1000000010", b'"0.1000000010"')
    )
    _, out, _ = rated(content, "--json")
    events = json.loads(out)["events"]
    assert [event["charges"][0]["used"] for event in events] == ["100000001.0000000000"] * 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"product": }', "e.jsonl:1: (event): expected JSON (Expecting value), found"),
        (b'{\n "product": "message",\n "started_at" 1}', "e.jsonl:3: (event): expected JSON"),
        (b'{"product": "a", "product": "b"}', "e.jsonl:1: (event): expected each field once"),
        (b'{"product": NaN}', "e.jsonl:1: (event): expected a decimal, found NaN"),
        (b'{"product": "\xff"}', "e.jsonl:1: (event): expected UTF-8, found the byte 0xff"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "e.jsonl:1: (event): expected flat fields"),
        (b'{"account": "\\ud800"}', r"e.jsonl:1: (event): expected whole characters, found half of one: \ud800"),
        (b'{} {}', "e.jsonl:1: (event): expected one object a line, found '{}'"),
        (b"[{}\n {}]", "e.jsonl:2: (event): expected ',' or ']' after an event"),
        (b"[{},\n", "e.jsonl:2: (event): expected ']' at the end of the list"),
        (b'"x"', "e.jsonl:1: (event): expected an object of JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_an_error_at_its_line(rated, content, error):
    code, out, _ = rated(content)
    assert code == Exit.FAILED
    assert error in out


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"start": AT}, "start: expected one of the fields product, started_at"),
        ({"product": None}, "product: expected the field product, found nothing"),
        ({"product": 1}, "product: expected a text in quotation marks, found '1'"),
        ({"started_at": None}, "started_at: expected the field started_at, found nothing"),
        ({"started_at": "noon"}, "started_at: expected a time such as 2026-10-05T12:00:00"),
        (
            {"started_at": "2026-10-25T02:30:00"},
            "started_at: expected a time that Europe/Berlin has once",
        ),
        (
            {"ended_at": "2026-10-14T10:00:00"},
            "ended_at: expected an instant not before started_at",
        ),
        ({"zone": "Mars"}, "zone: expected a zone such as Europe/Berlin, found 'Mars'"),
        ({"currency": "EUX"}, "currency: expected a currency of ISO 4217, such as EUR"),
        (
            {"quantities": None},
            'quantities: expected what was measured, by unit, such as {"s": 126}',
        ),
        ({"quantities": {"s": "a"}}, "quantities.s: expected a decimal such as 1.5, found 'a'"),
        ({"quantities": {"s": 60, "min": 1}}, "quantities: expected one quantity that s measures"),
        (
            {"product": "message", "quantities": {"record": 2}},
            "quantities.record: expected 1 record",
        ),
        ({"destination": "+49"}, "destination: expected a number of digits, without a plus"),
        (
            {"attributes": {"a": True}},
            "attributes.a: expected a text in quotation marks, found 'true'",
        ),
        ({"attributes": "a"}, "attributes: expected texts by name"),
    ],
)
def test_a_field_that_cannot_be_read_is_an_error_and_the_next_event_is_rated(rated, fields, error):
    code, out, err = rated([call(), {**call(), **fields}, message()], "--zone", "Europe/Berlin")
    assert code == Exit.FAILED
    assert f"e.jsonl:2: {error}" in out
    assert err == "3 events: 2 charged, 1 unreadable.\n"
    _, out, _ = rated([{**call(), **fields}], "--zone", "Europe/Berlin", "--json")
    (event,) = json.loads(out)["events"]
    assert event["errors"][0].keys() == {"file", "line", "field", "expected", "found"}


@pytest.mark.parametrize(
    ("event", "meant"),
    [
        (call(product="voise"), "Did you mean voice?"),
        (call(plan="basik"), "Did you mean basic?"),
        ({**data(1), "quantities": {"gb": 1}}, "Did you mean GB?"),
        ({**call(), "quantities": {"secs": 1}}, None),
        (call(plan="premium"), None),
        (message(product="fax", quantities={"s": 1}), None),
        ({**message(product="data", plan="other", quantities={"B": 1})}, None),
    ],
    ids=["product", "plan", "unit", "another unit", "another plan", "another product", "not of it"],
)
def test_a_refusal_says_which_name_was_meant_where_one_is_near(rated, event, meant):
    code, out, _ = rated([event], "--plan", "basic", "--json", plan=PLAN + OTHER)
    assert code == Exit.FAILED
    (shown,) = json.loads(out)["events"]
    assert shown["outcome"] == "refused"
    if meant:
        assert shown["detail"].endswith(f"what was refused until then. {meant}")
    else:
        assert "Did you mean" not in shown["detail"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"destinaton": "49"}, "found 'destinaton' (did you mean destination?)"),
        ({"quantities": {"s": "90 s"}}, "found '90 s' (did you mean \"s\": 90?)"),
        ({"quantities": {"s": "5minutes"}}, "found '5minutes' (did you mean \"minutes\": 5?)"),
        ({"quantities": "2 Min"}, "found '2 Min' (did you mean {\"min\": 2}?)"),
        (
            {"product": "voise", "quantities": None},
            "product: expected a product of the catalogue: data, message, voice, "
            "found 'voise' (did you mean voice?)",
        ),
    ],
)
def test_what_was_meant_stands_behind_what_was_found(rated, fields, found):
    code, out, _ = rated([{**call(), **fields}])
    assert code == Exit.FAILED
    assert out.endswith(f"{found}\n\n")


def test_a_plan_must_be_said_where_there_are_several(rated):
    code, out, _ = rated([message()], plan=PLAN + OTHER)
    assert code == Exit.FAILED
    assert "plan: expected a plan, in the event or with --plan: basic, other" in out


def test_no_event_and_a_broken_catalogue_are_failures(rated):
    assert rated(b"\n") == (Exit.FAILED, "", "There is no event in e.jsonl.\n")
    code, out, err = rated([message()], plan=PLAN.replace("0.09", "x"))
    assert code == Exit.FAILED
    assert out.startswith("plan.yaml:")
    assert "nothing was rated" in err
    _, out, _ = rated([message()], "--json", plan=PLAN.replace("0.09", "x"))
    assert out == ""


@pytest.mark.parametrize(
    "options",
    [("--zone", "Mars"), ("--currency", "EUX"), ("--close", "October"), ("--close", "2026-13")],
)
def test_a_wrong_option_is_wrong_usage(rated, options):
    code, out, _ = rated([message()], *options)
    assert (code, out) == (Exit.USAGE, "")


def test_the_words_of_help_name_every_field():
    from pipeline.cli.rate import rate
    from rating.trial import FIELDS

    assert all(field in rate.__doc__ for field in FIELDS)


def test_the_call_of_the_sample_costs_what_the_readme_says(monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).resolve().parents[2])
    results.cache_clear()
    files = ["--catalogue", "deploy/sample/catalogue", "--event", "deploy/sample/usage/call.json"]
    assert run(["rate", *files]) == Exit.OK
    said = [line.partition(". ")[2] for line in capsys.readouterr().out.splitlines()[2:]]
    readme = Path("README.md").read_text().partition("<!-- explanation of line 1 -->")[2]
    expected = [line.partition(". ")[2] for line in readme.split("```")[1].splitlines()[1:]]
    version = "of catalogue version 2"
    assert [line.replace("of the catalogue at hand", version) for line in said if line] == expected


def test_an_event_says_which_attributes_its_account_and_subscription_have(rated):
    plan = PLAN + (
        "  own:\n    currency: EUR\n    prices:\n"
        "      gold: {product: message, when: account.vip == 'gold' and subscription.zone == 'B', "
        "price: {model: flat, amount: 1, least: {month: 5}}}\n"
        "      other: {product: message, price: {model: flat, amount: 2}}\n"
    )
    event = {"product": "message", "started_at": AT, "quantities": {"record": 1}, "plan": "own"}
    gold = {"account_attributes": {"vip": "gold"}, "subscription_attributes": {"zone": "B"}}
    code, out, _ = rated([event], "--json", "--close", "2026-10", plan=plan)
    plain = json.loads(out)
    assert (code, [one["charge"]["amount"] for one in plain["closings"]]) == (0, [])
    assert plain["events"][0]["charges"][0]["price"] == "own/other"
    code, out, _ = rated([{**event, **gold}], "--json", "--close", "2026-10", plan=plan)
    held = json.loads(out)
    assert held["events"][0]["charges"][0]["price"] == "own/gold"
    assert [one["charge"]["amount"] for one in held["closings"]] == ["4.0000000000"]
    code, out, _ = rated([{**event, "account_attributes": "gold"}], plan=plan)
    assert code == Exit.FAILED
    assert "account_attributes: expected texts by name" in out


ROLLING = PLAN + (
    "  rolling:\n    currency: EUR\n    allowances: {texts: {units: 2 record, rolls_over: {months: 1}}}\n"
    "    prices:\n"
    "      m: {product: message, price: {model: per_unit, per: 1 record, amount: 1, allowance: texts}}\n"
)


def test_an_event_says_since_when_its_subscription_has_months_that_roll_over(rated):
    def free(**since):
        event = {"product": "message", "plan": "rolling", "started_at": "2026-10-05T12:00:00"}
        code, out, _ = rated([{**event, **since}] * 5, "--json", plan=ROLLING)
        assert code == 0, out
        return sum(int(one["charges"][0]["free"]) for one in json.loads(out)["events"])

    assert free() == 2, "without it, its months begin with its first event"
    assert free(subscription_since="2026-10-01") == 2
    assert free(subscription_since="2026-09-30") == 4


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param(["2026-10-06"], "a date on or before that of started_at", id="later"),
        pytest.param(["2026-10"], "a date such as 2026-10-05", id="a month"),
        pytest.param(
            ["2026-09-01", "2026-08-01"], "the same as of the subscription s-1 before", id="two"
        ),
    ],
)
def test_a_date_since_when_that_cannot_be_is_refused(rated, since, expected):
    event = {"product": "message", "plan": "rolling", "started_at": "2026-10-05T12:00:00"}
    code, out, _ = rated([{**event, "subscription_since": each} for each in since], plan=ROLLING)
    assert code == Exit.FAILED
    assert f"subscription_since: expected {expected}" in out
