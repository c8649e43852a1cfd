"""Scenario texts: what a line may say, what is refused with its place, what fails and how."""

import textwrap

import pytest

from rating.catalogue import check, compile
from rating.scenario import read_scenarios, run, run_scenario
from rating.scenario.read import in_text
from tests.rating_builders import document_of

CATALOGUE = """
products:
  voice: {type: telephony, usage_kind: voice, unit: s}
  data: {type: data, usage_kind: data, unit: B}
  message: {type: messaging, usage_kind: message, unit: record}
  silent: {type: telephony, usage_kind: voice, unit: s, zero_usage: filter}
  energy: {type: energy, usage_kind: energy, unit: Wh, below_zero: mirror}
  devices: {type: iot, usage_kind: event, unit: record}
bands:
  hours: {peak: [Mon-Fri 08:00-18:00], off-peak: otherwise}
plans:
  p:
    currency: EUR
    allowances: {family: {units: 10 min, shared_by: account}}
    prices:
      home: {product: voice, destinations: ["49"], price: {model: per_unit, amount: 0.10, per: 1 min, increments: 60/60, allowance: family}}
      split:
        product: voice
        destinations: ["44"]
        price: {model: call, bands: hours, bands_by: split, rates: {peak: [{amount: 0.60, per: 1 min, increment: 1 s}], off-peak: [{amount: 0.06, per: 1 min, increment: 1 s}]}}
      late:
        product: voice
        destinations: ["33"]
        price: {model: per_unit, bands: hours, bands_by: end, amounts: {peak: 1.00, off-peak: 0.10}, per: 1 min}
      traffic: {product: data, price: {model: volume, per: 1 GB, tiers: [{upto: 10 GB, amount: 1.00}, {amount: 0.50}]}}
      text: {product: message, price: {model: flat, amount: 0.09, least: {month: 3.00, by_days: yes}}}
      quiet: {product: silent, price: {model: per_unit, amount: 1, per: 1 min}}
      meter: {product: energy, price: {model: per_unit, amount: 0.30, per: 1 kWh}}
      active: {product: devices, price: {model: per_unit, amount: 0.50, per: 1 record, aggregate: unique, unique_by: device}}
  q:
    currency: EUR
    prices:
      text: {product: message, price: {model: flat, amount: 0.05}}
"""
ACCOUNT = "Account on plan p in EUR, zone Europe/Berlin\n"
DOCUMENT = document_of({"plans.yaml": CATALOGUE.encode()})
UNITS = {product.code: product.unit for product in DOCUMENT.products}


def scenario(lines, *, before=ACCOUNT):
    return f"{before}Scenario: a\n" + textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")


def errors_of(text):
    read = read_scenarios("a.scenario", text, with_catalogue=False)
    return [str(error) for error in read.errors]


def failures_of(text):
    read = read_scenarios("a.scenario", text, with_catalogue=False)
    assert read.errors == ()
    catalogue = compile(DOCUMENT, 1)
    return [
        failure
        for each in read.scenarios
        for failure in run_scenario(each, catalogue, units=UNITS).failures
    ]


