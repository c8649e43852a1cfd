"""What is fed: every record of the generator's log once, also those of charging files."""

import asyncio
import json

import pytest

from schemas import raw
from sources.generate.shares import Kind
from sources.generate.usage import Broken
from tests.chaos.feed import raw_records
from tests.chaos.usage import generated


@pytest.fixture(scope="module")
def usage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("usage") / "usage"
    broken = {Kind.BROKEN: 1_000}
    return asyncio.run(generated(folder, records=3_000, seed=3, scenario="operator", shares=broken))


@pytest.fixture(scope="module")
def fed(usage):
    return raw_records(usage.folder, items=4)


def test_an_operator_writes_records_broken_in_every_way(usage):
    ways = json.loads((usage.folder / "truth.json").read_bytes())["broken"]
    assert set(ways) == set(Broken)


def test_each_record_of_the_log_is_fed_once(usage, fed):
    numbers = [number for one in fed for number in one.numbers]
    assert sorted(numbers) == list(range(1, len(usage.truth()) + 1))


def test_charging_files_are_cut_at_their_records_and_lose_no_byte(usage, fed):
    files = {}
    for one in fed:
        headers = dict(one.record.headers)
        if one.record.items:
            files.setdefault(headers[raw.SOURCE_FILE].decode(), []).append((one, headers))
    for path in usage.folder.glob("usage/msc-hamburg/*"):
        (head, _), *blocks = files[path.name]
        assert (head.record.items, head.numbers) == (1, ())
        data = path.read_bytes()
        assert head.record.value + b"".join(one.record.value for one, _ in blocks) == data
        for one, headers in blocks:
            at = int(headers[raw.FIRST_BYTE])
            assert data[at : at + len(one.record.value)] == one.record.value
            assert 0 < len(one.numbers) == one.record.items <= 4
