"""Which records in suspense are meant, and what is told where there are none."""

import pytest
import typer

from pipeline.cli.program import run
from pipeline.cli.suspense_filters import known_reason, words_of_none
from schemas.refusal import RefusalReason
from sinks.queries import SuspenseCount

COUNTS = [
    SuspenseCount("rating.unknown_plan", "meters", 2),
    SuspenseCount("mediation.not_json", "api", 3),
    SuspenseCount("mediation.not_json", "meters", 5),
]


@pytest.mark.parametrize("reason", [None, *(each.value for each in RefusalReason)])
def test_every_reason_is_known(reason):
    assert known_reason(reason) == reason


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("rating.unknown_destinaton", "Did you mean rating.unknown_destination?"),
        ("nothing like it", "Reasons are mediation.too_large, "),
        ("", "Reasons are "),
    ],
)
def test_an_unknown_reason_is_refused_with_what_was_meant(reason, said):
    with pytest.raises(typer.BadParameter) as refused:
        known_reason(reason)
    assert said in str(refused.value)


@pytest.mark.parametrize("words", [("list",), ("recycle",), ("write-off", "--because", "x")])
def test_a_misspelt_reason_is_wrong_usage_wherever_it_stands(words, tmp_path, capsys):
    asked = ["--data", str(tmp_path), "suspense", *words, "--reason", "rating.unknown_pan"]
    assert run(asked) == 2
    assert "rating.unknown_plan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("counts", "source", "unknown", "said"),
    [
        (
            COUNTS,
            "metres",
            [],
            "Nothing of source metres waits in suspense. What waits is of these sources: meters 7, "
            "api 3.",
        ),
        (COUNTS, "api", [], "No such record waits for a decision. What waits is of these sources:"),
        (COUNTS, None, ["acmee"], "There is no account acmee. What waits is of these sources:"),
        ([], "api", [], "Nothing waits in suspense."),
    ],
)
def test_where_nothing_is_such_it_is_said_what_there_is(counts, source, unknown, said):
    assert words_of_none(counts, source=source, unknown=unknown).startswith(said)
