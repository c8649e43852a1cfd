"""The standard workload: the same bytes for the same parameters, all of it usable today."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decode.item import Ignored
from mediation.dedup import DAY_MS
from pipeline.bench.charging_files import RECORDS_PER_FILE, is_file_header
from pipeline.bench.faust_expected import single_records
from pipeline.bench.formats_alone import FORMATS
from pipeline.bench.tariff import card_prefixes
from pipeline.bench.workload import (
    CENTRES,
    GATEWAYS,
    SHARE_OF_FORMATS,
    SWITCHES,
    Parameters,
    start_of,
    workload_of,
)
from pipeline.mappings import load_mappings
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
    events = sum(block.items for block in blocks if not is_file_header(block))
    assert events == SMALL.events == made.facts.items
    assert len(blocks) == made.facts.raw_records
    assert sum(len(block.value) for block in blocks) == made.facts.raw_bytes
    assert {one.items for one in messages} == {1}
    assert SMALL.messages * 0.9 < len(messages) <= SMALL.messages
    assert all(dict(one.headers)[raw.RECORD] == raw.RECORD_MESSAGE for one in messages)
    ends = [one for one in blocks if dict(one.headers)[raw.RECORD] == raw.RECORD_END]
    assert len(ends) == len(SWITCHES) + len(GATEWAYS) + made.facts.charging_files


def test_the_shares_are_those_of_the_standard(made):
    assert (
        made.facts.duplicates == SMALL.events // 100
        or abs(made.facts.duplicates - SMALL.events // 100) < SMALL.events // 500
    )
    for sources, share in zip(
        (SWITCHES, GATEWAYS, CENTRES), SHARE_OF_FORMATS.values(), strict=True
    ):
        events = sum(
            one.items
            for one in made.blocks()
            if one.key.decode() in sources and not is_file_header(one)
        )
        assert abs(events / SMALL.events * 100 - share) < 3
    assert sum(SHARE_OF_FORMATS.values()) == 100


def test_every_format_has_figures_of_its_own(made):
    written = {dict(one.headers)[raw.FORMAT].decode() for one in made.blocks()}
    measured = [name for mappings in FORMATS.values() for name in mappings]
    assert sorted(measured) == sorted(written)


def test_a_charging_file_is_whole_and_says_so(made):
    blocks = [one for one in made.blocks() if one.key.decode() in CENTRES]
    headers = [one for one in blocks if is_file_header(one)]
    assert len(headers) == made.facts.charging_files >= len(CENTRES)
    decoder = load_mappings(Settings(_env_file=None))["3gpp-msc"]
    for one in headers:
        ((_, _, outcome),) = decoder.decode(one.value, dict(one.headers))
        assert isinstance(outcome, Ignored), outcome  # what it states is what there is
    for one in blocks:
        if dict(one.headers).get(raw.CONTENT_TYPE) == raw.CDRS.encode():
            assert one.items == len(decoder.decode(one.value, dict(one.headers)))


def test_a_file_that_is_full_goes_out(tmp_path):
    large = Parameters(
        events=50_000, messages=0, seed=3, accounts=200, prefixes=500, start="2026-11-01"
    )
    workload = workload_of(large, tmp_path)
    stated = [
        int(dict(one.headers)[raw.CDR_FILE_RECORDS])
        for one in workload.blocks()
        if is_file_header(one)
    ]
    assert max(stated) == RECORDS_PER_FILE
    assert len(stated) > len(CENTRES)


def test_single_records_are_what_the_blocks_hold(made):
    """The comparison with the Faust application is given events one by one, and no headers."""
    oversize = sum(1 for one in made.blocks() if raw.OVERSIZE_BYTES in dict(one.headers))
    assert len(list(single_records(made, 2 * SMALL.events))) == SMALL.events - oversize
    decoders = load_mappings(Settings(_env_file=None))

    def decoded(records):
        found = Counter()
        for one in records:
            names = dict(one.headers)
            if one.items == 0 or is_file_header(one) or raw.OVERSIZE_BYTES in names:
                continue
            for _, _, item in decoders[names[raw.FORMAT].decode()].decode(one.value, names):
                found[getattr(item, "record_id", getattr(item, "reason", None))] += 1
        return found

    assert decoded(single_records(made, SMALL.events)) == decoded(made.blocks())


@pytest.mark.parametrize("partitions", [2, 4])
@pytest.mark.parametrize(
    "sources", [SWITCHES, GATEWAYS, CENTRES], ids=["switches", "gateways", "centres"]
)
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
