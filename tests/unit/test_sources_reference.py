"""Reference files: what they say, and every problem with its line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.limit import ChargeLimit
from schemas.reference import Account, ReferenceData, Subscription
from sources.reference.accounts import Accounts, read_accounts
from sources.reference.clashes import clashes

JULY_MS = 1_782_864_000_000  # 2026-07-01 UTC
TWO_HOURS_MS = 7_200_000

YAML = """\
accounts:
  - id: acme
    name: Acme GmbH
    zone: Europe/Berlin
    currency: EUR
    subscriptions:
      - id: acme-1
        identifier: 0049301234567
        plan: business-voice
        valid_from: 2026-07-01
        valid_to: 2026-07-01T12:00:00+02:00
      - {id: acme-2, identifier: "no", plan: business-voice, valid_from: 2026-07-01T10:00:00Z}
    limits:
      - {id: unbilled-eur, scope: account, amount: 10.10}
      - id: videos
        scope: "product:video"
        records: 3
        invoice_scope: "product:video"
"""
JSONL = (
    '{"id": "acme", "name": "Acme GmbH", "zone": "Europe/Berlin", "currency": "EUR",'
    ' "subscriptions": [{"id": "acme-1", "identifier": "0049301234567", "plan": "business-voice",'
    ' "valid_from": "2026-07-01", "valid_to": "2026-07-01T12:00:00+02:00"},'
    ' {"id": "acme-2", "identifier": "no", "plan": "business-voice",'
    ' "valid_from": "2026-07-01T10:00:00Z"}],'
    ' "limits": [{"id": "unbilled-eur", "scope": "account", "amount": 10.10},'
    ' {"id": "videos", "scope": "product:video", "records": 3,'
    ' "invoice_scope": "product:video"}]}\n'
)
CSV = """\
account_id,name,zone,currency,subscription_id,identifier,plan,valid_from,valid_to
acme,Acme GmbH,Europe/Berlin,EUR,acme-1,0049301234567,business-voice,2026-07-01,2026-07-01T12:00:00+02:00
acme,,,,acme-2,no,business-voice,2026-07-01T10:00:00Z,
"""

ENTRIES = (
    Subscription(
        subscription_id="acme-1",
        identifier="0049301234567",
        plan="business-voice",
        valid_from_ms=JULY_MS - TWO_HOURS_MS,  # midnight in Berlin
        valid_to_ms=JULY_MS + 5 * TWO_HOURS_MS,
    ),
    Subscription(
        subscription_id="acme-2",
        identifier="no",
        plan="business-voice",
        valid_from_ms=JULY_MS + 5 * TWO_HOURS_MS,
    ),
)
LIMITS = (
    ChargeLimit(limit_id="unbilled-eur", scope="account", amount=Decimal("10.10"), currency="EUR"),
    ChargeLimit(
        limit_id="videos",
        scope="product:video",
        records=3,
        invoice_scope="product:video",
    ),
)


def account(**changed: object) -> Account:
    stated: dict[str, object] = {
        "tenant": "main",
        "account_id": "acme",
        "name": "Acme GmbH",
        "zone": "Europe/Berlin",
        "currency": "EUR",
        "subscriptions": ENTRIES,
        "limits": LIMITS,
    }
    return Account(**{**stated, **changed})  # type: ignore[arg-type]


def read(**files: str) -> Accounts:
    """Read files; ``accounts_yaml`` is the text of accounts.yaml."""
    named = {name.replace("_", "."): text.encode() for name, text in files.items()}
    return read_accounts(named, tenant="main")


def problems(**files: str) -> list[str]:
    found = read(**files)
    assert found.accounts == ()
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a_yaml": YAML}, account()),
        ({"a_jsonl": JSONL}, account()),
        ({"a_csv": CSV}, account(limits=())),
    ],
    ids=["yaml", "jsonl", "csv"],
)
def test_the_three_forms_say_the_same(files: dict[str, str], expected: Account) -> None:
    assert read(**files) == Accounts((expected,), ())


def test_an_account_may_name_its_tenant_and_have_no_more_than_it_must() -> None:
    text = '{"id": "a", "zone": "UTC", "currency": "EUR", "tenant": "other"}'
    assert read(a_jsonl=text).accounts == (
        Account(tenant="other", account_id="a", name="a", zone="UTC", currency="EUR"),
    )


def test_an_amount_keeps_all_its_digits() -> None:
    found = read(a_jsonl=JSONL.replace("10.10", "12345678901234567.1234567891"))
    assert found.accounts[0].limits[0].amount == Decimal("12345678901234567.1234567891")


def test_rows_of_one_account_need_not_be_together() -> None:
    rows = CSV.splitlines()
    other = "zeta,Zeta,UTC,EUR,zeta-1,77,business-voice,2026-01-01,"
    found = read(a_csv="\n".join([rows[0], rows[1], other, rows[2]]))
    assert [len(account.subscriptions) for account in found.accounts] == [2, 1]


def test_a_number_may_move_between_accounts_of_two_files() -> None:
    head = '{"zone": "UTC", "currency": "EUR", "id": '
    entry = '"subscriptions": [{"id": "s", "identifier": "7", "plan": "p", "valid_from": '
    found = read(
        a_jsonl=f'{head}"old", {entry}"2026-01-01", "valid_to": "2026-07-01"}}]}}',
        b_jsonl=f'{head}"new", {entry}"2026-07-01"}}]}}',
    )
    assert found.problems == ()
    data = ReferenceData()
    data.apply(found.accounts, version=0)
    holders = [data.find(tenant="main", identifier="7", at_ms=at) for at in (JULY_MS - 1, JULY_MS)]
    assert [holder and holder[0].account_id for holder in holders] == ["old", "new"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "zone: Europe/Berlin",
            "zone: Europe/Bonn",
            "a.yaml:4: account acme.zone: expected a zone such as Europe/Berlin, "
            "found 'Europe/Bonn'",
        ),
        (
            "currency: EUR",
            "currency: Euro",
            "a.yaml:5: account acme.currency: expected a currency of three capital letters, "
            "such as EUR, found 'Euro'",
        ),
        (
            "    currency: EUR\n",
            "",
            "a.yaml:2: account.currency: expected a value, found nothing",
        ),
        (
            "    name: Acme GmbH",
            "    colour: red",
            "a.yaml:3: account.colour: expected one of id, zone, currency, name, tenant, "
            "subscriptions, limits, attributes, found 'colour'",
        ),
        (
            "    name: Acme GmbH",
            "    zone: UTC",
            "a.yaml:4: zone: expected each field once, found it again",
        ),
        (
            "        valid_to: 2026-07-01T12:00:00+02:00",
            "        valid_to: 2026-06-30",
            "a.yaml:11: account acme.subscriptions.valid_to: expected something after "
            "'2026-07-01', found '2026-06-30'",
        ),
        (
            "        valid_to: 2026-07-01T12:00:00+02:00",
            "        valid_to: 2026-07-01",
            "a.yaml:11: account acme.subscriptions.valid_to: expected something after "
            "'2026-07-01', found '2026-07-01'",
        ),
        (
            "        valid_from: 2026-07-01\n",
            "        valid_from: 01.07.2026\n",
            "a.yaml:10: account acme.subscriptions.valid_from: expected a date such as "
            "2026-10-01, or an instant such as 2026-10-01T12:00:00+02:00, found '01.07.2026'",
        ),
        (
            "12:00:00+02:00",
            "12:00:00",
            "a.yaml:11: account acme.subscriptions.valid_to: expected a date such as "
            "2026-10-01, or an instant such as 2026-10-01T12:00:00+02:00, "
            "found '2026-07-01T12:00:00'",
        ),
        (
            "identifier: 0049301234567",
            "identifier: [1, 2]",
            "a.yaml:8: account acme.subscriptions.identifier: expected 1 to 128 characters on "
            "one line, without space around them, found a list",
        ),
        (
            "amount: 10.10",
            "amount: 0",
            "a.yaml:14: account acme.limits.amount: expected an amount above zero, such as "
            "50.00, found '0'",
        ),
        (
            "amount: 10.10",
            "currency: EUR",
            "a.yaml:14: account acme.limits: expected an amount, a number of records, or both, "
            "found neither",
        ),
        (
            "amount: 10.10",
            "amount: 10.10, currency: USD",
            "a.yaml:14: account acme.limits.currency: expected EUR, as the account is charged "
            "in, found 'USD'",
        ),
        (
            "records: 3",
            "records: 2.5",
            "a.yaml:17: account acme.limits.records: expected a whole number from 1 to "
            "1,000,000,000, found '2.5'",
        ),
        (
            '"product:video"',
            "video",
            "a.yaml:16: account acme.limits.scope: expected account, product:<code> or "
            "product_type:<code>, found 'video'",
        ),
        (
            'invoice_scope: "product:video"',
            "invoice_scope: product:voice",
            "a.yaml:18: account acme.limits.invoice_scope: expected account, or product:video "
            "as the scope is, found 'product:voice'",
        ),
        (
            "id: videos",
            "id: unbilled-eur",
            "a.yaml:15: account acme.limits.id: expected each limit once, "
            "found 'unbilled-eur' again",
        ),
        (
            "accounts:\n",
            "accounts: &all\n",
            "a.yaml:1: (file): expected values written out, found the anchor &all",
        ),
        (
            "    zone: Europe/Berlin",
            "    zone: Europe/Berlin: x",
            "a.yaml:4: (file): expected YAML, found mapping values are not allowed here",
        ),
        (
            "accounts:\n",
            "customers:\n",
            "a.yaml:1: (file).accounts: expected a value, found nothing",
        ),
    ],
)
def test_a_problem_names_line_field_and_what_was_expected(old: str, new: str, problem: str) -> None:
    assert old in YAML
    assert problem in problems(a_yaml=YAML.replace(old, new, 1))


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = YAML.replace("Europe/Berlin", "Bonn").replace("10.10", "0").replace("EUR", "euro")
    found = read(b_yaml=text, a_yaml="accounts: []\n").problems
    assert [(problem.file, problem.line) for problem in found] == [
        ("a.yaml", 1),
        ("b.yaml", 4),
        ("b.yaml", 5),
        ("b.yaml", 14),
    ]


def test_an_account_stands_once_in_all_files() -> None:
    assert problems(a_yaml=YAML, b_jsonl="\n" + JSONL)[0] == (
        "b.jsonl:2: account.id: expected each account once, found 'acme' again, after a.yaml:2"
    )


def test_an_identifier_is_held_by_one_account_at_a_time() -> None:
    other = (
        '{"id": "b", "zone": "UTC", "currency": "EUR", "subscriptions": ['
        '{"id": "b-1", "identifier": "no", "plan": "p", "valid_from": "2025-01-01"}]}'
    )
    assert problems(a_yaml=YAML, b_jsonl=other) == [
        "a.yaml:12: account acme.subscriptions.identifier: expected one that is free, found "
        "'no', which account b has for ever by b.jsonl:1"
    ]


def test_a_long_entry_is_seen_past_a_short_one() -> None:
    head = '{"id": "a", "zone": "UTC", "currency": "EUR", "subscriptions": ['
    entries = [
        '{"id": "1", "identifier": "7", "plan": "p", "valid_from": "2026-01-01"'
        ', "valid_to": "2027-01-01"}',
        '{"id": "2", "identifier": "7", "plan": "p", "valid_from": "2026-02-01"'
        ', "valid_to": "2026-02-02"}',
        '{"id": "3", "identifier": "7", "plan": "p", "valid_from": "2026-03-01"}',
    ]
    assert len(problems(a_jsonl=head + ",".join(entries) + "]}")) == 1  # both are on one line
    yaml = "accounts:\n- id: a\n  zone: UTC\n  currency: EUR\n  subscriptions:\n"
    yaml += "".join(f"  - {entry}\n" for entry in entries)
    assert [problem.line for problem in read(a_yaml=yaml).problems] == [7, 8]


def test_the_same_identifier_of_two_tenants_is_two() -> None:
    rows = [CSV.splitlines()[0] + ",tenant"]
    rows += [f"{name},,UTC,EUR,s,7,p,2026-01-01,,{name}" for name in ("a", "b")]
    assert len(read(a_csv="\n".join(rows)).accounts) == 2


def test_a_subscription_is_on_one_plan_at_a_time() -> None:
    text = YAML.replace("id: acme-2", "id: acme-1").replace("10:00:00Z", "09:59:59Z")
    text = text.replace('"no", plan: business-voice', '"no", plan: other')
    assert problems(a_yaml=text) == [
        "a.yaml:12: account acme.subscriptions.plan: expected one plan at a time, found "
        "'acme-1' on 'business-voice' until 2026-07-01T10:00:00+00:00 by a.yaml:7"
    ]


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        (
            "a_jsonl",
            '{"id": "a",\n',
            "a.jsonl:1: (line): expected a JSON object with one account, found Expecting",
        ),
        (
            "a_jsonl",
            '{"id": "a", "id": "b", "zone": "UTC", "currency": "EUR"}',
            "a.jsonl:1: id: expected each field once, found it again",
        ),
        (
            "a_jsonl",
            "[1]",
            "a.jsonl:1: account: expected the fields id, zone, currency, found a list",
        ),
        ("a_csv", "account_id,zone\n", "a.csv:1: (header): expected the columns account_id,"),
        (
            "a_csv",
            CSV + "acme,1,2\n",
            "a.csv:4: (row): expected 9 columns, found 3",
        ),
        (
            "a_csv",
            CSV + 'acme,,UTC,,acme-3,8,p,2026-01-01,"\n',
            "a.csv:4: (file): expected CSV, found unexpected end of data",
        ),
        (
            "a_csv",
            CSV + "acme,,UTC,,acme-3,8,p,2026-01-01,\n",
            "a.csv:4: zone: expected 'Europe/Berlin', as on line 2, or nothing, found 'UTC'",
        ),
        ("a_txt", "x", "a.txt:1: (file): expected a name that ends with .yaml, .yml, .jsonl,"),
        ("a_yaml", "", "a.yaml:1: (file): expected at least one account, found none"),
        ("a_csv", "", "a.csv:1: (file): expected at least one account, found none"),
    ],
)
def test_a_file_that_is_not_what_it_should_be(file: str, text: str, problem: str) -> None:
    assert problems(**{file: text})[0].startswith(problem)


def test_bytes_that_are_no_utf_8() -> None:
    found = read_accounts({"a.csv": CSV.encode() + b"M\xfcller"}, tenant="main")
    assert [str(problem) for problem in found.problems] == [
        "a.csv:4: (file): expected UTF-8, found the byte 0xfc"
    ]


@pytest.mark.parametrize(
    ("zone", "day", "hours_before_utc_midnight"),
    [
        ("Asia/Kuala_Lumpur", "2026-07-01", 8),
        ("America/Santiago", "2026-09-06", -4),  # no midnight: from 00:00 to 01:00, at 04:00 UTC
    ],
)
def test_a_date_begins_at_its_first_instant_in_the_zone(
    zone: str, day: str, hours_before_utc_midnight: int
) -> None:
    text = (
        f'{{"id": "a", "zone": "{zone}", "currency": "EUR", "subscriptions": '
        f'[{{"id": "s", "identifier": "7", "plan": "p", "valid_from": "{day}"}}]}}\n'
        f'{{"id": "b", "zone": "UTC", "currency": "EUR", "subscriptions": '
        f'[{{"id": "s", "identifier": "8", "plan": "p", "valid_from": "{day}"}}]}}'
    )
    local, utc = (found.subscriptions[0] for found in read(a_jsonl=text).accounts)
    assert utc.valid_from_ms - local.valid_from_ms == hours_before_utc_midnight * 3_600_000


def of(account_id: str, *held: tuple[int, int | None], tenant: str = "main") -> Account:
    """An account that holds the identifier 49301 for each [from, to)."""
    entries = tuple(
        Subscription(
            subscription_id=f"{account_id}-{start}",
            identifier="49301",
            plan="basic",
            valid_from_ms=start,
            valid_to_ms=end,
        )
        for start, end in held
    )
    return account(account_id=account_id, tenant=tenant, subscriptions=entries)


@pytest.mark.parametrize(
    ("loaded", "clash"),
    [
        ([of("b", (10, None))], False),
        ([of("b", (0, 5))], False),
        ([of("b", (9, None))], True),
        ([of("b", (0, 6))], True),
        ([of("b", (6, 7))], True),
        ([of("b", (0, None), tenant="other")], False),
        ([of("a", (0, None))], False),  # it replaces itself
        ([of("a", (0, 4)), of("b", (4, None))], False),  # the number moves
        ([of("a", tenant="other")], True),
    ],
)
def test_what_is_loaded_takes_nothing_from_what_is_published(
    loaded: list[Account], clash: bool
) -> None:
    published = {"a": of("a", (5, 10))}
    assert bool(list(clashes(loaded, published))) is clash
