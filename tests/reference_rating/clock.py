"""The wall clock of an account, and the bands that it is in: minute by minute, without tables."""

import datetime as dt
import functools
from zoneinfo import ZoneInfo

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def local(at_ms, zone):
    """Return the wall clock of an instant."""
    return (EPOCH + dt.timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


def band_at(parts, calendars, moment):
    """Return the band of a wall clock: holidays first, then seasons, then the week, then the other."""
    stated = [(band, text) for band, texts in parts.items() for text in _listed(texts)]
    for wanted in ("holidays", "..", ""):
        for band, text in stated:
            kind = next((one for one in ("holidays", "..") if one in text), "")
            if kind == wanted and _is_in(text, calendars, moment):
                return band
    return next(band for band, text in stated if text == "otherwise")


def _listed(texts):
    return [texts] if isinstance(texts, str) else texts


def _is_in(text, calendars, moment):
    words = text.split()
    if words == ["otherwise"]:
        return False
    if words[0] == "holidays":
        if moment.date().isoformat() not in calendars[words[1]]:
            return False
        words = words[2:]
    elif ".." in words[0]:
        first, last = words.pop(0).split("..")
        today = f"{moment:%m-%d}"
        if not (first <= today <= last if first <= last else today >= first or today <= last):
            return False
    if words and ":" not in words[0]:
        first, _, last = words.pop(0).partition("-")
        if not DAYS.index(first) <= moment.weekday() <= DAYS.index(last or first):
            return False
    return not words or _within(words[0], f"{moment:%H:%M}")


def _within(hours, clock):
    start, end = hours.split("-")
    if start < end:
        return start <= clock < end
    return clock >= start or clock < end


class Clock:
    """The bands of one catalogue."""

    def __init__(self, bands, calendars):
        self._bands, self._calendars = bands, calendars
        self._at_minute = functools.cache(self._of_minute)

    def band(self, name, at_ms, zone):
        """Return the band of an instant; offsets change at full minutes only."""
        return self._at_minute(name, int(at_ms // 60_000), zone)

    def _of_minute(self, name, minute, zone):
        moment = local(minute * 60_000, zone)
        return band_at(self._bands[name], self._calendars, moment)


def _ms(moment):
    return (moment.astimezone(dt.UTC) - EPOCH) // dt.timedelta(milliseconds=1)


def month_of(at_ms, zone):
    """Return the first instant of a month, and that of the next one."""
    start = local(at_ms, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    following = (start + dt.timedelta(days=31)).replace(day=1)
    return _ms(start), _ms(following)


def subscription_month(event, first_ms):
    """Return which month of a subscription an event lies in: 1 is the calendar month that it began
    in, or of one of which nobody says when, that of its earliest usage so far."""
    name, at_ms = event["subscription"], event["started_ms"]
    since = event["members"][name]
    if since is None:
        since = min(at_ms, first_ms.get(name, at_ms))
    first, now = local(since, event["zone"]), local(at_ms, event["zone"])
    return (now.year - first.year) * 12 + now.month - first.month + 1


def day_of(at_ms, zone):
    """Return the first instant of a day, and that of the next one."""
    start = local(at_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return _ms(start), _ms(start + dt.timedelta(days=1))
