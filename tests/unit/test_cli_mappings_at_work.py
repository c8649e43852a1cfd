"""`ratemill ingest` says where the workers that run do not read by the mapping that it sees."""

import json
import os

import pytest

from pipeline.app import announce, run_folder
from pipeline.cli.ingesting import _too_large
from pipeline.cli.mappings_at_work import not_loaded, words_of_not_loaded
from pipeline.errors import SettingsError
from pipeline.mappings import load_mappings
from pipeline.settings import Settings


class Monitor:
    port = 9


@pytest.mark.parametrize(
    ("loaded", "told"),
    [
        ([], ""),
        ([{"tap": "1:a"}], ""),
        ([{"tap": "1:a"}, {}], "have not loaded the mapping tap"),
        ([{"tap": "1:b"}], "read the mapping tap as it was when they started"),
    ],
    ids=["no worker", "the same", "one without it", "another text"],
)
def test_what_workers_have_not_loaded_is_told(loaded, told):
    words = words_of_not_loaded("tap", "1:a", loaded)
    assert told in words
    assert bool(words) is bool(told)


def test_a_mapping_that_was_set_after_the_start_is_told_and_a_shipped_one_is_not(tmp_path):
    settings = Settings(data=tmp_path, installation="one", _env_file=None)
    announce(settings, "normalise", Monitor())
    own = tmp_path / "mappings"
    own.mkdir()
    (own / "own.yaml").write_text("extends: asterisk\nname: own\nversion: 1\n")
    mappings = load_mappings(settings.model_copy(update={"mappings": own}))
    folder = run_folder(settings)
    assert "have not loaded the mapping own" in not_loaded(mappings["own"], folder=folder)
    assert not_loaded(mappings["asterisk"], folder=folder) == ""


def test_a_worker_of_a_build_that_did_not_say_what_it_reads_is_passed_over(tmp_path):
    words = {"stage": "normalise", "pid": os.getpid(), "metrics_port": 1}
    (tmp_path / "normalise-1.json").write_text(json.dumps(words))
    decoder = load_mappings(Settings(_env_file=None))["asterisk"]
    assert not_loaded(decoder, folder=tmp_path) == ""


def test_mappings_that_are_not_utf_8_are_named_all_at_once(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_bytes("# Grüße\n".encode("latin-1"))
    with pytest.raises(SettingsError) as told:
        load_mappings(Settings(mappings=tmp_path, _env_file=None))
    assert str(told.value).splitlines() == [
        "one.yaml: expected UTF-8, found another byte at 4",
        "two.yaml: expected UTF-8, found another byte at 4",
        "Operator action: correct the mappings, then start again.",
    ]


def test_one_item_that_is_too_large_is_one():
    assert _too_large(1) == "1 item is too large and goes"
    assert _too_large(2) == "2 items are too large and go"
