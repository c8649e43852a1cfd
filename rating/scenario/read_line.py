"""Reads one line of a scenario: clauses between commas, of which the order is fixed."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from rating.catalogue.errors import suggestion
from rating.scenario.read_values import (
    Unread,
    amount_of,
    date_of,
    duration_ms,
    instant_of,
    month_of,
    units_of,
)
from rating.scenario.sections import Line
from rating.scenario.statements import (
    CloseLine,
    Expected,
    ScenarioAccount,
    StatedAmount,
    StatedUnits,
    StatedUsage,
    Statement,
    TotalLine,
    UsageLine,
)
from schemas.refusal import RefusalReason

DEFAULT_DATE = "2026-10-05"

_CLAUSES = re.compile(r'(?:[^,"]|"[^"]*"|,(?! ))+')
_ON = re.compile(
    r"on (?P<date>\S+)(?: at (?P<time>\S+(?: UTC)?))?"
    r"(?: until (?:(?P<end_date>\S+) at )?(?P<end>\S+(?: UTC)?)| lasting (?P<lasting>.+))?"
)
_USED = re.compile(
    r"(?:(?P<times>[1-9][0-9]{0,5}) x )?(?P<used>.+?) of (?P<product>[\w.-]+)(?P<rest>(?: .+)?)"
)
_ABOUT = re.compile(
    r" (?P<word>to|from|by|in class|with) "
    r'(?P<value>[^\s="]+(?:=(?:"[^"]*"|[^\s"]+)(?: and [^\s="]+=(?:"[^"]*"|[^\s"]+))*)?)'
)
_ATTRIBUTE = re.compile(r'([^\s="]+)=(?:"([^"]*)"|([^\s"]+))')
_ATTRIBUTES = re.compile(rf"{_ATTRIBUTE.pattern}(?: and {_ATTRIBUTE.pattern})*")
_DIGITS = re.compile(r"[0-9]+")
_TOTAL = re.compile(r"total(?: by (\S+))? (.+)")
_CLOSE = re.compile(r"close of (\S+), charge (.+)")

_OTHER_RATING = re.compile(r"(?:rated as|(?P<margin>margin over)) (?P<name>\S+) (?P<amount>.+)")

_USAGE_FORM = (
    "'[on <date> [at <time>] [until <time>],] <used> <unit> of <product> [to <digits>] "
    "[from <digits>] [by <subscription>] [in class <class>] [with <attribute>=<value> and ...], "
    "<outcome>'"
)
_CLAUSE_WORDS = ("charge", "price", "refused:", "filtered", "earlier charges")  # their beginning
_LAST_WORDS = ("free", "billed")  # their end
_OUTCOMES = "'charge <amount> <currency>', 'refused: <reason>' or 'filtered'"


def read_line(line: Line, account: ScenarioAccount) -> Statement:
    """Return what a line states; `Unread` where it cannot be read."""
    text = line.text.strip()
    if text.startswith("total"):
        return _total(line, text, account)
    if text.startswith("close"):
        match = _CLOSE.fullmatch(text)
        if match is None:
            raise Unread("'close of <month>, charge <amount> <currency>'", text)
        at_ms = month_of(match[1], zone=account.zone)
        return CloseLine(line=line.number, text=text, at_ms=at_ms, charge=amount_of(match[2]))
    return _usage(line, text, account)


def _total(line: Line, text: str, account: ScenarioAccount) -> TotalLine:
    match = _TOTAL.fullmatch(text)
    if match is None:
        raise Unread("'total [by <subscription>] <amount> <currency>'", text)
    by = None if match[1] is None else _subscription(match[1], account)
    return TotalLine(line=line.number, text=text, total=amount_of(match[2]), subscription_id=by)


def _usage(line: Line, text: str, account: ScenarioAccount) -> UsageLine:
    if text.count('"') % 2:
        raise Unread("quotation marks in pairs", text)
    clauses = [clause.strip() for clause in _CLAUSES.findall(text)]
    zone = account.zone
    if clauses[0].startswith("on "):
        started_at_ms, ended_at_ms = _on(clauses.pop(0), zone)
    else:
        started_at_ms, ended_at_ms = instant_of(date_of(DEFAULT_DATE), None, zone=zone), None
    if len(clauses) < 2:
        raise Unread(_USAGE_FORM, text)
    usage = _about(clauses[0], account)
    _look_whether_it_is_there(account, usage.subscription_id, started_at_ms, text)
    return UsageLine(
        line=line.number,
        text=text,
        usage=usage,
        started_at_ms=started_at_ms,
        ended_at_ms=ended_at_ms,
        expected=_expected(clauses[1:]),
    )


def _on(clause: str, zone: str) -> tuple[int, int | None]:
    match = _ON.fullmatch(clause)
    if match is None:
        raise Unread(
            "'on <date> [at <time>] [until [<date> at] <time> | lasting <duration>]'", clause
        )
    date, time = date_of(match["date"]), match["time"]
    start_ms = instant_of(date, time, zone=zone)
    if match["lasting"] is not None:
        return start_ms, start_ms + duration_ms(match["lasting"])
    if match["end"] is None:
        return start_ms, None
    if time is not None and time.endswith(" UTC") != match["end"].endswith(" UTC"):
        raise Unread("start and end both by the wall clock, or both in UTC", clause)
    end_date = date if match["end_date"] is None else date_of(match["end_date"])
    end_ms = instant_of(end_date, match["end"], zone=zone)
    if end_ms < start_ms:
        raise Unread("an end after the start, with its date where that is another", clause)
    return start_ms, end_ms


def _about(clause: str, account: ScenarioAccount) -> StatedUsage:
    """Return the usage: how much of what, to whom, by whom, with what."""
    match = _USED.fullmatch(clause)
    if match is None:
        raise Unread(_USAGE_FORM, clause)
    usage = StatedUsage(
        times=int(match["times"] or 1),
        used=tuple(units_of(each) for each in match["used"].split(" and ")),
        product=match["product"],
        subscription_id=account.members[0].subscription_id,
    )
    place, seen, rest = 0, set(), match["rest"]
    while place < len(rest):
        each = _ABOUT.match(rest, place)
        if each is None or each["word"] in seen:
            raise Unread(
                "'to', 'from', 'by', 'in class' or 'with', each once and with a value",
                rest[place:].strip(),
            )
        seen.add(each["word"])
        field, read = _WORDS[each["word"]]
        usage = msgspec.structs.replace(usage, **{field: read(each["value"], account)})
        place = each.end()
    return usage


def _number(text: str, _account: ScenarioAccount) -> str:
    if not _DIGITS.fullmatch(text):
        raise Unread("a number of digits, without a plus", text)
    return text


def _subscription(text: str, account: ScenarioAccount) -> str:
    known = [member.subscription_id for member in account.members]
    if text not in known:
        raise Unread(
            f"a subscription of the account: {', '.join(known)}; 'Subscription {text}' below the "
            "account declares it",
            text,
            suggestion(text, known),
        )
    return text


def _word(text: str, _account: ScenarioAccount) -> str:
    return text


def _attributes(text: str, _account: ScenarioAccount) -> dict[str, str]:
    return attributes_of(text)


def attributes_of(text: str) -> dict[str, str]:
    """Return attributes by name: those of usage, of an account or of a subscription."""
    pairs = _ATTRIBUTE.findall(text)
    if not _ATTRIBUTES.fullmatch(text):
        raise Unread("attributes such as 'colour=red and name=\"a b\"'", text)
    if len({name for name, *_ in pairs}) < len(pairs):
        raise Unread("each attribute once", text)
    return {name: quoted_text or bare for name, quoted_text, bare in pairs}


_WORDS: dict[str, tuple[str, Callable[[str, ScenarioAccount], object]]] = {
    "to": ("destination", _number),
    "from": ("origin", _number),
    "by": ("subscription_id", _subscription),
    "in class": ("service_class", _word),
    "with": ("attributes", _attributes),
}


def _look_whether_it_is_there(
    account: ScenarioAccount, subscription_id: str, at_ms: int, text: str
) -> None:
    (member,) = [m for m in account.members if m.subscription_id == subscription_id]
    too_early = member.from_ms is not None and at_ms < member.from_ms
    if too_early or (member.to_ms is not None and at_ms >= member.to_ms):
        raise Unread(f"usage while subscription {subscription_id} is there", text)


def _expected(clauses: list[str]) -> Expected:
    """Return what must become of usage; the outcome, and it alone, is said by every line."""
    expected, seen = Expected(), set()
    named: set[tuple[str, str]] = set()  # what is expected, and of which other rating
    for clause in clauses:
        field, stated = _one_expected(clause)
        field, _, rating = field.partition(" ")
        if (field, rating) in named:
            raise Unread("each thing that is expected once", clause)
        named.add((field, rating))
        seen.add(field)
        value = {**getattr(expected, field), rating: stated} if rating else stated
        expected = msgspec.structs.replace(expected, **{field: value})
    if len(seen & {"charge", "refused", "filtered"}) != 1:
        raise Unread(f"one outcome: {_OUTCOMES}", ", ".join(clauses))
    if "charge" not in seen and len(seen) > 1:
        raise Unread("nothing but the outcome where there is no charge", ", ".join(clauses))
    return expected


def _one_expected(clause: str) -> tuple[str, StatedUnits | StatedAmount | str]:
    """Return the field that a clause is of, and what it says; behind the field the name of another
    rating, where it is of one."""
    word, _, rest = clause.partition(" ")
    other = _OTHER_RATING.fullmatch(clause)
    if other is not None:
        field = "ratings" if other["margin"] is None else "margins"
        return f"{field} {other['name']}", amount_of(other["amount"])
    if word == "charge":
        return "charge", amount_of(rest)
    if clause.startswith("earlier charges "):
        return "earlier", amount_of(clause.removeprefix("earlier charges "))
    if word == "price":
        return "price", rest
    if word == "refused:":
        return "refused", _reason(rest)
    if clause == "filtered":
        return "filtered", clause
    for name in ("free", "billed"):
        if clause.endswith(f" {name}"):
            return name, units_of(clause.removesuffix(f" {name}"))
    raise Unread(
        f"'<quantity> <unit> free', '<quantity> <unit> billed', 'price <plan>/<price>', "
        "'earlier charges <amount> <currency>', 'rated as <name> <amount> <currency>', "
        f"'margin over <name> <amount> <currency>', or {_OUTCOMES}",
        clause,
        suggestion(word, _CLAUSE_WORDS) or suggestion(clause.rpartition(" ")[2], _LAST_WORDS),
    )


def _reason(text: str) -> str:
    known = [reason.value for reason in RefusalReason if reason.value.startswith("rating.")]
    if text not in known:
        raise Unread(f"a reason of rating: {', '.join(known)}", text, suggestion(text, known))
    return text
