"""From the text of a condition to a rule of the expression library, with every type checked.

The library knows the grammar and evaluates; it would let a text be compared with a number (never
equal), and a text be a truth value (true where it is not empty). Both are slips here.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from rule_engine import Context, DataType, Rule, ast
from rule_engine.errors import EngineError, RuleSyntaxError

from rating.conditions.names import QUANTITY, Name, symbol
from rating.conditions.words import EXAMPLE, ConditionError, Kind, Word, words_of
from schemas.decimals import EXACT


class Parsed(NamedTuple):
    """A condition that may be evaluated: its rule takes the values by symbol."""

    rule: Rule
    names: tuple[Name, ...]  # those that it uses, each once
    thresholds: tuple[Decimal, ...]  # rising: the numbers that the quantity is compared with


def parse(text: str) -> Parsed:
    """Return the condition that a text states. Raises `ConditionError`."""
    words = words_of(text)
    names = tuple(dict.fromkeys(word.name for word in words if word.name is not None))
    if not names:
        raise ConditionError(words[0].column, f"a name, as in {EXAMPLE}", "none")
    plain, columns = _plain(words, names)
    try:
        statement = Rule(plain, _context(names, typed=False)).statement
    except RuleSyntaxError as error:
        raise _syntax_error(error, words, columns) from error
    except (EngineError, RecursionError) as error:
        raise ConditionError(
            words[0].column, f"a condition such as {EXAMPLE}", str(error)
        ) from error
    check = _Check(words)
    check.whole(statement.expression)
    rule = Rule(plain, _context(names, typed=True))
    return Parsed(rule, names, tuple(sorted(set(check.thresholds))))


def _plain(words: list[Word], names: tuple[Name, ...]) -> tuple[str, list[int]]:
    """Return the text with a symbol for each name, and where in it each word begins.

    So a name is a name: an attribute that is called `length` is not the length of anything.
    """
    parts, columns, at = [], [], 0
    for word in words:
        part = word.text if word.name is None else symbol(names.index(word.name))
        parts.append(part)
        columns.append(at)
        at += len(part) + 1
    return " ".join(parts), columns


def _context(names: tuple[Name, ...], *, typed: bool) -> Context:
    types = {
        symbol(place): (DataType.FLOAT if name.is_number else DataType.STRING)
        if typed
        else DataType.UNDEFINED
        for place, name in enumerate(names)
    }
    # Its own zone and arithmetic are named, so that it asks neither the machine nor the thread.
    return Context(type_resolver=types, default_timezone="utc", decimal_context=EXACT)


def _syntax_error(error: RuleSyntaxError, words: list[Word], columns: list[int]) -> ConditionError:
    token = error.token
    if token is None or token.lexpos not in columns:
        last = words[-1]
        end = last.column + len(last.text)
        return ConditionError(end, f"more, as in {EXAMPLE}", "the end of the condition")
    word = words[columns.index(token.lexpos)]
    return ConditionError(word.column, f"a condition such as {EXAMPLE}", repr(word.text))


class _Check:
    """Walks the tree beside the words: its leaves are the words that are values, in their order."""

    def __init__(self, words: list[Word]) -> None:
        self._values: Iterator[Word] = iter([word for word in words if word.is_value])
        self._last = words[-1]
        self.thresholds: list[Decimal] = []

    def whole(self, node: ast.ExpressionBase) -> None:
        """Check the whole condition. A value that is no leaf was worked into another one."""
        self.truth(node)
        left = next(self._values, None)
        if left is not None:
            raise ConditionError(left.column, "no arithmetic", left.text)

    def truth(self, node: ast.ExpressionBase) -> None:
        """Check something that is to be true or false."""
        if isinstance(node, ast.LogicExpression):
            self.truth(node.left)
            self.truth(node.right)
        elif isinstance(node, ast.UnaryExpression) and node.type == "not":
            self.truth(node.right)
        elif isinstance(node, ast.ContainsExpression):
            self._contained(node)
        elif isinstance(node, ast.ComparisonExpression):
            self._compared(node)
        else:
            word = self._next()
            if isinstance(node, ast.BooleanExpression):  # the library has worked it out
                raise ConditionError(
                    word.column, "a comparison with a name", f"{word.text}, which decides nothing"
                )
            expected = f"a comparison such as {word.text} == "
            expected += "1" if _is_number(word) else '"gold"'
            raise ConditionError(word.column, expected, f"{word.text} alone")

    def _compared(self, node: ast.ComparisonExpression) -> None:
        left, right = self._value(node.left), self._value(node.right)
        self._alike(left, right)
        if isinstance(node, ast.ArithmeticComparisonExpression) and not _is_number(left):
            # As texts "9" is more than "10".
            expected = "== or != of texts; only quantity and subscription_month are less or more"
            raise ConditionError(left.column, expected, f"{left.text} {right.text}")

    def _contained(self, node: ast.ContainsExpression) -> None:
        member = self._value(node.member)
        if not isinstance(node.container, ast.ArrayExpression):
            word = self._next()
            raise ConditionError(word.column, 'a list such as ["gold", "silver"]', word.text)
        if not node.container.value:
            raise ConditionError(member.column, f"{member.text} in a list of at least one", "[]")
        for item in node.container.value:
            found = self._value(item)
            if found.kind is Kind.NAME:
                raise ConditionError(found.column, "texts or numbers in a list", found.text)
            self._alike(member, found)

    def _next(self) -> Word:
        return next(self._values, self._last)

    def _value(self, node: ast.ExpressionBase) -> Word:
        word = self._next()
        if isinstance(node, ast.SymbolExpression | ast.StringExpression | ast.FloatExpression):
            return word
        raise ConditionError(
            word.column, "a name, a text or a number on each side of a comparison", word.text
        )

    def _alike(self, left: Word, right: Word) -> None:
        if _is_number(left) != _is_number(right):
            kind = "a number" if _is_number(left) else "a text between quotes"
            example = f"{left.text} == {'100' if _is_number(left) else chr(34) + 'gold' + chr(34)}"
            expected = f"{kind}, as {left.text} is, such as {example}"
            raise ConditionError(right.column, expected, right.text)
        if left.name is not None and left.name == right.name:
            raise ConditionError(right.column, f"something else than {left.text}", right.text)
        if _is_number(left) and left.name is not None and right.name is not None:
            raise ConditionError(right.column, "a number as it is written", right.text)
        for one, other in ((left, right), (right, left)):
            if one.name == QUANTITY:
                self.thresholds.append(Decimal(other.text))


def _is_number(word: Word) -> bool:
    return word.kind is Kind.NUMBER or (word.name is not None and word.name.is_number)
