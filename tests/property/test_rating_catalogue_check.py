"""A check says what is wrong, whatever it is given; it never fails itself."""

import pathlib

from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue import check, compile

FOLDER = pathlib.Path(__file__).parents[1] / "data" / "catalogue"
GOOD = {str(path.relative_to(FOLDER)): path.read_bytes() for path in FOLDER.rglob("*.*")}


@st.composite
def damaged(draw):
    """The good catalogue with a stretch of one file replaced."""
    name = draw(st.sampled_from(sorted(GOOD)))
    content = GOOD[name]
    start = draw(st.integers(0, len(content)))
    end = min(len(content), start + draw(st.integers(0, 30)))
    put_in = draw(st.one_of(st.binary(max_size=8), st.text(":-{}[]\"'#,0.1e&*|\n ", max_size=12)))
    inserted = put_in if isinstance(put_in, bytes) else put_in.encode()
    return {**GOOD, name: content[:start] + inserted + content[end:]}


def test_the_good_catalogue_is_good():
    assert check(GOOD).document is not None


@given(damaged())
def test_a_check_gives_a_document_that_compiles_or_errors_with_lines(files):
    checked = check(files)
    assert (checked.document is None) == bool(checked.errors)
    if checked.document is not None:
        compile(checked.document, 1)
    for error in checked.errors:
        # One line past the end is where a file stops that should go on.
        lines = files.get(error.file, b"").count(b"\n") + 2
        assert 1 <= error.line <= lines, error
        assert error.expected, error
        assert error.found, error
        assert error.field, error
