"""Where the cache and the Maven repository are taken from."""

import pytest

from pipeline.embedded.kafka_settings import server_properties
from pipeline.embedded.options import MAVEN_CENTRAL, options_from

SETTINGS = (
    """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>{}</mirrors></settings>"""
)
MIRROR = "<mirror><url>{}</url><mirrorOf>{}</mirrorOf><blocked>{}</blocked></mirror>"


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".m2").mkdir()
    return tmp_path


def repository(home, *mirrors, **environment):
    text = SETTINGS.format("".join(MIRROR.format(*mirror) for mirror in mirrors))
    (home / ".m2" / "settings.xml").write_text(text)
    return options_from(environment, home=home).maven_repository


def test_without_any_setting_it_is_the_default_of_maven(tmp_path):
    assert options_from({}, home=tmp_path).maven_repository == MAVEN_CENTRAL


def test_the_first_mirror_of_central_is_used_without_its_last_slash(home):
    mirrors = [("https://one/m2/", "*", "false"), ("https://two/m2", "central", "false")]
    assert repository(home, *mirrors) == "https://one/m2"


@pytest.mark.parametrize(
    "mirror",
    [("https://one/m2", "snapshots", "false"), ("https://one/m2", "*", "true"), ("", "*", "false")],
    ids=["of another repository", "blocked", "without an address"],
)
def test_a_mirror_that_is_no_use_is_passed_over(home, mirror):
    assert repository(home, mirror) == MAVEN_CENTRAL


def test_settings_that_are_no_xml_are_passed_over(home):
    (home / ".m2" / "settings.xml").write_text("<settings>")
    assert options_from({}, home=home).maven_repository == MAVEN_CENTRAL


def test_our_own_setting_wins(home):
    mirror = ("https://one/m2", "*", "false")
    ours = "https://ours/m2"
    assert repository(home, mirror, RATEMILL_MAVEN_REPOSITORY=ours) == ours


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "{home}/.cache/ratemill"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/ratemill"),
        ({"XDG_CACHE_HOME": "/x", "RATEMILL_CACHE": "/y"}, "/y"),
    ],
)
def test_the_cache_folder(tmp_path, environment, expected):
    found = options_from(environment, home=tmp_path).cache
    assert str(found) == expected.format(home=tmp_path)


def test_a_further_setting_of_the_broker_has_the_last_word_and_knows_the_ports(tmp_path):
    text = server_properties(
        tmp_path,
        port=11,
        controller_port=12,
        more={"listeners": "A://h:{port},C://h:{controller_port}"},
    )
    said = [line for line in text.splitlines() if line.startswith("listeners=")]
    assert len(said) == 2
    assert said[-1] == "listeners=A://h:11,C://h:12"
