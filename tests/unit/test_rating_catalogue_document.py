"""The catalogue on its way to the workers: parts and digest."""

import json
from decimal import Decimal

import msgspec
import pytest

from rating.catalogue import (
    MissingChunk,
    chunk_names,
    compile,
    compile_parts,
    content_digest,
    document_from_parts,
    document_to_parts,
    is_of_this_format,
)
from rating.catalogue.document_parts import MAX_CHUNK_BYTES
from tests.rating_builders import CARD_HEADER, document_of, files_of

PLANS = """
    bands:
      hours: {peak: [Mon-Fri 08:00-20:00], off-peak: otherwise}
    limits:
      fifty: {scope: account, amount: 50.00, currency: EUR}
    plans:
      p:
        currency: EUR
        allowances: {a: {units: 1000 min}}
        prices:
          calls: {product: voice, price: {model: rate_card, card: world}}
          data:
            product: data
            price: {model: graduated, per: 1 GB, tiers: [{upto: 10 GB, amount: 1.00}, {amount: 2.00}]}
          silent:
            product: silent
            versions:
              - valid_from: 2026-10-01
                price: {model: per_unit, amount: 0.10, per: 1 min, allowance: a}
"""
CARD = f"{CARD_HEADER}\n49,Germany,0.02,60,60,1\n4930,Germany Berlin,0.010,60,60,1\n"


def document(plans=PLANS, card=CARD):
    return document_of(files_of(plans, world=card))


def big_card(rows):
    lines = [
        f"{prefix},Destination {prefix},0.0150,60,60,1" for prefix in range(10_000, 10_000 + rows)
    ]
    return "\n".join([CARD_HEADER, *lines])


def test_a_document_comes_back_from_its_parts():
    before = document()
    head, chunks = document_to_parts(before)
    assert document_from_parts(head, chunks) == before
    assert chunk_names(head) == list(chunks)


def test_decimals_keep_their_places_on_the_way():
    """0.010 stays 0.010: equal in value to 0.01, and shown to a customer as written."""
    before = document()
    after = document_from_parts(*document_to_parts(before))
    assert [str(row.amount) for row in after.cards[0].rows] == ["0.02", "0.010"]
    assert all(isinstance(row.amount, Decimal) for row in after.cards[0].rows)


def _card(catalogue):
    """Return the card that a plan's calls are priced by."""
    (entry,) = catalogue.plans["p"].offers["voice"].entries
    return entry.rules[0].model.card


def test_parts_compile_to_what_their_document_compiles_to():
    """Read chunk by chunk: a card that is never there as a whole has the same rows."""
    head, chunks = document_to_parts(document(card=big_card(20_000)))
    whole = compile(document_from_parts(head, chunks), 3)
    by_chunk = compile_parts(head, chunks, 3)
    assert len(chunks) > 1
    assert by_chunk.version == whole.version == 3
    cards = [_card(each) for each in (whole, by_chunk)]
    for number in ("10000", "123451", "299995", "3", ""):
        found = [card.find(number, day=0, band=None) for card in cards]
        assert found[0] == found[1]
    assert cards[1].find("123451", day=0, band=None).prefix == "12345"


def test_parts_without_one_of_their_chunks_do_not_compile():
    head, chunks = document_to_parts(document(card=big_card(20_000)))
    del chunks[chunk_names(head)[-1]]
    with pytest.raises(MissingChunk):
        compile_parts(head, chunks, 3)


def test_a_large_card_goes_in_chunks_that_a_broker_takes():
    before = document(card=big_card(30_000))
    head, chunks = document_to_parts(before)
    assert len(chunks) > 2
    assert max(map(len, chunks.values())) <= MAX_CHUNK_BYTES
    assert len(head) < 5_000
    assert document_from_parts(head, chunks) == before


def test_a_missing_chunk_is_said():
    head, chunks = document_to_parts(document(card=big_card(30_000)))
    chunks.pop(next(iter(chunks)))
    with pytest.raises(MissingChunk, match=r"card world: chunk .* Operator action"):
        document_from_parts(head, chunks)


def test_a_head_of_another_format_is_not_guessed_at():
    head = json.loads(document_to_parts(document())[0])
    head["format"] = 99
    with pytest.raises(msgspec.ValidationError, match=r"format 99, .* reads 3 to 8.*action"):
        document_from_parts(json.dumps(head).encode(), {})


def test_a_head_of_another_format_is_told_from_ours():
    head, _ = document_to_parts(document())
    assert is_of_this_format(head)
    assert not is_of_this_format(head.replace(b'"format":3', b'"format":2'))


def test_the_digest_is_of_the_content_not_of_the_files():
    files = files_of(PLANS, world=CARD)
    header, *rows = CARD.splitlines()
    turned = {**files, "world.csv": "\n".join([header, *reversed(rows)]).encode()}
    commented = {**files, "plans.yaml": b"# reviewed\n" + files["plans.yaml"]}
    digests = {content_digest(document_of(some)) for some in (files, turned, commented)}
    assert len(digests) == 1
    assert content_digest(document(card=CARD.replace("0.02", "0.03"))) not in digests
