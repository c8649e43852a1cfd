"""The tables in schemas/README.md list every reason and outcome, and none that is gone."""

import pathlib
import re

import pytest

from schemas.outcome import NormaliseOutcome
from schemas.refusal import RefusalReason
from schemas.remedy import REMEDIES

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "schemas" / "README.md").read_text()


def section(title):
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def reasons(text):
    """Return the rows by reason: meaning, what to do, whether a copy is taken."""
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.+) \| (.+) \| (.+) \|$", text, flags=re.MULTILINE)
    return [(reason, meaning, remedy, again) for reason, meaning, remedy, again in rows]


def test_the_readme_lists_exactly_the_reasons_in_the_code():
    documented = [reason for reason, *_ in reasons(section("Reasons"))]
    assert documented == list(RefusalReason)


@pytest.mark.parametrize("row", reasons(section("Reasons")), ids=lambda row: row[0])
def test_every_reason_has_a_meaning_a_remedy_and_an_answer_to_sent_again(row):
    _, meaning, remedy, again = row
    assert meaning.strip()
    assert remedy.strip()
    assert again.startswith(("passes", "waits"))


def test_what_commands_say_to_do_is_what_the_readme_says():
    rows = reasons(section("Reasons"))
    assert {reason: remedy for reason, _, remedy, _ in rows} == REMEDIES


def test_a_reason_without_a_row_is_noticed():
    text = section("Reasons").replace("| `rating.unknown_plan` |", "| rating.unknown_plan |")
    assert [reason for reason, *_ in reasons(text)] != list(RefusalReason)


def test_the_readme_lists_exactly_the_outcomes_of_normalise():
    documented = re.findall(r"^\| `(\w+)` \|", section("Outcomes"), flags=re.MULTILINE)
    assert documented == list(NormaliseOutcome)
