"""Write the table of settings into docs/operations.md, from pipeline/settings.py.

For the one who adds a setting; a test compares the document with what this gives.
"""

import pathlib

from pipeline.settings import Settings

DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / "docs" / "operations.md"
_BEGIN = "<!-- settings: written by `make generated` -->\n"
_END = "<!-- end of settings -->\n"


def settings_table() -> str:
    """Return the table: each setting as its variable, its default, what it says."""
    rows = ["| Variable | Default | Says |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `RATEMILL_{name.upper()}` | {default} | {field.description or ''} |")
    return "\n".join(rows) + "\n"


def with_table(document: str) -> str:
    """Return the document with the table between its two marks."""
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    assert begin, f"the document has lost {_BEGIN.strip()}"
    assert end, f"the document has lost {_END.strip()}"
    return f"{before}{begin}{settings_table()}{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_table(DOCUMENT.read_text()))
