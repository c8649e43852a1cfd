"""A charge written in parts is the charge written whole."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas import ledger
from schemas.ledger import Charge, CounterAfter, Unbilled
from schemas.ledger_parts import (
    CountedPart,
    PricePart,
    RestPart,
    UsagePart,
    charge_json,
    explanation_json,
    fields_json,
    head_json,
)

PARTS = (UsagePart, PricePart, CountedPart, RestPart)


def test_the_parts_have_the_fields_of_a_charge_in_its_order():
    """A field that is added to the charge is added to a part, or this fails."""
    names = [name for part in PARTS for name in part.__struct_fields__]
    assert ["tenant", "rating_key", "sequence", *names] == list(Charge.__struct_fields__)


texts = st.text(max_size=12)
numbers = st.integers(-(2**63), 2**63 - 1)
counters = st.lists(st.builds(CounterAfter, texts, numbers, numbers, texts, texts), max_size=3)
unbilled = st.lists(
    st.builds(Unbilled, texts, texts, numbers, texts, numbers, texts), max_size=3
).map(tuple)
charges = st.builds(
    Charge,
    **{
        name: {
            str: texts,
            int: numbers,
            str | None: st.none() | texts,
            tuple[int, int, int]: st.tuples(numbers, numbers, numbers),
            tuple[CounterAfter, ...]: counters.map(tuple),
            tuple[Unbilled, ...]: unbilled,
            dict[str, str]: st.dictionaries(texts, texts, max_size=3),
        }.get(field.type, st.lists(st.lists(texts, max_size=3).map(tuple), max_size=3).map(tuple))
        for name, field in ((f.name, f) for f in msgspec.structs.fields(Charge))
    },
)


def part_of(charge, part):
    fields = {name: getattr(charge, name) for name in part.__struct_fields__}
    if "explanation" in fields:
        fields["explanation"] = explanation_json(charge.explanation)
    return fields_json(part(**fields))


@given(charges)
def test_the_bytes_are_those_of_the_whole_record(charge):
    parts = [part_of(charge, part) for part in PARTS]
    head = head_json(charge.tenant, charge.rating_key)
    assert charge_json(head, charge.sequence, *parts) == ledger.to_wire(charge)
