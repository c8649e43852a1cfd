"""As root PostgreSQL gets a user and a place that this user may reach; else nothing changes."""

import os
import pwd

import pytest

from pipeline.embedded import postgres_user
from pipeline.embedded.children import User
from pipeline.embedded.errors import EmbeddedError
from pipeline.embedded.postgres_user import cluster_parent, may_enter, programs, user_to_run_as

STRANGER = User("stranger", 4_000_001, 4_000_001)


@pytest.fixture
def system_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres_user, "SYSTEM_FOLDER", tmp_path / "system")
    return tmp_path / "system"


def users(monkeypatch, euid, *names):
    def getpwnam(name):
        if name not in names:
            raise KeyError(name)
        return pwd.struct_passwd((name, "x", 7, 8, "", "/", "/bin/sh"))

    monkeypatch.setattr(os, "geteuid", lambda: euid)
    monkeypatch.setattr(pwd, "getpwnam", getpwnam)


def test_who_is_not_root_runs_it_himself(monkeypatch):
    users(monkeypatch, 1000, "postgres", "nobody")
    assert user_to_run_as() is None


@pytest.mark.parametrize(
    ("there", "expected"), [(("nobody", "postgres"), "postgres"), (("nobody",), "nobody")]
)
def test_root_runs_it_as_a_system_user(monkeypatch, there, expected):
    users(monkeypatch, 0, *there)
    assert user_to_run_as() == User(expected, 7, 8)


def test_root_without_any_system_user_is_told_what_to_do(monkeypatch):
    users(monkeypatch, 0)
    with pytest.raises(EmbeddedError, match="Operator action: create a system user"):
        user_to_run_as()


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "expected"),
    [
        (0o711, 1, 1, True),
        (0o700, 1, 1, False),
        (0o700, None, 1, True),
        (0o071, None, 1, False),
        (0o710, 1, None, True),
        (0o701, 1, None, False),
    ],
    ids=["others", "not others", "owner", "not owner", "group", "not group"],
)
def test_the_bits_that_count_are_those_of_ones_own_class(tmp_path, mode, uid, gid, expected):
    tmp_path.chmod(mode)
    status = tmp_path.stat()
    tmp_path.chmod(0o700)
    user = User("u", status.st_uid if uid is None else 4_000_001, 4_000_001)
    if gid is None:
        user = User("u", 4_000_001, status.st_gid)
    assert postgres_user._may_step_through(user, status) is expected


def test_one_closed_folder_on_the_way_is_enough(tmp_path):
    (tmp_path / "closed" / "open").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    assert not may_enter(STRANGER, tmp_path / "closed" / "open")


def test_without_a_system_user_the_cluster_is_in_the_data_folder(tmp_path, system_folder):
    assert cluster_parent(tmp_path, None) == tmp_path
    assert not system_folder.exists()


def test_a_folder_out_of_reach_gets_a_place_of_its_own_that_stays(tmp_path, system_folder):
    data = tmp_path / "closed"
    data.mkdir(mode=0o700)
    chosen = cluster_parent(data, STRANGER)
    assert chosen.parent == system_folder
    data.chmod(0o755)
    assert cluster_parent(data, STRANGER) == cluster_parent(data, None) == chosen
    assert data.stat().st_mode & 0o777 == 0o755


def test_two_data_folders_have_two_places(tmp_path, system_folder):
    places = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir(mode=0o700)
        places.append(cluster_parent(tmp_path / name, STRANGER))
    assert len(set(places)) == 2


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The programs of a wheel that only we may reach."""
    wheel = tmp_path / "wheel"
    home = wheel / "package" / "install"
    for part in (home / "bin", home / "lib", home / "share", wheel / "package.libs"):
        part.mkdir(parents=True)
    for name in ("initdb", "postgres", "psql"):
        (home / "bin" / name).write_text(name)
    wheel.chmod(0o700)
    monkeypatch.setattr(postgres_user, "_wheel_folder", lambda: home)
    return home


def test_programs_out_of_reach_are_copied_once(tmp_path, system_folder, home):
    copy = programs(STRANGER)
    assert {path.name for path in copy.iterdir()} == {"initdb", "postgres"}
    assert (copy / "../../../package.libs").is_dir()
    assert copy.is_relative_to(system_folder)
    assert programs(STRANGER) == copy
    assert programs(None) == home / "bin"
    assert (tmp_path / "wheel").stat().st_mode & 0o777 == 0o700


def test_of_two_starts_that_copy_them_at_once_both_go_on(system_folder, home, monkeypatch):
    really = postgres_user.open_to_all
    others = []

    def another_is_quicker(*folders):
        really(*folders)
        monkeypatch.setattr(postgres_user, "open_to_all", really)
        others.append(programs(STRANGER))

    monkeypatch.setattr(postgres_user, "open_to_all", another_is_quicker)
    copy = programs(STRANGER)
    assert others == [copy]
    assert {path.name for path in copy.iterdir()} == {"initdb", "postgres"}
    assert len(list((system_folder / "programs").iterdir())) == 1
