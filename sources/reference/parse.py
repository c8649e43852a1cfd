"""From the bytes of a reference file to the accounts in it, as values with their lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sources.reference.attributes import is_attribute
from sources.reference.problem import quoted
from sources.reference.tree import Reader, Value

ENDINGS = (".yaml", ".yml", ".jsonl", ".csv")
ACCOUNT_COLUMNS = {"account_id": "id", "name": "name", "zone": "zone", "currency": "currency"}
ENTRY_COLUMNS = {
    "subscription_id": "id",
    "identifier": "identifier",
    "plan": "plan",
    "valid_from": "valid_from",
    "valid_to": "valid_to",
}
OPTIONAL_COLUMNS = ("name", "valid_to", "tenant")
COLUMNS = (*ACCOUNT_COLUMNS, *ENTRY_COLUMNS, "tenant")
ACCOUNT_ATTRIBUTE, ENTRY_ATTRIBUTE = "account.", "subscription."
"""What the columns of attributes begin with; the rest is the attribute's name."""

_NULL_TAG = "tag:yaml.org,2002:null"


def parse(reader: Reader, data: bytes) -> list[Value]:
    """Return the accounts of a file, by the ending of its name."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reader.complain(line, "(file)", "UTF-8", f"the byte {data[error.start]:#04x}")
        return []
    name = reader.file.lower()
    if name.endswith((".yaml", ".yml")):
        return _of_yaml(reader, text)
    if name.endswith(".jsonl"):
        return list(_of_json_lines(reader, text))
    if name.endswith(".csv"):
        return _of_csv(reader, text)
    reader.complain(1, "(file)", f"a name that ends with {', '.join(ENDINGS)}", quoted(name))
    return []


def _of_yaml(reader: Reader, text: str) -> list[Value]:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reader.complain(line, "(file)", "YAML", str(error.problem))
        return []
    except YAMLError as error:
        reader.complain(1, "(file)", "YAML", str(error).splitlines()[0])
        return []
    except RecursionError:
        reader.complain(1, "(file)", "YAML of a few levels", "far more levels")
        return []
    if root is None:
        return []
    fields = reader.table(_value(root, reader), "(file)", required=("accounts",), optional=())
    accounts = fields.get("accounts") if fields else None
    return list(reader.items(accounts, "accounts"))


def _value(node: Node, reader: Reader) -> Value:
    line = node.start_mark.line + 1
    if node.anchor:
        # An alias has the line of its anchor, and a cycle of them has no end.
        reader.complain(line, "(file)", "values written out", f"the anchor &{node.anchor}")
        return Value("", line)
    if isinstance(node, SequenceNode):
        return Value([_value(item, reader) for item in node.value], line)
    if isinstance(node, MappingNode):
        fields: dict[str, Value] = {}
        for key, part in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"
            value = _value(part, reader)
            if name in fields:
                reader.complain(key.start_mark.line + 1, name, "each field once", "it again")
            fields[name] = value
        return Value(fields, line)
    assert isinstance(node, ScalarNode)
    return Value("" if str(node.tag) == _NULL_TAG else str(node.value), line)


def _of_json_lines(reader: Reader, text: str) -> Iterator[Value]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            value = _of_json(reader, line, number)
            if value is not None:
                yield value


def _of_json(reader: Reader, text: str, line: int) -> Value | None:
    def table(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            reader.complain(line, name, "each field once", "it again")
        return dict(pairs)

    try:
        # Numbers stay as they are written, as all else that is no table and no list.
        found = json.loads(text, object_pairs_hook=table, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError) as error:
        reader.complain(line, "(line)", "a JSON object with one account", str(error))
        return None
    return _json_value(found, line)


def _json_value(found: object, line: int) -> Value:
    if isinstance(found, dict):
        fields = cast("dict[str, object]", found)
        return Value({name: _json_value(part, line) for name, part in fields.items()}, line)
    if isinstance(found, list):
        return Value([_json_value(item, line) for item in cast("list[object]", found)], line)
    if isinstance(found, bool):
        return Value("true" if found else "false", line)
    return Value("" if found is None else str(found), line)


def _of_csv(reader: Reader, text: str) -> list[Value]:
    """Return the accounts of rows of subscriptions; rows of one account need not be together."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    accounts: dict[str, dict[str, Value]] = {}
    columns: list[str] | None = None
    line = 1
    try:
        for cells in rows:
            if columns is None:
                columns = _columns(reader, cells)
                if columns is None:
                    return []
            elif cells:
                _take_row(reader, accounts, columns, cells, line)
            line = rows.line_num + 1
    except csv.Error as error:
        reader.complain(line, "(file)", "CSV", str(error))
    return [Value(fields, fields["id"].line) for fields in accounts.values()]


def _columns(reader: Reader, cells: list[str]) -> list[str] | None:
    names = [cell.strip() for cell in cells]
    missing = [name for name in COLUMNS if name not in names and name not in OPTIONAL_COLUMNS]
    wrong = [
        name for name in names if not (name in COLUMNS or _attribute(name)) or names.count(name) > 1
    ]
    if missing:
        reader.complain(1, "(header)", f"the columns {','.join(COLUMNS)}", f"no {missing[0]}")
    if wrong:
        expected = f"the columns {','.join(COLUMNS)}, account.<attribute>, subscription.<attribute>"
        reader.complain(1, "(header)", expected, quoted(wrong[0]))
    return None if missing or wrong else names


def _attribute(column: str) -> str:
    """Return the attribute that a column states, or an empty text."""
    for beginning in (ACCOUNT_ATTRIBUTE, ENTRY_ATTRIBUTE):
        name = column.removeprefix(beginning)
        if name != column and is_attribute(name):
            return name
    return ""


def _take_row(
    reader: Reader,
    accounts: dict[str, dict[str, Value]],
    columns: list[str],
    cells: list[str],
    line: int,
) -> None:
    if len(cells) != len(columns):
        reader.complain(line, "(row)", f"{len(columns)} columns", str(len(cells)))
        return
    row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    entries: list[Value] = []
    account = accounts.setdefault(
        row["account_id"],
        {"id": Value(row["account_id"], line), "subscriptions": Value(entries, line)},
    )
    for column, name in {**ACCOUNT_COLUMNS, "tenant": "tenant"}.items():
        _state(reader, account, column, name, row.get(column, ""), line)
    entry = {
        name: Value(row[column], line) for column, name in ENTRY_COLUMNS.items() if row.get(column)
    }
    of_account, of_entry = _attributes_of(account, line), dict[str, Value]()
    for column, text in row.items():
        if column.startswith(ACCOUNT_ATTRIBUTE):
            _state(reader, of_account, column, _attribute(column), text, line)
        elif column.startswith(ENTRY_ATTRIBUTE) and text:
            of_entry[_attribute(column)] = Value(text, line)
    if of_entry:
        entry["attributes"] = Value(of_entry, line)
    cast("list[Value]", account["subscriptions"].data).append(Value(entry, line))


def _attributes_of(account: dict[str, Value], line: int) -> dict[str, Value]:
    """Return the table of the account's attributes, to be filled."""
    value = account.setdefault("attributes", Value({}, line))
    return cast("dict[str, Value]", value.data)


def _state(
    reader: Reader, account: dict[str, Value], column: str, name: str, text: str, line: int
) -> None:
    """Note what a row says of its account; rows after the first one may not say otherwise."""
    if not text:
        return
    stated = account.setdefault(name, Value(text, line))
    if stated.data != text:
        expected = f"{stated.shown()}, as on line {stated.line}, or nothing"
        reader.complain(line, column, expected, quoted(text))