GOOD = {
    "an allowance that two subscriptions share": (
        """
        8 min of voice to 4930 by one, 8 min free, charge 0.00 EUR
        5 min of voice to 4930 by two, 2 min free, 3 min billed, price p/home, charge 0.30 EUR
        total by one 0.00 EUR
        total by two 0.30 EUR
        total 0.30 EUR
        """,
        "Subscription one\nSubscription two\n",
    ),
    "a call that is split where the hours change": (
        """
        on 2026-10-05 at 17:58 lasting 4 min, 4 min of voice to 44, charge 1.32 EUR
        on 2026-10-05 at 17:58, 4 min of voice to 44, charge 1.32 EUR
        total 2.64 EUR
        """,
        "",
    ),
    "the hour of the end decides": (
        """
        on 2026-10-05 at 07:59 until 08:01, 1 min of voice to 33, charge 1.00 EUR
        on 2026-10-05 at 07:59 until 08:00, 1 min of voice to 33, charge 0.10 EUR
        on 2026-10-05 at 23:59 until 2026-10-06 at 08:30, 1 min of voice to 33, charge 1.00 EUR
        on 2026-10-05 at 05:59 UTC until 06:01 UTC, 1 min of voice to 33, charge 1.00 EUR
        total 3.10 EUR
        """,
        "",
    ),
    "a change of earlier charges is said, and is in the total": (
        """
        8 GB of data, charge 8.00 EUR
        # the next tier: all of the month at 0.50
        4 GB of data, earlier charges -4.00 EUR, charge 2.00 EUR
        total 6.00 EUR
        """,
        "",
    ),
    "many events alike": (
        """
        1000 x 1 record of message, charge 90.00 EUR
        total 90.00 EUR
        """,
        "",
    ),
    "attributes, a class and an origin": (
        """
        1 record of devices with device=a and colour="dark, red" in class gold from 4930, charge 0.50 EUR
        1 record of devices with device=a, charge 0.00 EUR
        1 record of devices, refused: rating.missing_attribute
        total 0.50 EUR
        """,
        "",
    ),
    "corrections, filtered and refused usage": (
        """
        -2 kWh of energy, charge -0.60 EUR
        0 s of silent, filtered
        1 kWh of voice to 49, refused: rating.missing_quantity
        1 kWh and 60 s of voice to 49, 1 min free, charge 0.00 EUR
        1 min of voice to 99, refused: rating.unknown_destination
        1 min of video, refused: rating.unknown_product
        total -0.60 EUR
        """,
        "",
    ),
    "the close of a month asks for what is missing, once, and late usage is paid by it": (
        """
        on 2026-10-05, 1 record of message, charge 0.09 EUR
        close of 2026-10, charge 2.91 EUR
        close of 2026-10, charge 0.00 EUR
        on 2026-10-06, 1 record of message, charge 0.00 EUR
        close of 2026-11, charge 3.00 EUR
        total 6.00 EUR
        """,
        "",
    ),
    "a close is of all subscriptions, by their days": (
        """
        close of 2026-11, charge 4.00 EUR
        total by late 1.00 EUR
        total 4.00 EUR
        """,
        "Subscription one\nSubscription late from 2026-11-21\nSubscription gone to 2026-11-01\n"
        "Subscription other on plan q\n",
    ),
    "a subscription on another plan": (
        """
        1 record of message by one, charge 0.09 EUR
        1 record of message by other, price q/text, charge 0.05 EUR
        total 0.14 EUR
        """,
        "Subscription one\nSubscription other on plan q\n",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_scenario_may_say(name):
    lines, subscriptions = GOOD[name]
    failures = failures_of(scenario(lines, before=ACCOUNT + subscriptions))
    assert not failures, "\n".join(map(str, failures))


CHARGED = "8 GB of data, charge 8.00 EUR"


@pytest.mark.parametrize(
    ("lines", "expected", "found"),
    [
        ("8 GB of data, charge 8.01 EUR\ntotal 8.00 EUR", "charge 8.01 EUR", "charge 8.00 EUR"),
        (f"{CHARGED}\ntotal 8.01 EUR", "total 8.01 EUR", "total 8.00 EUR"),
        ("8 GB of data, charge 8.00 GBP\ntotal 8.00 EUR", "charge 8.00 GBP", "charge 8.00 EUR"),
        (f"{CHARGED}\ntotal 8.00 GBP", "total 8.00 GBP", "total 8.00 EUR"),
        ("8 GB of data, 1 GB free, charge 8.00 EUR\ntotal 8.00 EUR", "1 GB free", "0 B free"),
        ("8 GB of data, 7 GB billed, charge 8.00 EUR\ntotal 8.00 EUR", "7 GB billed", "8 GB billed"),
        ("8 GB of data, 8 h billed, charge 8.00 EUR\ntotal 8.00 EUR", "8 h billed", "8 GB billed"),
        ("8 GB of data, price p/x, charge 8.00 EUR\ntotal 8.00 EUR", "price p/x", "price p/traffic"),
        ("8 GB of data, filtered\ntotal 8.00 EUR", "filtered", "charge 8.00 EUR"),
        (
            "8 GB of data, refused: rating.below_zero\ntotal 8.00 EUR",
            "refused: rating.below_zero",
            "charge 8.00 EUR",
        ),
        (
            "1 min of voice to 99, charge 1.00 EUR\ntotal 0.00 EUR",
            "charge 1.00 EUR",
            "refused: rating.unknown_destination",
        ),
        (
            f"{CHARGED}\n4 GB of data, charge 2.00 EUR\ntotal 6.00 EUR",
            "no change of earlier charges",
            "earlier charges -4.00 EUR",
        ),
        (
            "8 GB of data, earlier charges -1.00 EUR, charge 8.00 EUR\ntotal 8.00 EUR",
            "earlier charges -1.00 EUR",
            "earlier charges 0.00 EUR",
        ),
        ("close of 2026-10, charge 2.00 EUR\ntotal 3.00 EUR", "charge 2.00 EUR", "charge 3.00 EUR"),
        (
            "1 min and 60 s of voice to 49, charge 0.10 EUR\ntotal 0.00 EUR",
            "one quantity that s measures",
            "1 min and 60 s",
        ),
        (
            "3 record of message, charge 0.27 EUR\ntotal 0.00 EUR",
            "'1 record', for each event counts as one; '3 x 1 record' is three events",
            "3 record",
        ),
    ],
)  # fmt: skip
def test_a_line_fails_and_says_what_came(lines, expected, found):
    (failure,) = failures_of(scenario(lines))
    assert [(one.expected, one.found) for one in failure.mismatches] == [(expected, found)]
    assert failure.text in lines
    assert str(failure) == (f"a.scenario:{failure.line}: expected {expected}, found {found}")


def test_what_came_is_explained():
    (failure,) = failures_of(scenario("8 GB of data, charge 1.00 EUR\ntotal 8.00 EUR"))
    assert (failure.line, failure.scenario) == (3, "a")
    assert failure.explanation[0] == "Used: 8 GB of data."
    assert failure.explanation[-1] == "Charge: 8.00 EUR."


EACH = scenario("4 x 5 min of voice to 4930, charge 1.50 EUR\ntotal 1.00 EUR")


def test_each_different_outcome_of_a_line_is_explained_once():
    (failure,) = failures_of(EACH)
    heads = [line for line in failure.explanation if " of 4 events: " in line]
    assert heads == ["2 of 4 events: Used: 5 min of voice."] * 2
    amounts = [line for line in failure.explanation if line.startswith("Charge: ")]
    assert amounts == ["Charge: 0.00 EUR.", "Charge: 0.50 EUR."]


def test_of_many_different_outcomes_the_first_few_are_explained_and_the_others_counted(monkeypatch):
    monkeypatch.setattr(run, "_MOST_EXPLAINED", 1)
    (failure,) = failures_of(EACH)
    assert failure.explanation[-2:] == (
        "Charge: 0.00 EUR.",
        "2 of 4 events came out in other ways.",
    )


def test_a_total_is_explained_by_the_lines_that_it_is_of():
    (failure,) = failures_of(scenario("2 x 1 record of message, charge 0.18 EUR\ntotal 1.00 EUR"))
    assert failure.explanation == ("Line 3: 0.09 EUR.", "Line 3: 0.09 EUR.")


def test_a_charge_is_compared_to_as_many_places_as_are_written():
    third = "1 s of voice to 44, charge {}\ntotal 0.010 EUR"
    assert failures_of(scenario(third.format("0.01 EUR"))) == []
    assert failures_of(scenario(third.format("0.0100000000 EUR"))) == []
    assert failures_of(scenario(third.format("0.0100000001 EUR")))


TOTAL = "total 0.00 EUR"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (f"8 GB of data, costs 8.00 EUR\n{TOTAL}", "3: line: expected '<quantity> <unit> free'"),
        (f"8 GB data, charge 8.00 EUR\n{TOTAL}", "3: line: expected '[on <date> [at <time>]"),
        (f"8 GB of data\n{TOTAL}", "3: line: expected '[on <date> [at <time>]"),
        (f"GB of data, charge 8.00 EUR\n{TOTAL}", "3: line: expected a quantity with its unit"),
        (f"8 GB of data, 8 GB free\n{TOTAL}", "3: line: expected one outcome"),
        (f"8 GB of data, charge 8.00 EUR, filtered\n{TOTAL}", "3: line: expected one outcome"),
        (
            f"8 GB of data, 1 GB free, filtered\n{TOTAL}",
            "3: line: expected nothing but the outcome",
        ),
        (
            f"8 GB of data, charge 8.00 EUR, charge 8.00 EUR\n{TOTAL}",
            "3: line: expected each thing",
        ),
        (f"8 GB of data, charge 8 EUR\n{TOTAL}", "3: line: expected an amount with its currency"),
        (
            f"8 GB of data, charge 8.00 EUX\n{TOTAL}",
            "3: line: expected an amount with its currency",
        ),
        (f"8 GB of data, refused: no\n{TOTAL}", "3: line: expected a reason of rating"),
        (f"on 2026-02-30, {CHARGED}\n{TOTAL}", "3: line: expected a date such as 2026-10-05"),
        (f"on 2026-10-05 at 25:00, {CHARGED}\n{TOTAL}", "3: line: expected a time such as 12:00"),
        (f"on 2026-10-05 at noon UTC, {CHARGED}\n{TOTAL}", "3: line: expected a time such as"),
        (
            f"on 2026-10-05 at 12:00 until 11:00, {CHARGED}\n{TOTAL}",
            "3: line: expected an end after",
        ),
        (
            f"on 2026-10-05 at 12:00 UTC until 13:00, {CHARGED}\n{TOTAL}",
            "3: line: expected start and",
        ),
        (
            f"on 2026-10-05 at 12:00 lasting 6 GB, {CHARGED}\n{TOTAL}",
            "3: line: expected a duration",
        ),
        (
            f"on 2026-10-25 at 02:30, {CHARGED}\n{TOTAL}",
            "3: line: expected a time that Europe/Berlin",
        ),
        (
            f"on 2026-03-29 at 02:30, {CHARGED}\n{TOTAL}",
            "3: line: expected a time that Europe/Berlin",
        ),
        (f"1 s of voice to +49, charge 1.00 EUR\n{TOTAL}", "3: line: expected a number of digits"),
        (
            f"1 s of voice to 4 to 4, charge 1.00 EUR\n{TOTAL}",
            "3: line: expected 'to', 'from', 'by'",
        ),
        (f"1 s of voice near 4, charge 1.00 EUR\n{TOTAL}", "3: line: expected 'to', 'from', 'by'"),
        (
            f"1 s of voice by s-2, charge 1.00 EUR\n{TOTAL}",
            "3: line: expected a subscription of the",
        ),
        (f"1 s of voice with a, charge 1.00 EUR\n{TOTAL}", "3: line: expected attributes such as"),
        (
            f"1 s of voice with a=1 and a=2, charge 1.00 EUR\n{TOTAL}",
            "3: line: expected each attribute",
        ),
        (f'1 s of voice with a="b, charge 1.00 EUR\n{TOTAL}', "3: line: expected quotation marks"),
        (f"close of October, charge 1.00 EUR\n{TOTAL}", "3: line: expected a month such as"),
        (f"close of 2026-10, 1.00 EUR\n{TOTAL}", "3: line: expected 'close of <month>"),
        (f"{CHARGED}\ntotals 0.00 EUR", "4: line: expected 'total [by <subscription>]"),
        (CHARGED, "3: Scenario: expected a total as the last line"),
        (f"{TOTAL}\n{CHARGED}", "4: Scenario: expected a total as the last line"),
        (TOTAL, "3: Scenario: expected usage before the total"),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_with_its_place(lines, error):
    (found,) = errors_of(scenario(lines))
    assert found.startswith(f"a.scenario:{error}")
    assert ", found " in found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (f"8GB of data, charge 8.00 EUR\n{TOTAL}", "found '8GB' (did you mean 8 GB?)"),
        (f"{CHARGED}, 1gb free\n{TOTAL}", "found '1gb' (did you mean 1 GB?)"),
        (
            f"on 2026-10-05 at 12:00 lasting 6 Min, {CHARGED}\n{TOTAL}",
            "found '6 Min' (did you mean 6 min?)",
        ),
        (
            f"8 GB of data, refused: rating.unknown_produkt\n{TOTAL}",
            "(did you mean rating.unknown_product?)",
        ),
        (f"8 GB of data, charged 8.00 EUR\n{TOTAL}", "(did you mean charge?)"),
        (f"8 GB of data, 1 GB bild, filterd\n{TOTAL}", "found '1 GB bild' (did you mean billed?)"),
        (f"8 GB of data, filterd\n{TOTAL}", "found 'filterd' (did you mean filtered?)"),
    ],
)
def test_what_was_meant_stands_behind_what_was_found(lines, found):
    assert any(found in error for error in errors_of(scenario(lines)))


