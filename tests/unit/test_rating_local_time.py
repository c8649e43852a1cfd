import datetime as dt

import pytest

from rating.local_time import day_number, local_time, minute_name
from schemas.period import to_ms


def local(at, zone):
    day, minute = local_time(to_ms(dt.datetime.fromisoformat(at)), zone=zone)
    return dt.date(1970, 1, 1) + dt.timedelta(day), minute_name(minute)


@pytest.mark.parametrize(
    ("at", "zone", "date", "clock"),
    [
        ("2026-10-05T10:00:00+00:00", "UTC", "2026-10-05", "Mon 10:00"),
        ("2026-10-05T10:00:00+00:00", "Europe/Berlin", "2026-10-05", "Mon 12:00"),
        ("2026-12-31T23:30:00+00:00", "Europe/Berlin", "2027-01-01", "Fri 00:30"),
        ("2026-10-04T23:59:59.999+00:00", "UTC", "2026-10-04", "Sun 23:59"),
        ("2026-10-05T03:30:00+00:00", "America/New_York", "2026-10-04", "Sun 23:30"),
        # Clocks go back at 01:00 UTC: 02:30 comes twice.
        ("2026-10-25T00:30:00+00:00", "Europe/Berlin", "2026-10-25", "Sun 02:30"),
        ("2026-10-25T01:30:00+00:00", "Europe/Berlin", "2026-10-25", "Sun 02:30"),
        # Clocks go forward at 01:00 UTC: 02:30 does not exist.
        ("2026-03-29T00:59:59+00:00", "Europe/Berlin", "2026-03-29", "Sun 01:59"),
        ("2026-03-29T01:00:00+00:00", "Europe/Berlin", "2026-03-29", "Sun 03:00"),
        # A change by half an hour, in the middle of a UTC hour.
        ("2026-10-03T15:29:59+00:00", "Australia/Lord_Howe", "2026-10-04", "Sun 01:59"),
        ("2026-10-03T15:30:00+00:00", "Australia/Lord_Howe", "2026-10-04", "Sun 02:30"),
        ("1969-12-31T23:59:00+00:00", "UTC", "1969-12-31", "Wed 23:59"),
    ],
)
def test_day_and_minute_are_those_of_the_wall_clock(at, zone, date, clock):
    assert local(at, zone) == (dt.date.fromisoformat(date), clock)


def test_days_are_counted_from_1970():
    assert day_number(dt.date(1970, 1, 1)) == 0
    assert day_number(dt.date(2026, 10, 1)) == 20_727
