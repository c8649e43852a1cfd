"""The migration files are in dbmate's form, and only in the part of it that our runner follows."""

import pytest

from sinks.migrate import parse, shipped

FILE = "-- migrate:up\nCREATE TABLE t ();\n\n-- migrate:down\nDROP TABLE t;\n"


def test_a_file_has_a_way_up_and_a_way_down():
    migration = parse("20260101000000_make_t.sql", FILE)
    assert migration[:2] == ("20260101000000", "make_t")
    assert (migration.up, migration.down) == ("CREATE TABLE t ();", "DROP TABLE t;")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("make_t.sql", FILE),
        ("1_make_t.txt", FILE),
        ("1_make_t.sql", "CREATE TABLE t ();"),
        ("1_make_t.sql", "-- migrate:up\nCREATE TABLE t ();"),
        ("1_make_t.sql", FILE.replace("up", "up transaction:false")),
        ("1_make_t.sql", FILE + FILE),
        ("1_make_t.sql", "-- migrate:down\n-- migrate:up\n"),
    ],
)
def test_what_the_runner_would_not_follow_is_refused(name, text):
    with pytest.raises(ValueError, match="make_t"):
        parse(name, text)


def test_the_shipped_migrations_are_in_order_and_each_can_be_undone():
    migrations = shipped()
    assert len(migrations) >= 6
    versions = [migration.version for migration in migrations]
    assert versions == sorted(set(versions))
    assert all(migration.up and migration.down for migration in migrations)
