"""`ratemill catalogue schema`: what an editor needs to complete and check a catalogue."""

from __future__ import annotations

import sys

from pipeline.cli.help_text import examples

EPILOG = examples(
    "ratemill catalogue schema > catalogue.schema.json",
    "ratemill catalogue check tariffs/",
)


def schema() -> None:
    """Write the JSON Schema of the catalogue's YAML files, for editors.

    With it an editor completes keys, models and options, shows what each means, and marks what is
    wrong while it is written. Put the file beside the folder of the catalogue, not into it, where
    every file is one of the catalogue, and name it on the first line of each YAML file, as
    `# yaml-language-server: $schema=../catalogue.schema.json`.

    So do VS Code with the extension YAML of Red Hat, and every editor with yaml-language-server;
    there the setting `yaml.schemas` takes the file for a whole folder too:
    `{"./catalogue.schema.json": "tariffs/*.yaml"}`.

    `ratemill catalogue check` still has the last word: it sees the whole folder, and each line.
    """
    from importlib import resources

    sys.stdout.write((resources.files("schemas") / "catalogue.schema.json").read_text("utf-8"))
    sys.stdout.flush()
