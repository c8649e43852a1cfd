"""What `ratemill explain` says of corrections."""

import msgspec

from counters.state import NEW_HEAD
from pipeline.cli.explaining import explained
from pipeline.cli.provenance import Provenance
from schemas.ledger import CLOSING, CORRECTION
from sinks.correction_queries import CorrectedBy
from sinks.queries import FoundCharge
from tests.ledger_builders import charge_after

A, B, C = "a" * 32, "b" * 32, "c" * 32
COMMAND = Provenance(
    topic="raw",
    partition=0,
    offset=4,
    index=0,
    source="ratemill",
    format="command",
    appended_at="2026-11-26T00:00:00Z",
)


def lines_of(*corrections, **fields):
    _, charge = charge_after(NEW_HEAD, "1.0000000000")
    charge = msgspec.structs.replace(charge, **fields)
    found = FoundCharge(charge, 0, 0, 1, "", None)
    return explained(found, COMMAND, corrections).in_lines()


def test_a_charge_ends_with_what_corrected_it_and_what_all_come_to():
    corrected = CorrectedBy(A, "correction", "0.1010000000", "EUR", "2026-11", None)
    moved = CorrectedBy(B, "correction", "3.0000000000", "USD", "2026-11", None)
    reversal = CorrectedBy(C, "reversal", "-1.0000000000", "EUR", "2026-12", "INV-7")
    assert lines_of(corrected, moved, reversal)[-4:] == [
        "",
        f"Corrected by {A}: +0.101 EUR, billed with 2026-11; together 1.101 EUR.",
        f"Corrected by {B}: +3.00 USD, billed with 2026-11; together 3.00 USD.",
        f"Taken back by {C}: -1.00 EUR, on invoice INV-7; together 0.101 EUR.",
    ]


def test_what_is_given_back_to_the_last_digit_is_zero_without_an_exponent():
    reversal = CorrectedBy(C, "reversal", "-1.0000000000", "EUR", "2026-12", None)
    found = FoundCharge(charge_after(NEW_HEAD, "1.0000000000")[1], 0, 0, 1, "", None)
    (said,) = explained(found, None, [reversal]).corrected_by
    assert said.together == "0.0000000000"


def test_a_correction_names_the_record_that_it_corrects():
    lines = lines_of(usage_kind=CORRECTION, corrects=A, source="switch-1", record_id="r-9")
    assert lines[-1] == (
        f"It corrects charge {A} of record r-9, source switch-1; `ratemill explain {A}` shows where "
        "that came from."
    )
    assert not any("ratemill, format" in line for line in lines)


def test_a_correction_of_a_whole_price_says_that_it_has_no_one_record():
    lines = lines_of(usage_kind=CORRECTION, corrects=None)
    assert lines[-1].startswith("It is of no one record")


def test_what_a_command_asked_for_has_no_empty_line_for_its_record():
    assert lines_of(usage_kind=CLOSING)[-1] == (
        "  received 2026-11-26T00:00:00Z, raw/0, offset 4, item 0"
    )
