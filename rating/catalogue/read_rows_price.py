"""Reads the models whose prices are the rows of a file: rate cards, and matrices."""

from __future__ import annotations

from rating.catalogue.document import Card, Matrix, MatrixPrice, RateCardPrice
from rating.catalogue.read_bands_by import complain_needs_bands, read_bands_by
from rating.catalogue.reader import Reader
from rating.catalogue.surroundings import Surroundings
from rating.catalogue.yaml_tree import Node, Sequence
from rating.price.rate_card import CardChoice

MAX_CARDS = 8
"""Of one price: each may be asked for each event."""


def read_rate_card(
    reader: Reader, values: dict[str, Node], field: str, around: Surroundings
) -> RateCardPrice:
    """Return the price by a card, or by several in the order in which they are asked."""
    codes = _read_cards(reader, values.get("card"), f"{field}.card", around)
    if "choose" in values and len(codes) == 1:
        reader.complain(
            values["choose"], f"{field}.choose", expected="several cards beside it", found="one"
        )
    choose = reader.choice(values.get("choose"), f"{field}.choose", CardChoice, CardChoice.FIRST)
    for code in around.reach.never_reached(codes, choose):
        before = ", ".join(codes[: codes.index(code)])
        whole = "take all of its prefixes" if choose is CardChoice.FIRST else "have all of them too"
        reader.complain(
            values["card"],
            f"{field}.card",
            expected="cards that some destination reaches",
            found=f"{code} after {before}, which {whole}",
        )
    if codes and not any(around.cards[code].bands for code in codes) and "bands_by" in values:
        complain_needs_bands(reader, values["bands_by"], field)
    return RateCardPrice(
        cards=codes,
        choose=choose,
        bands_by=read_bands_by(reader, values, field, around.product, may_split=True),
    )


def _read_cards(
    reader: Reader, node: Node | None, field: str, around: Surroundings
) -> tuple[str, ...]:
    """Return the codes of a price's cards."""
    if node is None:
        return ()
    items = reader.items(node, field) if isinstance(node, Sequence) else (node,)
    if len(items) > MAX_CARDS:
        reader.complain(node, field, expected=f"at most {MAX_CARDS} cards", found=str(len(items)))
    codes: list[str] = []
    for item in items:
        code = reader.known(item, field, among=around.cards, what="the code of a rate card")
        if not code:
            continue
        if code in codes:
            reader.complain(item, field, expected="each card once", found=code)
            continue
        _complain_unless_alike(reader, item, field, "card", around.cards[code], around)
        codes.append(code)
    return tuple(codes)


def read_matrix(
    reader: Reader, values: dict[str, Node], field: str, around: Surroundings
) -> MatrixPrice:
    """Return the price by a matrix."""
    node, field_of = values.get("matrix"), f"{field}.matrix"
    code = reader.known(node, field_of, among=around.matrices, what="the code of a matrix")
    if code and node is not None:
        matrix = around.matrices[code]
        _complain_unless_alike(reader, node, field_of, "matrix", matrix, around)
        if matrix.bands is None and "bands_by" in values:
            complain_needs_bands(reader, values["bands_by"], field)
    return MatrixPrice(
        matrix=code, bands_by=read_bands_by(reader, values, field, around.product, may_split=True)
    )


def _complain_unless_alike(
    reader: Reader, at: Node, field: str, kind: str, rows: Card | Matrix, around: Surroundings
) -> None:
    """Prices are in the currency of the plan, and for the unit that the product is measured in."""
    if rows.currency != around.currency:
        reader.complain(
            at,
            field,
            expected=f"a {kind} in {around.currency}, as the plan",
            found=f"{rows.code} in {rows.currency}",
        )
    if rows.unit != around.product.unit:
        reader.complain(
            at,
            field,
            expected=f"a {kind} per {around.product.unit}, as the product",
            found=f"{rows.code} per {rows.unit}",
        )
