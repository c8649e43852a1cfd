"""Wall clocks and printed times."""

import pytest

from mediation.decode.local_time import (
    HOUR_MS,
    epoch_time,
    iso_time,
    learnt_offset_ms,
    pattern_time,
    wall_clock,
)
from schemas.refusal import RefusalReason, Refused


def instant(zone, text):
    ms, aware = iso_time(text)
    assert not aware
    return wall_clock(zone).instant_ms(ms)


@pytest.mark.parametrize(
    ("zone", "wall", "utc"),
    [
        ("Europe/Berlin", "2026-03-29 01:59:59.999", "2026-03-29 00:59:59.999"),
        ("Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29 01:00:00"),
        ("Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24 23:59:59"),
        ("Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25 02:00:00"),
        ("Australia/Lord_Howe", "2026-04-05 01:29:59", "2026-04-04 14:29:59"),
        ("Australia/Lord_Howe", "2026-04-05 02:00:00", "2026-04-04 15:30:00"),
        ("Asia/Kathmandu", "2026-01-01 00:00:00", "2025-12-31 18:15:00"),
        ("Pacific/Apia", "2011-12-31 00:00:00", "2011-12-30 10:00:00"),
        ("UTC", "1969-12-31 23:59:59", "1969-12-31 23:59:59"),
    ],
)
def test_the_instant_of_a_wall_clock(zone, wall, utc):
    assert instant(zone, wall) == iso_time(utc + "Z")[0]


@pytest.mark.parametrize(
    ("zone", "wall", "reason"),
    [
        ("Europe/Berlin", "2026-03-29 02:00:00", RefusalReason.INVALID_TIME),
        ("Europe/Berlin", "2026-03-29 02:59:59", RefusalReason.INVALID_TIME),
        ("Europe/Berlin", "2026-10-25 02:00:00", RefusalReason.AMBIGUOUS_LOCAL_TIME),
        ("Europe/Berlin", "2026-10-25 02:59:59", RefusalReason.AMBIGUOUS_LOCAL_TIME),
        ("Australia/Lord_Howe", "2026-04-05 01:30:00", RefusalReason.AMBIGUOUS_LOCAL_TIME),
        ("Australia/Lord_Howe", "2026-10-04 02:15:00", RefusalReason.INVALID_TIME),
        ("Pacific/Apia", "2011-12-30 12:00:00", RefusalReason.INVALID_TIME),
    ],
)
def test_a_time_that_happens_twice_or_never_is_refused(zone, wall, reason):
    found = instant(zone, wall)
    assert isinstance(found, Refused)
    assert found.reason is reason


@pytest.mark.parametrize(
    ("difference_ms", "within_s", "offset_h"),
    [
        (3 * HOUR_MS, 10, 3),
        (3 * HOUR_MS + 9_999, 10, 3),
        (3 * HOUR_MS - 10_000, 10, 3),
        (3 * HOUR_MS + 10_001, 10, None),
        (-HOUR_MS * 19 // 2, 10, -9.5),
        (14 * HOUR_MS, 10, 14),
        (15 * HOUR_MS, 10, None),
        (-13 * HOUR_MS, 10, None),
        (0, 0, 0),
    ],
)
def test_an_offset_is_learnt_where_wall_and_instant_agree(difference_ms, within_s, offset_h):
    found = learnt_offset_ms(10**12 + difference_ms, 10**12, within_ms=within_s * 1000)
    assert found == (None if offset_h is None else offset_h * HOUR_MS)


@pytest.mark.parametrize(
    ("pattern", "text", "as_iso"),
    [
        ("%Y/%m/%d %H:%M", "2026/2/10 22:41", "2026-02-10 22:41:00"),
        ("%d.%m.%Y %H:%M:%S", "1.12.2026 7:05:09", "2026-12-01 07:05:09"),
        ("%Y%m%d%H%M%S", "20261201070509", "2026-12-01 07:05:09"),
        ("%Y/%m/%d %H:%M", "2026/13/10 22:41", None),
        ("%Y/%m/%d %H:%M", "2026/2/10 22:41:00", None),
        ("%Y/%m/%d %H:%M", "٢٠٢٦/2/10 22:41", None),
    ],
)
def test_patterns(pattern, text, as_iso):
    assert pattern_time(pattern)(text) == (None if as_iso is None else iso_time(as_iso))


@pytest.mark.parametrize(
    "pattern", ["", "%Y", "%Y-%m-%d", "%Y %m %d %H %M %Q", "%Y %Y %m %d %H %M"]
)
def test_patterns_that_are_none(pattern):
    assert pattern_time(pattern) is None


def test_epochs():
    assert epoch_time(1000)("1772366400") == (1_772_366_400_000, True)
    assert epoch_time(1)("1772366400000") == (1_772_366_400_000, True)
    assert epoch_time(1)("-1") is None
    assert epoch_time(1)("9" * 16) is None
