"""The catalogues that there are, and their YAML as an editor sees it: as JSON."""

import json
import pathlib
import re
from unittest.mock import patch

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode

from benchmarks import rate_workload
from pipeline.bench import tariff
from rating.catalogue import check_files
from rating.scenario.read import CATALOGUE_FILE, read_scenarios

ROOT = pathlib.Path(__file__).parents[1]
_OF_A_TYPE = {
    "int": int,
    "float": float,
    "bool": lambda text: text == "true",
    "null": lambda _: None,
}


def as_an_editor_sees(text):
    """Return a YAML text as the JSON values that an editor checks; a date stays a text."""
    return _value(YAML(typ="safe", pure=True).compose(text))


def _value(node):
    if isinstance(node, MappingNode):
        return {key.value: _value(value) for key, value in node.value}
    if not isinstance(node, ScalarNode):
        return [_value(item) for item in node.value]
    return _OF_A_TYPE.get(str(node.tag).rpartition(":")[2], str)(node.value)


def catalogue_texts():
    """Return the YAML of every catalogue that documents, samples, benchmarks and scenarios have."""
    texts = {}
    for name in ("catalogue", "pricing"):
        document = (ROOT / "docs" / f"{name}.md").read_text()
        blocks = re.findall(r"^```yaml\n(.*?)^```", document, flags=re.MULTILINE | re.DOTALL)
        texts |= {f"{name}.md {index}": text for index, text in enumerate(blocks)}
    for folder in ("deploy/sample/catalogue", "tests/data/catalogue", "docs/cookbook"):
        texts |= {
            str(path.relative_to(ROOT)): path.read_text()
            for path in (ROOT / folder).rglob("*.yaml")
        }
    texts["the workload of bench"] = tariff.PLANS
    texts["the workload of rate"] = rate_workload.PLANS.decode()
    for path in sorted((ROOT / "tests" / "scenario" / "rating").glob("*.txt")):
        read = read_scenarios(path.name, path.read_text(), with_catalogue=True)
        texts[path.name] = read.files[CATALOGUE_FILE].decode()
    return texts


def texts_checked_by(work):
    """Return the YAML texts of all catalogues that ``work`` has checked and found right."""
    texts = []
    check = check_files.check

    def noting(files):
        checked = check(files)
        if checked.document is not None:
            texts.extend(files[name].decode() for name in files if name.endswith(".yaml"))
        return checked

    with patch("tests.conformance.engine.check", noting):
        work()
    return texts


def text_of(sections):
    """Return sections as YAML, of which JSON is a part."""
    return json.dumps(sections)
