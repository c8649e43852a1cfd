"""Lines that are counted are the lines that a CSV reader would have had without counting."""

import io

from hypothesis import given
from hypothesis import strategies as st

from rating.catalogue.bounds import Lines

texts = st.text(alphabet='a,"\n\r \x0b\x85\u2028', max_size=60)


@given(texts)
def test_a_text_has_the_lines_of_a_file(text):
    lines = Lines("a.csv", text, [])
    found = []
    for line in lines:
        lines.begin_record()
        found.append(line)
    assert found == list(io.StringIO(text, newline=""))
    assert "".join(found) == text
