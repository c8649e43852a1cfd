"""docs/operations.md has every setting with the default and the words of the code."""

import pytest

from deploy.write_settings_table import DOCUMENT, settings_table, with_tables
from pipeline.kafka_security import KafkaSecurity
from pipeline.settings import Settings


def test_the_table_of_settings_is_that_of_the_code():
    text = DOCUMENT.read_text()
    assert text == with_tables(text), "run `make generated` and commit what it writes"


@pytest.mark.parametrize(
    ("settings", "name"),
    [(model, name) for model in (Settings, KafkaSecurity) for name in model.model_fields],
)
def test_every_setting_says_what_it_is_for(settings, name):
    assert settings.model_fields[name].description
    prefix = settings.model_config["env_prefix"]
    assert f"| `{prefix}{name.upper()}` |" in settings_table(settings)


def test_a_table_that_is_old_is_noticed():
    text = DOCUMENT.read_text().replace("`10000`", "`9999`", 1)
    assert text != with_tables(text)
