"""docs/operations.md has every setting with the default and the words of the code."""

import pytest

from deploy.write_settings_table import DOCUMENT, settings_table, with_table
from pipeline.settings import Settings


def test_the_table_of_settings_is_that_of_the_code():
    text = DOCUMENT.read_text()
    assert text == with_table(text), "run `make generated` and commit what it writes"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is_for(name):
    assert Settings.model_fields[name].description
    assert f"| `RATEMILL_{name.upper()}` |" in settings_table()


def test_a_table_that_is_old_is_noticed():
    text = DOCUMENT.read_text().replace("`10000`", "`9999`", 1)
    assert text != with_table(text)
