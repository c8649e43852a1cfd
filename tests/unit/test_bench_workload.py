"""The standard workload: the same bytes for the same parameters, all of it usable today."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.dedup import DAY_MS
from pipeline.bench.tariff import card_prefixes
from pipeline.bench.workload import GATEWAYS, SWITCHES, Parameters, start_of, workload_of
from pipeline.settings import Settings
from pipeline.topics import partition_of
from schemas import raw
from sources.generate.draw import Draw

SMALL = Parameters(
    events=5_000, messages=400, seed=3, accounts=200, prefixes=500, start="2026-11-01"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return workload_of(SMALL, tmp_path_factory.mktemp("workload"))


def bytes_of(workload):
    return {
        str(path.relative_to(workload.folder)): path.read_bytes()
        for path in workload.folder.rglob("*")
        if path.is_file()
    }


def test_the_same_parameters_give_the_same_bytes(made, tmp_path):
    assert bytes_of(workload_of(SMALL, tmp_path)) == bytes_of(made)


def test_another_seed_gives_other_usage_in_another_folder(made, tmp_path):
    other = workload_of(
        Parameters(**{f: getattr(SMALL, f) for f in SMALL.__struct_fields__} | {"seed": 4}),
        tmp_path,
    )
    assert other.folder.name != made.folder.name
    assert list(other.blocks()) != list(made.blocks())


def test_what_is_there_is_not_made_again(made):
    told = []
    again = workload_of(SMALL, made.folder.parent, on_progress=told.append)
    assert again.folder == made.folder
    assert told == []


def test_what_breaks_off_leaves_nothing_behind(tmp_path):
    def stop(events):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        workload_of(
            Parameters(events=20_000, accounts=200, prefixes=500, start="2026-11-01"),
            tmp_path,
            on_progress=stop,
        )
    assert list(tmp_path.iterdir()) == []


def test_every_event_is_in_one_block_and_every_message_stands_alone(made):
    blocks, messages = list(made.blocks()), list(made.messages())
    assert sum(block.items for block in blocks) == SMALL.events == made.facts.items
    assert len(blocks) == made.facts.raw_records
    assert sum(len(block.value) for block in blocks) == made.facts.raw_bytes
    assert {one.items for one in messages} == {1}
    assert SMALL.messages * 0.9 < len(messages) <= SMALL.messages
    assert all(dict(one.headers)[raw.RECORD] == raw.RECORD_MESSAGE for one in messages)
    ends = [one for one in blocks if dict(one.headers)[raw.RECORD] == raw.RECORD_END]
    assert len(ends) == len(SWITCHES) + len(GATEWAYS)


def test_the_shares_are_those_of_the_standard(made):
    assert (
        made.facts.duplicates == SMALL.events // 100
        or abs(made.facts.duplicates - SMALL.events // 100) < SMALL.events // 500
    )
    calls = sum(one.items for one in made.blocks() if one.key.decode() in SWITCHES)
    assert 0.57 < calls / SMALL.events < 0.63


@pytest.mark.parametrize("partitions", [2, 4])
@pytest.mark.parametrize("sources", [SWITCHES, GATEWAYS], ids=["switches", "gateways"])
def test_every_partition_has_as_many_sources(sources, partitions):
    counted = Counter(partition_of(name.encode(), partitions) for name in sources)
    assert set(counted.values()) == {len(sources) // partitions}


@given(st.dates(dt.date(2024, 1, 1), dt.date(2031, 12, 31)))
def test_usage_is_over_and_late_usage_is_inside_the_horizon(today):
    start = start_of(today)
    last, latest = start + dt.timedelta(days=19), start - dt.timedelta(days=20)
    assert last < today
    assert (today - latest).days * DAY_MS < Settings(_env_file=None).dedup_horizon_ms


def test_the_start_moves_three_times_a_month():
    days = [dt.date(2026, 11, 1) + dt.timedelta(days=n) for n in range(30)]
    assert len({start_of(day) for day in days}) <= 4


def test_the_card_has_each_prefix_once_and_leaves_numbers_without_a_price():
    prefixes = card_prefixes(3_000, Draw(1, "card"))
    assert len(set(prefixes)) == len(prefixes) == 3_000
    assert prefixes == sorted(prefixes)
    assert not any(prefix.startswith("999") for prefix in prefixes)
