"""Write the tables of settings into docs/operations.md, from pipeline/settings.py and kafka_security.py.

For the one who adds a setting; a test compares the document with what this gives.
"""

import pathlib

from pydantic_settings import BaseSettings

from pipeline.kafka_security import KafkaSecurity
from pipeline.settings import Settings

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "docs" / "operations.md"
_TABLES: dict[str, type[BaseSettings]] = {"settings": Settings, "Kafka security": KafkaSecurity}


def settings_table(settings: type[BaseSettings]) -> str:
    """Return a table: each setting as its variable, its default, what it says."""
    prefix = settings.model_config["env_prefix"]
    rows = ["| Variable | Default | Says |", "|---|---|---|"]
    for name, field in settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `{prefix}{name.upper()}` | {default} | {field.description or ''} |")
    return "\n".join(rows) + "\n"


def with_tables(document: str) -> str:
    """Return the document with each table between its two marks."""
    for name, settings in _TABLES.items():
        begin, end = f"<!-- {name}: written by `make generated` -->\n", f"<!-- end of {name} -->\n"
        before, found, rest = document.partition(begin)
        _, ends, after = rest.partition(end)
        assert found, f"the document has lost {begin.strip()}"
        assert ends, f"the document has lost {end.strip()}"
        document = f"{before}{begin}{settings_table(settings)}{end}{after}"
    return document


if __name__ == "__main__":
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
