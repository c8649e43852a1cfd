"""A catalogue that is hostile, or a slip of the pen, ends in a clear error and takes neither all memory
nor all day."""

import resource
import subprocess
import sys
import textwrap

import pytest

from pipeline.cli.catalogue import catalogue_files
from rating.catalogue import bounds, check
from rating.scenario import run_folder
from tests.rating_builders import CARD_HEADER, PRODUCTS, files_of

MEMORY = 1_500_000_000  # bytes of address space that a check must get on with
CARD = "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: voice, price: {model: rate_card, card: c}}\n"
PLAN = "plans:\n  p:\n    currency: EUR\n    prices:\n      x: {product: voice, price: %s}\n"
PRICE = "{model: per_unit, amount: 1, per: 1 s}"


def card(rows):
    return files_of(CARD, c=f"{CARD_HEADER}\n{rows}")


def plans(text):
    return {"plans.yaml": (PRODUCTS + text).encode()}


def errors_of(files):
    return [str(error) for error in check(files).errors]


def in_little_memory(make_files):
    """Return what a check of files says, in a process that may not take much memory."""
    program = f"""
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
    from rating.catalogue import check
    from tests.unit.test_catalogue_bounds import card, plans, CARD, PLAN, PRICE, PRODUCTS
    for error in check({make_files}).errors[:5]:
        print(str(error)[:400])
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-1000:]
    return ran.stdout


DEEP = 100_000


@pytest.mark.parametrize(
    ("make_files", "said"),
    [
        ('card("49,Germany,0.02,60,60,1\\n" * 10_000_000)', "at most 128 MB; leave out rows"),
        ('card("4," * 100_000_000)', "c.csv:1: (file): expected at most 128 MB"),
        ('card("4," * 60_000_000)', "lines of at most 10,000 characters, found 120,000,000"),
        ("""card('"4\\n",' * 20_000_000)""", "rows of at most 100 lines; a quote is not closed"),
        ("""card('"' + "4" * 100 + "\\n" * 20_000_000)""", "rows of at most 100 lines"),
        (f'plans("plans: " + "[" * {DEEP})', "expected YAML of a few levels"),
        (f'plans("plans: " + "{{a: " * {DEEP})', "expected YAML of a few levels"),
        (
            'plans("plans:\\n" + "  a0: &a0 x\\n" + "".join(f"  a{i}: &a{i} [" '
            '+ ", ".join([f"*a{i - 1}"] * 9) + "]\\n" for i in range(1, 30)))',
            "expected values written out, no anchors",
        ),
        ('plans("x" * 20_000_000)', "plans.yaml:1: (file): expected at most 4 MB"),
        ('plans(PLAN % PRICE.replace("1,", "1" * 1_000_000 + ","))', "expected an amount"),
        ('plans(PLAN % PRICE.replace("1,", "1e999999999,"))', "expected an amount"),
        ('plans(PLAN % PRICE.replace("1 s", "9" * 1_000_000 + " s"))', "a quantity above zero"),
        (
            'plans("plans:\\n  p:\\n    currency: EUR\\n    prices:\\n      x: {product: voice, when: \'" '
            '+ "(" * 100_000 + "quantity > 1" + ")" * 100_000 + f"\', price: {PRICE}}}\\n")',
            "500 characters",
        ),
        ('plans(PLAN % PRICE + "  " + "p" * 900 + "q: 1\\n")', "a code of a-z"),
    ],
)
def test_what_is_too_large_is_refused_in_little_memory(make_files, said):
    assert said in in_little_memory(make_files)


@pytest.mark.parametrize(
    "condition",
    [
        "(" * 240 + "quantity > 1" + ")" * 240,
        "not " * 120 + "(quantity > 1)",
        " or ".join(["quantity > 1"] * 31),
        "quantity in [" + ", ".join(["1"] * 150) + "]",
    ],
    ids=["parentheses", "not", "alternatives", "list"],
)
def test_a_condition_of_all_the_characters_that_it_may_have_is_checked(condition):
    """It is right or refused at its character; it never fails."""
    assert len(condition) <= 500
    text = PLAN.replace("voice,", f"voice, when: '{condition}',") % PRICE
    for error in errors_of(plans(text)):
        assert "prices.x" in error


def test_the_first_row_above_the_most_ends_the_reading(monkeypatch):
    monkeypatch.setattr("rating.catalogue.read_card.MAX_ROWS", 10)
    rows = [f"49{number},Germany,0.02,60,60,1" for number in range(11)]
    assert errors_of(card("\n".join(rows[:10]))) == []
    (error,) = errors_of(card("\n".join([*rows, "broken"])))
    assert error.startswith("c.csv:12: (row): expected at most ")
    assert "write several cards and name all in one price" in error


def test_a_card_with_broken_rows_is_refused_whole_with_all_its_errors():
    rows = [
        f"{number},Somewhere,{'x' if number % 20 == 0 else '0.02'},60,60,1"
        for number in range(1000, 11_000)
    ]
    checked = check(card("\n".join(rows)))
    assert checked.document is None
    assert [error.line for error in checked.errors] == list(range(2, 10_002, 20))
    assert {error.field for error in checked.errors} == {"price"}


def test_a_thousand_errors_are_listed_and_that_there_may_be_more():
    rows = "\n".join(f"{number},Somewhere,x,60,60,1" for number in range(1000, 21_000))
    *errors, last = check(card(rows)).errors
    assert [error.line for error in errors] == list(range(2, 1002))
    assert str(last) == (
        "(folder):1: (files): expected fewer than 1,000 errors; correct these and check again, "
        "found perhaps more"
    )


def test_errors_in_many_places_are_bounded_too():
    text = PLAN % PRICE + "".join(f"  q{number}: {{currency: XXY}}\n" for number in range(900))
    errors = check(plans(text)).errors
    assert len(errors) == bounds.MAX_ERRORS + 1


@pytest.mark.parametrize("section", sorted(bounds.MAX_ENTRIES))
def test_a_section_has_a_most(monkeypatch, section):
    monkeypatch.setitem(bounds.MAX_ENTRIES, section, 5)
    text = f"{section}:\n" + "".join(f"  e{number}: 1\n" for number in range(7))
    errors = [error for error in check({"a.yaml": text.encode()}).errors if "entries" in str(error)]
    assert [(error.line, error.field) for error in errors] == [(7, f"{section}.e5")]


def prices(count):
    return "".join(f'      x{n}: {{product: voice, destinations: ["{n + 100}"], price: {PRICE}}}\n' for n in range(count))  # fmt: skip


def test_a_plan_has_a_most_of_prices(monkeypatch):
    monkeypatch.setattr("rating.catalogue.read_plan.MAX_PRICES_OF_A_PLAN", 5)
    head = "plans:\n  p:\n    currency: EUR\n    prices:\n"
    assert errors_of(plans(head + prices(5))) == []
    (error,) = errors_of(plans(head + prices(7)))
    assert "plans.p.prices.x5: expected at most 1,000 prices of a plan" in error.replace(
        "at most 5", "at most 1,000"
    )


def test_prices_that_plans_have_of_one_another_count(monkeypatch):
    """Plans that extend one plan of many prices are small files and large plans."""
    monkeypatch.setattr("rating.catalogue.read_plan.MAX_PRICES", 20)
    text = "plans:\n  p:\n    currency: EUR\n    prices:\n" + prices(5)
    more = "".join(f"  p{n}: {{extends: p}}\n" for n in range(4))
    assert any("prices in all plans" in error for error in errors_of(plans(text + more)))
    fewer = "".join(f"  p{n}: {{extends: p}}\n" for n in range(3))
    assert errors_of(plans(text + fewer)) == []


def test_a_plan_that_extends_itself_through_others_is_refused():
    names = [f"p{number}" for number in range(2000)]
    text = "plans:\n" + "".join(
        f"  {name}: {{extends: {other}}}\n" for name, other in zip(names, names[1:] + names[:1], strict=True)
    )  # fmt: skip
    errors = errors_of(plans(text))
    assert errors
    assert all("extends" in error for error in errors[:-1])


def test_of_a_file_that_is_too_large_no_more_is_read_than_it_takes_to_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_CSV_BYTES", 100)
    monkeypatch.setattr(bounds, "MAX_CATALOGUE_BYTES", 250)
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    files = catalogue_files(tmp_path)
    assert [len(content) for content in files.values()] == [101, 101, 49]
    errors = errors_of(files)
    assert "(folder):1: (files): expected at most 0 MB in all files" in errors[0]
    assert errors[1].startswith("a.csv:1: (file): expected at most 0 MB")


def test_a_folder_of_too_many_files_is_not_the_catalogue(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "MAX_FILES", 3)
    for number in range(9):
        (tmp_path / f"{number}.csv").touch()
    files = catalogue_files(tmp_path)
    assert len(files) == 4
    assert "is this the folder of the catalogue?" in errors_of(files)[0]


def test_scenarios_have_a_most_of_events():
    text = "Nothing.\n\nAccount on plan p in EUR, zone UTC\n\n"
    for number in range(2):
        text += f"Scenario: {number}\n    600000 x 1 s of voice, charge 0.00 EUR\n    total 0.00 EUR\n\n"
    result = run_folder({**plans(PLAN % PRICE), "a.scenario": text.encode()})
    (error,) = result.errors
    assert "at most 1,000,000 events in all scenarios, found 1,200,000" in str(error)


def test_the_limit_of_memory_bites():
    """Else none of these tests would say anything."""
    with pytest.raises(AssertionError, match="MemoryError"):
        in_little_memory(f"card('4' * {MEMORY})")
    assert resource.getrlimit(resource.RLIMIT_AS)[0] in (resource.RLIM_INFINITY, -1)
