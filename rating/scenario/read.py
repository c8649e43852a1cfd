"""Reads the text of scenarios.

Prose up to the first heading; then, each with its lines indented below it:

    Catalogue                     the YAML of the catalogue, where the text brings its own
    Card <name>, Matrix <name>    the CSV of a rate card or a matrix of it
    Account on plan <plan> in <currency>, zone <zone>[, with <attribute>=<value> and ...]
    Subscription <name> [on plan <plan>] [from <date>] [to <date>] [with ...]
    Scenario: <title>             usage lines, closes of months, a total

A line that cannot be read is an error, so that nothing is ever passed over; docs/catalogue.md has
the form of all lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rating.catalogue.currencies import CURRENCIES
from rating.catalogue.errors import CatalogueError, quoted
from rating.scenario import sections as headings
from rating.scenario.read_line import attributes_of, read_line
from rating.scenario.read_values import Unread, date_of, day_start
from rating.scenario.sections import Line, Section, sections_of
from rating.scenario.statements import Scenario, ScenarioAccount, TotalLine
from rating.trial import Member
from schemas.period import zone_info

CATALOGUE_FILE = "plans.yaml"

_ACCOUNT = re.compile(r"Account on plan (\S+) in ([A-Z]{3}), zone ([^\s,]+)(?:, with (.+))?")
_SUBSCRIPTION = re.compile(
    r"Subscription (?P<name>\S+)(?: on plan (?P<plan>\S+))?(?: from (?P<since>\S+))?"
    r"(?: to (?P<to>\S+))?(?: with (?P<attributes>.+))?"
)
_ONLY_SUBSCRIPTION = "s-1"


class ReadScenarios(NamedTuple):
    """What a text says, and all that cannot be read of it."""

    scenarios: tuple[Scenario, ...]
    files: dict[str, bytes]  # of the catalogue in it; none where it brings none
    lines: dict[str, int]  # of the text, before the first one of each of these files
    errors: tuple[CatalogueError, ...]


def read_scenarios(file: str, text: str, *, with_catalogue: bool) -> ReadScenarios:
    """Return the scenarios of a text. ``with_catalogue``: it brings its own, or it must not."""
    return _Reading(file, with_catalogue).read(text)


def in_text(error: CatalogueError, *, file: str, lines: Mapping[str, int]) -> CatalogueError:
    """Return an error of a catalogue that stands in a text, with the place in the text."""
    return error._replace(file=file, line=error.line + lines.get(error.file, 0))


class _Reading:
    """One text under reading."""

    def __init__(self, file: str, with_catalogue: bool) -> None:
        self._file = file
        self._with_catalogue = with_catalogue
        self._errors: list[CatalogueError] = []
        self._files: dict[str, bytes] = {}
        self._lines: dict[str, int] = {}
        self._account: ScenarioAccount | None = None
        self._has_account = False
        self._declared = False  # whether the account's subscriptions are named
        self._scenarios: dict[str, Scenario] = {}

    def read(self, text: str) -> ReadScenarios:
        for section in sections_of(self._file, text, self._errors):
            heading = section.heading.text
            if heading == headings.CATALOGUE:
                self._add_file(CATALOGUE_FILE, section)
            elif heading.startswith((headings.CARD, headings.MATRIX)):
                self._add_file(f"{heading.partition(' ')[2]}.csv", section)
            elif heading.startswith(headings.ACCOUNT):
                self._read_account(section)
            elif heading.startswith(headings.SUBSCRIPTION):
                self._read_subscription(section)
            else:
                self._read_scenario(section)
        if not self._scenarios and not self._errors:
            self._complain(1, "text", "at least one 'Scenario: <title>'", "")
        if self._with_catalogue and CATALOGUE_FILE not in self._files:
            self._complain(1, "text", "a 'Catalogue', with its lines below it", "")
        errors = tuple(sorted(set(self._errors)))
        return ReadScenarios(tuple(self._scenarios.values()), self._files, self._lines, errors)

    def _complain(self, line: int, field: str, expected: str, found: str) -> None:
        self._errors.append(CatalogueError(self._file, line, field, expected, quoted(found)))

    def _add_file(self, name: str, section: Section) -> None:
        heading = section.heading
        if not self._with_catalogue:
            self._complain(
                heading.number,
                "heading",
                "scenarios alone: the folder is the catalogue",
                heading.text,
            )
        elif name in self._files:
            self._complain(
                heading.number, "heading", "each part of the catalogue once", heading.text
            )
        self._files[name] = section.block.encode()
        self._lines[name] = section.block_line - 1

    def _read_account(self, section: Section) -> None:
        heading = section.heading
        self._has_account, self._declared, self._account = True, False, None
        self._no_lines(section)
        match = _ACCOUNT.fullmatch(heading.text)
        if match is None:
            expected = "'Account on plan <plan> in <currency>, zone <zone>'"
            self._complain(heading.number, "Account", expected, heading.text)
            return
        plan, currency, zone, stated = match.groups()
        if currency not in CURRENCIES:
            expected = "a currency of ISO 4217, such as EUR"
            self._complain(heading.number, "Account", expected, currency)
        try:
            zone_info(zone)
        except (KeyError, ValueError, OSError):
            expected = "a zone such as Europe/Berlin"
            self._complain(heading.number, "Account", expected, zone)
            return
        try:
            attributes = {} if stated is None else attributes_of(stated)
        except Unread as error:
            self._complain_unread(heading, error)
            return
        members = (Member(_ONLY_SUBSCRIPTION, plan),)
        self._account = ScenarioAccount(
            plan=plan, currency=currency, zone=zone, members=members, attributes=attributes
        )

    def _read_subscription(self, section: Section) -> None:
        heading, account = section.heading, self._account
        self._no_lines(section)
        if account is None:
            if not self._has_account:
                self._complain(
                    heading.number, "Subscription", "an 'Account' before it", heading.text
                )
            return
        match = _SUBSCRIPTION.fullmatch(heading.text)
        if match is None:
            expected = "'Subscription <name> [on plan <plan>] [from <date>] [to <date>]'"
            self._complain(heading.number, "Subscription", expected, heading.text)
            return
        before = account.members if self._declared else ()
        try:
            since, until = (
                None if day is None else day_start(date_of(day), zone=account.zone)
                for day in (match["since"], match["to"])
            )
            stated = match["attributes"]
            attributes = None if stated is None else attributes_of(stated)
            plan = match["plan"] or account.plan
            member = Member(match["name"], plan, since, until, attributes)
        except Unread as error:
            self._complain_unread(heading, error)
            return
        if any(member.subscription_id == other.subscription_id for other in before):
            self._complain(heading.number, "Subscription", "each name once", heading.text)
            return
        self._declared = True
        self._account = ScenarioAccount(
            plan=account.plan,
            currency=account.currency,
            zone=account.zone,
            members=(*before, member),
            attributes=account.attributes,
        )

    def _no_lines(self, section: Section) -> None:
        for line in section.lines:
            if line.text.strip():
                self._complain(
                    line.number, "text", "no lines below this heading", line.text.strip()
                )

    def _read_scenario(self, section: Section) -> None:
        heading, account = section.heading, self._account
        title = heading.text.removeprefix(headings.SCENARIO)
        if title in self._scenarios:
            self._complain(heading.number, "Scenario", "each title once", title)
        if account is None:
            if not self._has_account:
                expected = "an 'Account on plan <plan> in <currency>, zone <zone>' before it"
                self._complain(heading.number, "Scenario", expected, heading.text)
            return
        statements = []
        last = heading
        for line in section.lines:
            if not line.text.strip() or line.text.lstrip().startswith("#"):
                continue
            last = line
            try:
                statements.append(read_line(line, account))
            except Unread as error:
                self._complain_unread(line, error)
        stated = any(not isinstance(each, TotalLine) for each in statements)
        if not (last is not heading and last.text.strip().startswith("total")):
            expected = "a total as the last line, such as 'total 0.00 EUR'"
            self._complain(last.number, "Scenario", expected, last.text.strip())
        elif not stated and not self._errors:
            self._complain(last.number, "Scenario", "usage before the total", last.text.strip())
        self._scenarios[title] = Scenario(
            file=self._file,
            line=heading.number,
            title=title,
            account=account,
            statements=tuple(statements),
        )

    def _complain_unread(self, line: Line, error: Unread) -> None:
        self._errors.append(
            CatalogueError(self._file, line.number, "line", error.expected, error.found)
        )