def test_a_heading_that_is_nearly_one_says_which():
    fine = scenario(f"{CHARGED}\n{TOTAL}")
    (error,) = errors_of(f"{fine}\nScenarion: b\n")
    assert error.endswith("found 'Scenarion: b' (did you mean Scenario:?)")


@pytest.mark.parametrize(
    ("line", "before", "hint"),
    [
        ("8 GB of datta, charge 8.00 EUR", ACCOUNT, "Did you mean data?"),
        ("8 gb of data, charge 8.00 EUR", ACCOUNT, "Did you mean GB?"),
        (
            "8 GB of data, charge 8.00 EUR",
            "Account on plan pp in EUR, zone UTC\n",
            "found nothing near",
        ),
        ("1 record of message, charge 8.00 EUR", ACCOUNT, "found nothing near"),
    ],
    ids=["a product", "a unit", "a plan of one letter", "what is as it should be"],
)
def test_a_refusal_of_a_name_says_what_was_meant(line, before, hint):
    (failure, *_) = failures_of(scenario(f"{line}\n{TOTAL}", before=before))
    why = failure.explanation[-1]
    assert why.endswith(hint) or (hint == "found nothing near" and "mean" not in why)


FINE = f"Scenario: a\n    {CHARGED}\n    total 8.00 EUR\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (f"{ACCOUNT}{FINE}Scenarios: b\n    {TOTAL}\n", "5: heading: expected a heading"),
        (ACCOUNT + FINE + FINE, "5: Scenario: expected each title once"),
        (FINE, "1: Scenario: expected an 'Account on plan"),
        (ACCOUNT, "1: text: expected at least one 'Scenario"),
        ("", "1: text: expected at least one 'Scenario"),
        (f"    {CHARGED}\n{ACCOUNT}{FINE}", "1: text: expected a heading before"),
        (f"Account on plan p\n{FINE}", "1: Account: expected 'Account on plan <plan> in"),
        (f"Account on plan p in EUR, zone Mars\n{FINE}", "1: Account: expected a zone such as"),
        (f"Account on plan p in EUX, zone UTC\n{FINE}", "1: Account: expected a currency of ISO"),
        (f"{ACCOUNT}    more\n{FINE}", "2: text: expected no lines below this heading"),
        (f"Subscription a\n{ACCOUNT}{FINE}", "1: Subscription: expected an 'Account' before it"),
        (f"{ACCOUNT}Subscription a b\n{FINE}", "2: Subscription: expected 'Subscription <name>"),
        (f"{ACCOUNT}Subscription a\nSubscription a\n{FINE}", "3: Subscription: expected each name"),
        (f"{ACCOUNT}Subscription a from May\n{FINE}", "2: line: expected a date such as"),
        (f"{ACCOUNT}Subscription a from 2027-01-01\n{FINE}", "4: line: expected usage while"),
        (f"{ACCOUNT}Subscription a to 2026-10-01\n{FINE}", "4: line: expected usage while"),
        (f"Catalogue\n    plans: {{}}\n{ACCOUNT}{FINE}", "1: heading: expected scenarios alone"),
    ],
)
def test_a_text_is_not_read_when_it_has(text, error):
    assert errors_of(text)[0].startswith(f"a.scenario:{error}")


