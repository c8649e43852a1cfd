"""What the documents of the sources show is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas import raw
from sources.generate.shares import Kind
from sources.lines import cut_lines
from sources.reference.accounts import read_accounts

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference-data.md").read_text()
README = (ROOT / "sources" / "README.md").read_text()


def shown(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", REFERENCE, re.DOTALL)


def test_the_three_examples_say_the_same() -> None:
    (csv,), (json,) = shown("csv"), shown("json")
    read = [
        read_accounts({name: text.encode()}, tenant="main")
        for name, text in (("a.yaml", shown("yaml")[0]), ("a.jsonl", json), ("a.csv", csv))
    ]
    assert read[0].accounts
    assert read[0] == read[1] == read[2]


def test_the_limits_of_the_example_are_read() -> None:
    account, _, limits = shown("yaml")
    found = read_accounts({"a.yaml": (account + limits).encode()}, tenant="main")
    assert found.problems == ()
    assert [limit.limit_id for limit in found.accounts[0].limits] == [
        "unbilled-eur",
        "three-videos",
    ]


def test_the_attributes_of_the_example_are_read() -> None:
    account, attributes, _ = shown("yaml")
    found = read_accounts({"a.yaml": (account + attributes).encode()}, tenant="main")
    assert found.problems == ()
    _, zeta = found.accounts
    assert [entry.values.get("vip") for entry in zeta.attributes] == ["silver", "gold"]
    zones = [entry.attributes for entry in zeta.subscriptions]
    assert zones == [{"tariff_zone": "A"}, {"tariff_zone": "B"}]


def test_the_problems_are_told_in_the_words_that_are_shown() -> None:
    first, second = shown("text")[0].splitlines()
    account = shown("yaml")[0].replace("Europe/Berlin", "Europe/Bonn")
    problem = read_accounts({"accounts.yaml": account.encode()}, tenant="main").problems[0]
    assert str(problem) == first
    other = "zeta,,UTC,EUR,zeta-1,4930123456,home-voice,2025-01-01,2026-07-01\n"
    files = {
        "accounts.yaml": b"accounts:\n"
        + b"#\n" * 4
        + shown("yaml")[0].partition("\n")[2].replace("2026-01-01", "2026-02-01").encode(),
        "moved.csv": (shown("csv")[0].splitlines()[0] + "\n\n" + other).encode(),
    }
    found = [str(each) for each in read_accounts(files, tenant="main").problems]
    assert [re.sub(r"yaml:\d+", "yaml:N", text) for text in found] == [
        re.sub(r"yaml:\d+", "yaml:N", second)
    ]


def test_the_worked_example_is_cut_as_it_is_shown() -> None:
    row = b"x" * 119 + b"\n"
    huge = b"x" * 4_999_999 + b"\n"
    data = row * 1199 + huge + row * 1300
    blocks = list(cut_lines([data]))
    assert [block.items for block in blocks] == [1000, 199, 1, 1000, 300]
    assert [block.oversize for block in blocks] == [False, False, True, False, False]
    assert f'"blocks":{len(blocks)},"items":2500,"bytes":{len(data)}' in README
    assert f"{raw.MAX_RECORD_BYTES:,} bytes" in README
    assert f"{raw.OVERSIZE_HEAD_BYTES:,} bytes" in README


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_generated_record_is_explained(kind: Kind) -> None:
    assert f"`{kind.value}`" in README
