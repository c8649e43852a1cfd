"""Attributes of accounts and subscriptions in the three forms of reference files."""

from __future__ import annotations

import pytest

from schemas.reference import AccountAttributes
from sources.reference.accounts import Accounts, read_accounts
from sources.reference.attributes import MAX_ATTRIBUTES

YAML = """\
accounts:
  - id: acme
    zone: Europe/Berlin
    currency: EUR
    attributes: {vip: gold, contract: "007"}
    subscriptions:
      - {id: s, identifier: 1, plan: p, valid_from: 2026-01-01, valid_to: 2026-07-01}
      - id: s
        identifier: 1
        plan: p
        valid_from: 2026-07-01
        attributes: {zone: B}
"""
JSONL = (
    '{"id": "acme", "zone": "Europe/Berlin", "currency": "EUR", "attributes": {"vip": "gold", '
    '"contract": "007"}, "subscriptions": [{"id": "s", "identifier": "1", "plan": "p", '
    '"valid_from": "2026-01-01", "valid_to": "2026-07-01"}, {"id": "s", "identifier": "1", '
    '"plan": "p", "valid_from": "2026-07-01", "attributes": {"zone": "B"}}]}\n'
)
CSV = """\
account_id,zone,currency,account.vip,account.contract,subscription_id,identifier,plan,valid_from,valid_to,subscription.zone
acme,Europe/Berlin,EUR,gold,007,s,1,p,2026-01-01,2026-07-01,
acme,,,,,s,1,p,2026-07-01,,B
"""
DATED = """\
    attributes:
      - values: {vip: silver}
      - {valid_from: 2026-07-01, values: {vip: gold, since: "2026"}}
      - {valid_from: 2026-08-01T00:00:00Z, values: {}}
"""
JULY_MS, AUGUST_MS, TWO_HOURS_MS = 1_782_864_000_000, 1_785_542_400_000, 7_200_000


def read(**files: str) -> Accounts:
    named = {name.replace("_", "."): text.encode() for name, text in files.items()}
    return read_accounts(named, tenant="main")


def problems(**files: str) -> list[str]:
    found = read(**files)
    assert found.accounts == ()
    return [str(problem) for problem in found.problems]


def test_the_three_forms_say_the_same() -> None:
    found = [read(a_yaml=YAML), read(a_jsonl=JSONL), read(a_csv=CSV)]
    assert [each.problems for each in found] == [(), (), ()]
    assert found[0] == found[1] == found[2]
    (account,) = found[0].accounts
    assert account.attributes == (AccountAttributes(values={"vip": "gold", "contract": "007"}),)
    assert [entry.attributes for entry in account.subscriptions] == [None, {"zone": "B"}]


def test_an_account_changes_at_instants_that_begin_in_its_zone() -> None:
    text = YAML.replace('    attributes: {vip: gold, contract: "007"}\n', DATED)
    (account,) = read(a_yaml=text).accounts
    assert account.attributes == (
        AccountAttributes(values={"vip": "silver"}),
        AccountAttributes(
            valid_from_ms=JULY_MS - TWO_HOURS_MS, values={"vip": "gold", "since": "2026"}
        ),
        AccountAttributes(valid_from_ms=AUGUST_MS, values={}),
    )


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "vip: gold",
            "VIP: gold",
            "a.yaml:5: account acme.attributes.VIP: expected a name of a-z, 0-9 and '_' that begins "
            "with a letter, not id, found 'VIP'",
        ),
        (
            "vip: gold",
            "id: gold",
            "a.yaml:5: account acme.attributes.id: expected a name of a-z, 0-9 and '_' that begins "
            "with a letter, not id, found 'id'",
        ),
        (
            "vip: gold",
            "vip: ",
            "a.yaml:5: account acme.attributes.vip: expected 1 to 128 characters on one line, without "
            "space around them, found nothing",
        ),
        (
            "vip: gold",
            "vip: [gold]",
            "a.yaml:5: account acme.attributes.vip: expected 1 to 128 characters on one line, without "
            "space around them, found a list",
        ),
        (
            '{vip: gold, contract: "007"}',
            "gold",
            "a.yaml:5: account acme.attributes: expected names with texts, such as vip: gold, "
            "found 'gold'",
        ),
        (
            "{zone: B}",
            "[B]",
            "a.yaml:12: account acme.subscriptions.attributes: expected names with texts, such as vip: "
            "gold, found a list",
        ),
        (
            '{vip: gold, contract: "007"}',
            "[{values: {a: b}}, {values: {a: c}}]",
            "a.yaml:5: account acme.attributes.valid_from: expected a value, found nothing",
        ),
        (
            '{vip: gold, contract: "007"}',
            "[{valid_from: 2026-07-01, values: {a: b}}, {valid_from: 2026-07-01, values: {a: c}}]",
            "a.yaml:5: account acme.attributes.valid_from: expected something after that of the entry "
            "before it, found '2026-07-01'",
        ),
        (
            '{vip: gold, contract: "007"}',
            "{" + ", ".join(f"a{n}: b" for n in range(MAX_ATTRIBUTES + 1)) + "}",
            "a.yaml:5: account acme.attributes: expected at most 32 attributes, found 33",
        ),
        (
            "valid_to: 2026-07-01",
            "valid_to: 2026-07-02",
            "a.yaml:8: account acme.subscriptions.identifier: expected one that is free, found '1', "
            "which account acme has until 2026-07-01T22:00:00+00:00 by a.yaml:7",
        ),
        (
            "identifier: 1, plan: p, valid_from: 2026-01-01, valid_to: 2026-07-01",
            "identifier: 2, plan: p, valid_from: 2026-01-01, valid_to: 2026-07-02",
            "a.yaml:8: account acme.subscriptions.attributes: expected the same at one time, found "
            "others of 's' until 2026-07-01T22:00:00+00:00 by a.yaml:7",
        ),
    ],
)
def test_a_problem_names_line_field_and_what_was_expected(old: str, new: str, problem: str) -> None:
    assert old in YAML
    assert problem in problems(a_yaml=YAML.replace(old, new, 1))


@pytest.mark.parametrize("column", ["account.VIP", "account.id", "accounts.vip", "subscription."])
def test_a_column_that_names_no_attribute_is_a_problem(column: str) -> None:
    (problem,) = problems(a_csv=CSV.replace("account.vip", column))
    assert problem.endswith(f"account.<attribute>, subscription.<attribute>, found '{column}'")


def test_rows_of_one_account_do_not_contradict_each_other() -> None:
    (problem,) = problems(a_csv=CSV.replace("acme,,,,,", "acme,,,silver,,"))
    assert (
        problem == "a.csv:3: account.vip: expected 'gold', as on line 2, or nothing, found 'silver'"
    )
