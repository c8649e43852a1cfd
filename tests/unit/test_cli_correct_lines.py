"""What `ratemill correct` says of corrections: the right number of the right thing, all digits."""

from decimal import Decimal
from types import SimpleNamespace

import msgspec
import pytest

from pipeline.cli.correct_lines import (
    columns_and_rows,
    document_of,
    said_of_changes,
    said_of_sending,
)
from pipeline.correcting.asked import Detail
from pipeline.correcting.sums import PriceLine
from pipeline.correcting.work_out import MonthLines, WorkedOut
from schemas.correction import CorrectedCounter, CounterFigures, MonthCorrected
from tests.ledger_builders import OCTOBER, SEPTEMBER

NOTHING = Decimal("0.0000000000")
LINE = PriceLine("s-1", "voice", "home/voice", "EUR", NOTHING, Decimal("0.1010000000"))


def worked_out(account="acme", *, month=OCTOBER, lines=(LINE,), taken_back=0, counters=(), **more):
    return WorkedOut(
        **{
            "tenant": "acme",
            "account_id": account,
            "correction": MonthCorrected("0" * 32, month, month + 1, False, (), tuple(counters)),
            "lines": tuple(lines),
            "taken_back": tuple(SimpleNamespace(charge_id=f"{n:032x}") for n in range(taken_back)),
            "corrected": 0,
            "detail": Detail.STEPS,
            "is_summed": False,
            "rated_under": (),
            "rerated_under": None,
            **more,
        }
    )


def changes(*corrections, is_sent=False, is_shown_only=True):
    return list(said_of_changes(corrections, is_sent=is_sent, is_shown_only=is_shown_only))


def test_what_is_zero_is_written_with_its_places_and_no_exponent():
    """JSON of a Decimal is as Python writes it: 0E-10."""
    text = msgspec.json.encode(document_of(worked_out())).decode()
    assert '"was":"0.0000000000","now":"0.1010000000"' in text


def test_the_table_says_that_its_sums_are_of_the_whole_month():
    columns, rows = columns_and_rows([worked_out()])
    assert columns[2] == "Price (whole month 2026-10)"
    assert rows[-1] == ("Total", "", "", "", "", "0.101 EUR")
    columns, rows = columns_and_rows([worked_out(), worked_out(month=SEPTEMBER)])
    assert columns[2:4] == ["Month", "Price (whole month)"]
    assert [row[2] for row in rows] == ["2026-10", "2026-09", ""]
    assert {len(row) for row in rows} == {len(columns)}


def test_months_that_are_corrected_too_have_lines_of_their_own():
    also = (MonthLines(SEPTEMBER, (LINE._replace(now=Decimal("0.2")),)),)
    one = worked_out(also=also)
    columns, rows = columns_and_rows([one])
    assert columns[2:4] == ["Month", "Price (whole month)"]
    assert [row[2] for row in rows] == ["2026-09", "2026-10", ""]
    assert rows[-1][-1] == "0.301 EUR"
    assert changes(one) == [
        "2026-09 takes of the same allowances or discounts, and is corrected too, at the same time."
    ]
    # Also where the month that was asked for comes to the same itself.
    assert changes(worked_out(lines=(), also=also)) == changes(one)
    (other,) = document_of(one)["also"]
    assert other["usage_period_ms"] == SEPTEMBER
    assert [line["now"] for line in other["prices"]] == ["0.2"]


def test_what_is_only_shown_would_be_taken_back_and_a_repeat_takes_nothing_back():
    one = worked_out(taken_back=1)
    assert changes(one) == ["1 charge would be taken back."]
    assert changes(one, is_sent=True, is_shown_only=False) == ["1 charge is taken back."]
    assert changes(one, is_sent=False, is_shown_only=False) == []


@pytest.mark.parametrize(
    ("corrections", "queued", "said"),
    [
        (["a"], 1, ["1 account's correction is on its way;"]),
        (["a", "b"], 2, ["2 accounts' corrections are on their way;"]),
        (["a", "a"], 2, ["2 corrections, one for each account and month, are on their way;"]),
        (["a"], 0, ["Nothing new was sent: 1 account's correction was sent before and had"]),
        (
            ["a", "b", "c"],
            1,
            [
                "1 account's correction is on its way;",
                "2 accounts' corrections were sent before and had no effect yet;",
            ],
        ),
    ],
)
def test_what_is_on_its_way_is_counted_by_what_it_is(corrections, queued, said):
    found = list(said_of_sending([worked_out(name) for name in corrections], queued))
    assert len(found) == len(said)
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True)), found


def test_the_versions_are_said_between_which_a_month_is_rated_anew():
    month = worked_out(rated_under=(1, 2), rerated_under=3)
    other = worked_out("zeta", rated_under=(2,), rerated_under=3)
    assert changes(month, other) == [
        "Rated anew by catalogue version 3; so far it counts by versions 1, 2."
    ]
    assert changes(other) == ["Rated anew by catalogue version 3; so far it counts by version 2."]
    assert document_of(month)["catalogue_versions"] == [1, 2]
    assert document_of(month)["rerated_by_catalogue"] == 3


def test_a_change_of_no_amount_has_a_line_that_says_so():
    freed = CorrectedCounter(
        "allowance:s-1:home/minutes:s", OCTOBER, CounterFigures(1, "35"), CounterFigures()
    )
    assert changes(worked_out(lines=(), taken_back=1, counters=[freed])) == [
        "1 charge would be taken back.",
        "acme: no amount changes under any price; 35 s of allowance are free again.",
    ]
    nothing = [worked_out(name, lines=()) for name in ("acme", "zeta")]
    assert changes(*nothing) == ["2 months of accounts: no amount changes under any price."]
