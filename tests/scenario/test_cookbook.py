"""Every folder of the cookbook is a catalogue without errors, and costs what its scenarios say."""

import pathlib
import re

import pytest

from pipeline.cli.catalogue import catalogue_files
from rating.catalogue import check
from rating.scenario import run_folder

COOKBOOK = pathlib.Path(__file__).resolve().parents[2] / "docs" / "cookbook"
FOLDERS = sorted(path.name for path in COOKBOOK.iterdir() if path.is_dir())
ROWS = re.findall(
    r"^\| .+ \| \[([\w-]+)\]\(([\w-]+)/plan\.yaml\) \| (.+) \|$",
    (COOKBOOK / "README.md").read_text(),
    re.MULTILINE,
)


def test_the_table_has_every_folder_and_no_other():
    assert [name for name, _, _ in ROWS] == [folder for _, folder, _ in ROWS]
    assert sorted(name for name, _, _ in ROWS) == FOLDERS
    assert len(FOLDERS) > 15


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_is_in_order_and_costs_what_it_says(folder):
    files = catalogue_files(COOKBOOK / folder)
    assert check(files).errors == ()
    result = run_folder(files)
    assert result.passed, [*map(str, result.errors), *map(str, result.failures)] or "no scenario"


@pytest.mark.parametrize(("folder", "result"), [(folder, result) for folder, _, result in ROWS])
def test_a_result_of_the_table_is_one_of_the_scenarios(folder, result):
    text = "".join(path.read_text() for path in (COOKBOOK / folder).glob("*.scenario"))
    amounts = re.findall(r"\d[\d.]* [A-Z]{3}\b", result)
    assert amounts
    for amount in amounts:
        assert f"total {amount}\n" in text or f"charge {amount}\n" in text, amount


@pytest.mark.parametrize("without", ["results.scenario", "plan.yaml"])
def test_a_folder_that_lacks_something_fails(without):
    files = catalogue_files(COOKBOOK / FOLDERS[0])
    assert run_folder(files).passed
    assert not run_folder({name: files[name] for name in files if name != without}).passed
