import pytest

from mediation.identity import (
    command_identity,
    event_identity,
    file_identity,
    record_id_of,
    row_record_id,
)


@pytest.mark.parametrize(
    ("parts", "record_id"),
    [
        (("1690325492.2", "2"), "1690325492.2/2"),
        (("a/b", "c"), "a~1b/c"),
        (("a", "b/c"), "a/b~1c"),
        (("a~1b", "c"), "a~01b/c"),
        (("uuid-1",), "uuid-1"),
        (("a/b",), "a~1b"),
    ],
)
def test_a_record_id_is_readable_and_tells_its_parts_apart(parts, record_id):
    assert record_id_of(*parts) == record_id


def test_a_row_without_an_id_has_one_that_no_fields_can_make():
    assert row_record_id(["a", "b"]) != row_record_id(["ab", ""])
    assert row_record_id(["a"]).startswith("/row/")


def test_the_identity_is_of_tenant_source_and_record_id():
    assert event_identity(tenant="acme", source="eu-west", record_id="7") != event_identity(
        tenant="acme-eu", source="west", record_id="7"
    )
    # Published: every table and topic is keyed by it.
    assert (
        event_identity(tenant="acme", source="gate", record_id="7").hex()
        == "f9e2e56191f001488140d1db2c8782c1"
    )


def test_commands_files_and_events_have_identities_of_their_own():
    identities = {
        command_identity(tenant="acme", command_id="7"),
        file_identity(tenant="acme", source="", file_id="7"),
        event_identity(tenant="acme", source="", record_id="7"),
        event_identity(tenant="command", source="acme", record_id="7"),
    }
    assert len(identities) == 4