def test_a_text_may_have_several_accounts():
    other = FINE.replace("Scenario: a", "Scenario: b").replace("8.00 EUR", "8.00 GBP")
    (failure,) = failures_of(f"{ACCOUNT}{FINE}Account on plan p in GBP, zone UTC\n{other}")[:1]
    assert failure.mismatches[0].found == "refused: rating.currency_mismatch"


def test_a_text_that_must_bring_its_catalogue_and_does_not():
    read = read_scenarios("a.txt", ACCOUNT + FINE, with_catalogue=True)
    assert [str(error) for error in read.errors] == [
        "a.txt:1: text: expected a 'Catalogue', with its lines below it, found nothing"
    ]


def test_an_error_of_a_catalogue_in_a_text_has_its_line_in_the_text():
    text = f"Prose.\n\nCatalogue\n\n    products: {{}}\n    plans: {{p: 1}}\n{ACCOUNT}{FINE}"
    read = read_scenarios("a.txt", text, with_catalogue=True)
    (error,) = check(read.files).errors
    assert in_text(error, file="a.txt", lines=read.lines)[:2] == ("a.txt", 6)


def test_a_catalogue_with_a_part_twice_is_refused():
    text = f"Catalogue\n    plans: {{}}\nCatalogue\n    plans: {{}}\n{ACCOUNT}{FINE}"
    (error,) = read_scenarios("a.txt", text, with_catalogue=True).errors
    assert str(error).startswith("a.txt:3: heading: expected each part of the catalogue once")
