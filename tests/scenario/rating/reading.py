"""Reads scenario files: a catalogue as operators write it, then usage and what it must cost.

Prose up to the first heading; then, each with its lines indented below it:

    Catalogue                     the YAML of the catalogue
    Card <name>, Matrix <name>    the CSV of a rate card or a matrix, where there is one
    Account on plan <plan> in <currency>, zone <zone>
    Scenario: <title>             usage lines, then a total; see USAGE and TOTAL

A line that cannot be read is an error, so that nothing is ever passed over.
"""

import re
import textwrap
from typing import NamedTuple

HEADING = re.compile(r"Catalogue|(?:Card|Matrix) [\w-]+|Account .+|Scenario: .+")
ACCOUNT = re.compile(r"Account on plan (\S+) in ([A-Z]{3}), zone (\S+)")
USAGE = re.compile(
    r"(?:on (?P<date>\S+) at (?P<time>\S+)(?P<utc> UTC)?, )?"
    r"(?P<used>\S+) (?P<unit>\S+) of (?P<product>[\w-]+)(?: from (?P<origin>\d+))?(?: to (?P<to>\d+))?"
    r"(?: in class (?P<service_class>[\w-]+))?(?: with (?P<attribute>[\w-]+) (?P<value>[\w-]+))?"
    r"(?:, (?P<free>\S+) (?P<free_unit>\S+) free)?"
    r"(?:, (?P<billed>\S+) (?P<billed_unit>\S+) billed)?"
    r", (?:charge (?P<charge>\d+\.\d+) (?P<currency>[A-Z]{3})|refused: (?P<refused>\S+)"
    r"|(?P<filtered>filtered))"
)
TOTAL = re.compile(r"total (\d+\.\d+) ([A-Z]{3})")


class ScenarioFile(NamedTuple):
    files: dict[str, bytes]  # of the catalogue
    plan: str
    currency: str
    zone: str
    scenarios: dict[str, list[str]]  # lines by title


def read(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line.strip())
    assert match, f"cannot read this line: {line!r}"
    return match


def read_file(text: str) -> ScenarioFile:
    """Return what a scenario file says."""
    files: dict[str, bytes] = {}
    account: re.Match[str] | None = None
    scenarios: dict[str, list[str]] = {}
    for heading, lines in _sections(text):
        body = textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
        if heading == "Catalogue":
            files["plans.yaml"] = body.encode()
        elif heading.startswith(("Card ", "Matrix ")):
            files[f"{heading.partition(' ')[2]}.csv"] = body.encode()
        elif heading.startswith("Account "):
            assert account is None, "one account per file"
            account = read(ACCOUNT, heading)
        else:
            title = heading.removeprefix("Scenario: ")
            assert title not in scenarios, f"two scenarios of one title: {title}"
            scenarios[title] = [line for line in lines if line.strip()]
    assert account is not None, "no account"
    assert scenarios, "no scenario"
    return ScenarioFile(files, account[1], account[2], account[3], scenarios)


def _sections(text: str) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.strip() and not line.startswith(" "):
            if HEADING.fullmatch(line):
                sections.append((line, []))
            else:
                assert not sections, f"cannot read this line: {line!r}"  # prose comes first
        elif sections:
            sections[-1][1].append(line)
        else:
            assert not line.strip(), f"an indented line before the first heading: {line!r}"
    return sections
