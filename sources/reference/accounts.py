"""From reference files to accounts, or to everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.reference import Account
from sources.reference.attributes import read_account_attributes
from sources.reference.fields import currency_of, name_of, zone_of
from sources.reference.limits import read_limits
from sources.reference.parse import parse
from sources.reference.problem import Problem, quoted
from sources.reference.subscriptions import Held, Holdings, read_subscription
from sources.reference.tree import Reader, Value

_UNKNOWN = "?"  # the id of an account whose own was refused


class Accounts(NamedTuple):
    """The accounts of all files, or none and all that is wrong, by file and line."""

    accounts: tuple[Account, ...]
    problems: tuple[Problem, ...]


def read_accounts(files: Mapping[str, bytes], *, tenant: str) -> Accounts:
    """Return the accounts of some files, by their names: `.yaml`, `.jsonl` or `.csv`.

    ``tenant`` is that of accounts which name none. All files are looked at together: an account
    stands once, and an identifier is held by one account at a time.
    """
    problems: list[Problem] = []
    reading = _Reading(tenant)
    for file, data in files.items():
        reader = Reader(file, problems)
        before = len(problems)
        values = parse(reader, data)
        if not values and len(problems) == before:
            reader.complain(1, "(file)", "at least one account", "none")
        for value in values:
            reading.take(reader, value)
    problems.extend(reading.holdings.problems())
    if problems:
        return Accounts((), tuple(sorted(set(problems))))
    return Accounts(tuple(reading.accounts), ())


class _Reading:
    """The accounts read so far. A value that was refused stands as a harmless one."""

    def __init__(self, tenant: str) -> None:
        self.accounts: list[Account] = []
        self.holdings = Holdings()
        self._tenant = tenant
        self._places: dict[str, str] = {}

    def take(self, reader: Reader, value: Value) -> None:
        """Read one account and add it."""
        fields = reader.table(
            value,
            "account",
            required=("id", "zone", "currency"),
            optional=("name", "tenant", "subscriptions", "limits", "attributes"),
        )
        if fields is None:
            return
        account_id = name_of(reader, fields.get("id"), "account.id") or _UNKNOWN
        is_first = self._is_first(reader, fields.get("id"), account_id)
        at = f"account {account_id}"
        tenant = name_of(reader, fields.get("tenant"), f"{at}.tenant") or self._tenant
        zone = zone_of(reader, fields.get("zone"), f"{at}.zone") or "UTC"
        currency = currency_of(reader, fields.get("currency"), f"{at}.currency") or "XXX"
        entries = []
        for item in reader.items(fields.get("subscriptions"), f"{at}.subscriptions"):
            entry = read_subscription(reader, item, f"{at}.subscriptions", zone=zone)
            if entry is not None:
                entries.append(entry)
            if entry is not None and is_first:  # a repeated account overlaps itself all over
                self.holdings.add(Held(entry, tenant, account_id, reader.file, item.line))
        self.accounts.append(
            Account(
                tenant=tenant,
                account_id=account_id,
                name=name_of(reader, fields.get("name"), f"{at}.name") or account_id,
                zone=zone,
                currency=currency,
                subscriptions=tuple(entries),
                limits=read_limits(reader, fields.get("limits"), f"{at}.limits", currency=currency),
                attributes=read_account_attributes(
                    reader, fields.get("attributes"), f"{at}.attributes", zone=zone
                ),
            )
        )

    def _is_first(self, reader: Reader, value: Value | None, account_id: str) -> bool:
        if value is None or account_id == _UNKNOWN:
            return True
        first = self._places.get(account_id)
        if first is None:
            self._places[account_id] = f"{reader.file}:{value.line}"
            return True
        found = f"{quoted(account_id)} again, after {first}"
        reader.complain(value.line, "account.id", "each account once", found)
        return False
