"""The generator: what it writes, and that the truth about it is true."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas.reference import ReferenceData
from sources.errors import SourceFileError
from sources.generate.destinations import Destinations
from sources.generate.draw import Curve, Draw, Weighted, skewed
from sources.generate.population import Offer, Service
from sources.generate.scenario import SCENARIOS
from sources.generate.shares import Kind
from sources.generate.stream import Request, Stream
from sources.generate.usage import TOO_LARGE_BYTES, Broken
from sources.generate.wall import Wall
from sources.generate.write import generate
from sources.reference.accounts import read_accounts

PREFIXES = ("49", "4930", "44", "1", "60")
DAY_MS = 86_400_000
START_MS = 1_790_812_800_000  # 2026-10-01 UTC


def request(scenario: str = "mixed", *, records: int = 5_000, seed: int = 7) -> Request:
    return Request(
        scenario=SCENARIOS[scenario],
        seed=seed,
        records=records,
        start=dt.date(2026, 10, 1),
        days=3,
        accounts=60,
        offers={service: (Offer("standard", "EUR"),) for service in Service},
        prefixes=PREFIXES,
        shares=SCENARIOS[scenario].shares,
    )


class Run:
    """One generated folder, read back."""

    def __init__(self, folder: Path) -> None:
        self.summary = json.loads((folder / "truth.json").read_text())
        lines = (folder / "truth.jsonl").read_text().splitlines()
        self.truth: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.lines = {
            str(path.relative_to(folder)): path.read_bytes().split(b"\n")[:-1]
            for path in sorted((folder / "usage").rglob("*"))
            if path.is_file()
        }
        accounts = (folder / "reference" / "accounts.jsonl").read_bytes()
        self.reference = read_accounts({"accounts.jsonl": accounts}, tenant="t")

    def line_of(self, truth: dict[str, Any]) -> bytes:
        return self.lines[truth["file"]][truth["line"] - 1]

    def of_kind(self, kind: Kind) -> list[dict[str, Any]]:
        return [truth for truth in self.truth if truth["kind"] == kind.value]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("generated") / "run"
    generate(request(), folder)
    return Run(folder)


def test_every_line_has_its_truth(run: Run) -> None:
    places = {(truth["file"], truth["line"]) for truth in run.truth}
    assert len(places) == len(run.truth) == 5_000
    assert sum(len(lines) for lines in run.lines.values()) == 5_000
    assert [truth["record"] for truth in run.truth] == list(range(1, 5_001))


def test_the_summary_counts_the_truth(run: Run) -> None:
    for name, count in (("kinds", "kind"), ("outcomes", "outcome"), ("reasons", "reason")):
        counted = Counter(truth[count] for truth in run.truth if count in truth)
        assert run.summary[name] == dict(sorted(counted.items()))
    files = {file["file"]: (file["lines"], file["bytes"]) for file in run.summary["files"]}
    assert files == {
        name: (len(lines), sum(len(line) + 1 for line in lines))
        for name, lines in run.lines.items()
    }


def test_the_reference_data_is_right_and_knows_whom_the_truth_names(run: Run) -> None:
    assert run.reference.problems == ()
    data = ReferenceData()
    data.apply(run.reference.accounts, version=1)
    for truth in run.truth:
        if truth["kind"] in (Kind.UNKNOWN_SUBSCRIBER, Kind.BROKEN):
            continue
        found = data.find(tenant="t", identifier=truth["identifier"], at_ms=truth["started_at_ms"])
        assert found is not None
        account, entry = found
        assert account.account_id == truth["account_id"]
        assert entry.subscription_id == truth["subscription_id"]
    for truth in run.of_kind(Kind.UNKNOWN_SUBSCRIBER):
        assert "account_id" not in truth
        assert all(
            entry.identifier != truth["identifier"]
            for account in run.reference.accounts
            for entry in account.subscriptions
        )


def test_numbers_move_between_accounts_and_are_used_by_both(run: Run) -> None:
    holders: dict[str, set[str]] = {}
    for truth in run.truth:
        if truth["outcome"] == "usage":
            holders.setdefault(truth["identifier"], set()).add(truth["account_id"])
    assert sum(len(accounts) == 2 for accounts in holders.values()) >= 3


def test_a_duplicate_is_its_original_byte_for_byte_and_some_are_in_other_files(run: Run) -> None:
    duplicates = run.of_kind(Kind.DUPLICATE)
    for truth in duplicates:
        original = run.truth[truth["copy_of"] - 1]
        assert run.line_of(truth) == run.line_of(original)
        assert truth["source"] == original["source"]
        assert original["outcome"] == "usage"
        assert original["record"] < truth["record"]
    files = {truth["file"] == run.truth[truth["copy_of"] - 1]["file"] for truth in duplicates}
    assert files == {True, False}


def test_a_conflict_has_the_identity_of_its_original_and_other_bytes() -> None:
    asked = request(records=20_000)
    texts: dict[int, tuple[str, bytes]] = {}
    conflicts = 0
    for number, record in enumerate(Stream(asked).records(), start=1):
        texts[number] = record.usage.record_id, record.line
        if record.kind is Kind.CONFLICT:
            conflicts += 1
            assert record.copy_of is not None
            record_id, line = texts[record.copy_of]
            assert record.usage.record_id == record_id
            assert record.line != line
    assert conflicts == 10


def test_how_old_each_kind_is(run: Run) -> None:
    for truth in run.of_kind(Kind.LATE):
        assert START_MS - 21 * DAY_MS < truth["started_at_ms"] < START_MS + 2 * DAY_MS
    assert any(truth["started_at_ms"] < START_MS for truth in run.of_kind(Kind.LATE))
    for truth in run.of_kind(Kind.PAST_HORIZON):
        # Past the horizon as soon as its day is over, whenever it is read.
        assert truth["started_at_ms"] < START_MS + 3 * DAY_MS - 64 * DAY_MS
        assert truth["reason"] == "mediation.older_than_dedup_horizon"


def test_some_calls_are_not_answered(run: Run) -> None:
    for truth in run.of_kind(Kind.UNANSWERED):
        assert (truth["product"], truth["quantities"]) == ("voice", {"s": "0"})
    for truth in run.of_kind(Kind.ORDINARY):
        assert "s" not in truth["quantities"] or int(truth["quantities"]["s"]) > 0


def test_an_unknown_destination_is_under_no_prefix(run: Run) -> None:
    for truth in run.truth:
        if truth["product"] == "voice":
            has_price = truth["destination"].startswith(PREFIXES)
            assert has_price != (truth["kind"] == Kind.UNKNOWN_DESTINATION)


def test_records_are_broken_in_every_way_and_one_is_of_5_mb(tmp_path: Path) -> None:
    generate(request("operator", records=16_000), tmp_path / "run")
    run = Run(tmp_path / "run")
    broken = run.of_kind(Kind.BROKEN)
    assert {truth["broken"] for truth in broken} == set(Broken)
    (large,) = (truth for truth in broken if truth["broken"] == Broken.TOO_LARGE)
    assert len(run.line_of(large)) > TOO_LARGE_BYTES
    for truth in broken:
        if truth["broken"] == Broken.INVALID_UTF8:
            with pytest.raises(UnicodeDecodeError):
                run.line_of(truth).decode()


def test_each_source_is_told_with_its_folder_format_and_zone(run: Run) -> None:
    sources = {source["source"]: source for source in run.summary["sources"]}
    assert sources["fs-berlin"] == {
        "source": "fs-berlin",
        "folder": "usage/fs-berlin",
        "format": "freeswitch-csv",
        "zone": "Europe/Berlin",
    }
    assert sources["meters"]["zone"] is None
    assert {file["source"] for file in run.summary["files"]} <= set(sources)


def test_busy_by_day_and_quiet_by_night(run: Run) -> None:
    hours = Counter(
        truth["started_at_ms"] // 3_600_000 % 24 for truth in run.of_kind(Kind.ORDINARY)
    )
    assert hours[10] > 5 * hours[3]


def test_a_folder_that_exists_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"exists\. Operator action: "):
        generate(request(records=10), tmp_path)


def test_progress_ends_with_all_records(tmp_path: Path) -> None:
    told: list[int] = []
    generate(request(records=2_500), tmp_path / "run", on_progress=told.append)
    assert told == [1000, 2000, 2500]


def test_shares_that_leave_nothing_to_copy_are_refused() -> None:
    asked = request(records=10)
    full = Request(**{**_fields(asked), "shares": {Kind.DUPLICATE: 10_000}})
    with pytest.raises(ValueError, match="no ordinary records"):
        Stream(full)


def test_a_scenario_without_calls_has_none_that_go_unanswered() -> None:
    asked = Request(**{**_fields(request("iot")), "shares": {Kind.UNANSWERED: 100}})
    with pytest.raises(ValueError, match="has no calls"):
        Stream(asked)


@pytest.mark.parametrize("seed", range(20))
def test_five_accounts_are_enough_for_every_scenario(seed: int) -> None:
    for scenario in SCENARIOS:
        asked = Request(**{**_fields(request(scenario, records=20, seed=seed)), "accounts": 5})
        assert len(list(Stream(asked).records())) == 20


def _fields(asked: Request) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in asked.__dataclass_fields__}


# The parts.


def test_draws_are_the_same_on_every_machine() -> None:
    draw = Draw(1, "test")
    assert [draw.below(1000) for _ in range(5)] == [137, 317, 922, 327, 352]


def test_weights_are_kept() -> None:
    draw = Draw(1, "test")
    counts = Counter(Weighted("abc", (1, 0, 3)).pick(draw) for _ in range(4_000))
    assert counts["b"] == 0
    assert 2.7 < counts["c"] / counts["a"] < 3.3


def test_a_skewed_choice_takes_the_first_most() -> None:
    draw = Draw(1, "test")
    some = skewed(range(100), head=2)
    counts = Counter(some.pick(draw) for _ in range(20_000))
    assert counts[0] > 2 * counts[5] > 4 * counts[40] > 0


def test_a_curve_stays_between_its_ends() -> None:
    draw = Draw(1, "test")
    values = [Curve((1, 10, 1000)).pick(draw) for _ in range(2_000)]
    assert min(values) >= 1
    assert max(values) < 1000
    assert 900 < sum(value < 10 for value in values) < 1100


def test_a_card_with_a_price_for_everything_leaves_no_unknown_destination() -> None:
    with pytest.raises(ValueError, match="every number there is"):
        Destinations(tuple("123456789"), Draw(1, "test"))


@pytest.mark.parametrize(
    ("at_ms", "text", "clear"),
    [
        (1_790_812_800_999, "2026-10-01 02:00:00", True),
        (1_792_882_799_000, "2026-10-25 00:59:59", True),  # an hour before the first 2 o'clock
        (1_792_888_200_000, "2026-10-25 02:30:00", False),
        (1_792_891_800_000, "2026-10-25 02:30:00", False),
        (1_792_900_800_000, "2026-10-25 05:00:00", True),
    ],
)
def test_the_wall_shows_local_time(at_ms: int, text: str, clear: bool) -> None:
    wall = Wall("Europe/Berlin")
    assert wall.text(at_ms) == text
    assert wall.is_clear(at_ms) is clear
