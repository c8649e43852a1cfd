"""Write schemas/catalogue.schema.json: what an editor completes and checks in a catalogue.

Models, their keys, options and limits come from the tables of the reader; what a key means is
written in `catalogue_schema/`. A test holds the keys of every mapping equal to those that the
reader takes, and compares the file with what this gives.
"""

import json
import pathlib

from deploy.catalogue_schema.forms import Schema
from deploy.catalogue_schema.prices import price_definitions
from deploy.catalogue_schema.sections import SECTIONS, THINGS
from deploy.catalogue_schema.values import VALUES
from rating.catalogue import check_files

FILE = pathlib.Path(__file__).resolve().parents[1] / "schemas" / "catalogue.schema.json"

_ABOUT = (
    "A YAML file of a Ratemill catalogue. A catalogue is a folder of such files and of rate cards "
    "(.csv); which section stands in which file is free, each code is stated once. What only the "
    "whole folder can say, such as whether a code is declared, `ratemill catalogue check` says."
)


def catalogue_schema() -> Schema:
    """Return the schema of one file, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ratemill catalogue",
        "description": _ABOUT,
        "type": "object",
        "properties": {name: SECTIONS[name] for name in check_files.SECTIONS},
        "additionalProperties": False,
        "$defs": {**THINGS, **price_definitions(), **VALUES},
    }


def schema_text() -> str:
    """Return the text of the file."""
    return json.dumps(catalogue_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text())
