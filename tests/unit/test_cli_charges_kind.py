"""`ratemill charges --kind`: a kind that there is not is refused, with those that there are."""

import pytest
import typer

from pipeline.cli.charges import look_at_kind


@pytest.mark.parametrize("kind", ["voice", "adjustment", "closing", "correction", "reversal"])
def test_a_kind_of_usage_and_those_of_charges_are_known(kind):
    look_at_kind(kind, {"voice"})


def test_another_kind_is_refused_with_what_was_meant():
    with pytest.raises(typer.BadParameter) as refused:
        look_at_kind("corection", {"voice"})
    assert refused.value.message == (
        "'corection' is no kind of charges. Kinds are adjustment, closing, correction, reversal, "
        "voice. Did you mean correction?"
    )
