"""Random usage of one account: months with a change of clocks, boundaries hit on purpose."""

import datetime as dt
from zoneinfo import ZoneInfo

ZONES = (
    *("Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata"),
    *("Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"),
)
HOURS = (
    "00:00",
    "07:59:59",
    "08:00",
    "12:00",
    "17:59",
    "18:00",
    "23:59:30",
    "02:30",
    "23:59:59.999",
)
DAYS = (
    *("2026-09-30", "2026-10-01", "2026-10-14", "2026-10-15", "2026-10-16", "2026-10-24"),
    *("2026-10-25", "2026-10-31", "2026-11-01", "2026-11-30", "2026-12-25", "2026-10-05"),
)
NUMBERS = ("4930123", "4915123", "442071", "441", "1242555", "1", "4", "999", None)
SECONDS = ("0", "1", "29", "30", "59", "60", "61", "120", "3600", "3599.5", "0.001")
BYTES = ("0", "1", "999", "1000", "1001", "1000000", "5000000000", "10000000000", "10000000001")
LEVELS = ("1", "2", "5", "20", "0.5", "3", "0", "-1", "-2", "-5", "-0.5", "-20")
RATES = ("0", "0.001", "1", "10", "99.5", "100", "250", "1000", "3.333")
NUMBERS_OF = ("1", "2", "2.5", "0", "12", "3", "1", "0.000001", None, "many", "1.", "-1", "1e2")
SINCE = (
    *((None, "2026-10-12"), ("2026-09-30", "2026-10-12"), (None, None)),
    *(("2026-08-20", "2026-10-25"), ("2026-07-01", None), ("2026-09-01", "2026-12-25")),
)
MONEY = ("0", "0.01", "19.99", "100", "1000000", "0.005")


def events_of(random, products, *, subscriptions=("s-1", "s-2")):
    """Return random events on a plan, in the order in which they arrive."""
    zone = random.choice(ZONES)
    account = random.choice(({}, {"vip": "gold"}, {"vip": "silver"}))
    account = {**account, **_number(random, "phones")}
    of = {
        each: {**random.choice(({}, {"zone": "A"}, {"zone": "B"})), **_number(random, "seats")}
        for each in subscriptions
    }
    members = {
        name: day and _ms(dt.datetime.fromisoformat(f"{day}T00:00"), zone)
        for name, day in zip(subscriptions, random.choice(SINCE), strict=True)
    }
    month = random.choice(("2026-10", "2026-10", "2026-11", ""))
    few_days = random.random() < 0.5
    days = [day for day in DAYS if day.startswith(month)]
    days = random.sample(days, min(len(days), 2)) if few_days else days
    found = []
    for _ in range(random.randint(1, 14) * (2 if "transit" in products else 1)):
        product = random.choice(products)
        started_ms = _instant(random, days, zone)
        amount = _quantity(random, product)
        subscription = subscriptions[0] if random.random() < 0.75 else subscriptions[1]
        if started_ms < (members[subscription] or started_ms):
            subscription = subscriptions[0]
        found.append(
            {
                "plan": "p",
                "product": product,
                "zone": zone,
                "started_ms": started_ms,
                "ended_ms": _end(random, started_ms, amount),
                "quantity": amount,
                "subscription": subscription,
                "origin": random.choice(NUMBERS),
                "destination": random.choice(NUMBERS),
                "service_class": random.choice((None, "premium")),
                "attributes": _attributes(random, product),
                "account": account,
                "of": of[subscription],
                "of all": of,
                "members": members,
            }
        )  # fmt: skip
    if random.random() < 0.5:
        found.sort(key=lambda event: event["started_ms"])
    return found


def _number(random, name):
    """Return an attribute that says how many, where it does."""
    text = random.choice(NUMBERS_OF)
    return {} if text is None else {name: text}


def _attributes(random, product):
    if product == "transit" and random.random() < 0.97:
        return {"direction": random.choice(("in", "out"))}
    return random.choice(({}, {"zone": "eu"}, {"zone": "us", "device": "d1"}, {"device": "d2"}))


def _instant(random, days, zone):
    clock = random.choice(HOURS)
    if random.random() < 0.4:
        clock = f"{random.randrange(24):02}:{random.randrange(60):02}:{random.randrange(60):02}"
    moment = dt.datetime.fromisoformat(f"{random.choice(days)}T{clock}")
    return _ms(moment, zone, fold=random.randrange(2))


def _ms(moment, zone, *, fold=0):
    moment = moment.replace(tzinfo=ZoneInfo(zone), fold=fold)
    since = moment.astimezone(dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return since // dt.timedelta(milliseconds=1)


def _end(random, started_ms, amount):
    if random.random() < 0.3:
        return None
    if random.random() < 0.5:
        return started_ms + abs(int(float(amount) * 1000)) % 10_000_000
    return started_ms + random.choice((0, 1, 60_000, 3_600_000, 40_000_000))


def _quantity(random, product):
    if product in ("data", "level"):
        if random.random() < 0.5:
            return random.choice(BYTES)
        return str(random.randrange(10 ** random.randint(1, 11)))
    if product == "seats":
        return random.choice(LEVELS[:7]) if random.random() < 0.4 else random.choice(LEVELS)
    if product == "transit":
        return random.choice(RATES) if random.random() < 0.5 else str(random.randrange(500))
    if product == "sales":
        return (
            random.choice(MONEY)
            if random.random() < 0.5
            else f"{random.randrange(10**6) / 100:.2f}"
        )
    if product in ("message", "device"):
        return "1"
    amount = random.choice(SECONDS) if random.random() < 0.4 else str(random.randrange(2000))
    return (
        f"-{amount}"
        if product == "giveback" and random.random() < 0.4 and amount != "0"
        else amount
    )
