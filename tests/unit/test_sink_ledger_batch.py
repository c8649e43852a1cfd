"""The load's own form of a charge follows the noun, and batches are cut at their proofs."""

import typing

import msgspec

from schemas.ledger import Charge
from sinks.charge_rows import content_hash
from sinks.ledger_batch import LedgerCharge
from tests.sink_world import Identity, LedgerWriter

NOT_LOADED = {"first_open_period_ms", "unbilled"}  # state of rating; the ledger keeps it
KEPT_AS_JSON = {"explanation", "counters_after", "attributes", "other_ratings"}


def test_the_load_reads_every_field_of_a_charge():
    """A field that is added to the noun must be loaded, or be named here."""
    assert set(LedgerCharge.__struct_fields__) == set(Charge.__struct_fields__) - NOT_LOADED


def test_fields_have_the_types_of_the_noun():
    noun, row = typing.get_type_hints(Charge), typing.get_type_hints(LedgerCharge)
    assert {name for name in row if row[name] != noun[name]} == KEPT_AS_JSON


def _hash(**changes):
    ledger = LedgerWriter(Identity("t", "c", "g"))
    ledger.charge()
    [(_, charge)] = ledger.batch().charges
    return content_hash(msgspec.structs.replace(charge, **changes))


def test_content_is_what_an_invoice_shows():
    same = {"sequence": 9, "source_offset": 9, "catalogue_version": 9, "record_id": "x"}
    other = {
        "account_id": "x",
        "amount": "1.000",
        "billed": "1",
        "bill_period_ms": 1,
        "currency": "USD",
        "product": "x",
        "tax_code": "x",
    }
    assert {_hash(**{name: value}) for name, value in same.items()} == {_hash()}
    assert len({_hash(**{name: value}) for name, value in other.items()} | {_hash()}) == 8


def test_fields_do_not_run_into_each_other():
    assert _hash(account_id="ab", subscription_id="c") != _hash(
        account_id="a", subscription_id="bc"
    )


def test_a_batch_ends_at_its_proof_and_waits_for_it():
    ledger = LedgerWriter(Identity("t", "c", "g"))
    first = ledger.charge()
    ledger.limit()
    batch = ledger.batch()
    assert [(offset, charge.charge_id) for offset, charge in batch.charges] == [
        (1, first.charge_id)
    ]
    assert [offset for offset, _ in batch.limits] == [2]
    assert (batch.proof_offset, batch.next_position) == (3, 4)
    assert ledger.batch().charges == [], "what a batch held is not in the next one"
