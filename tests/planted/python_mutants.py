"""Mutants of Python, from its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from tests.planted.mutant import ARGUMENTS, CONSTANT, OTHERS, SIGN, STATEMENT, SYMMETRIC, Mutant, make

_SYMBOLS: dict[type[ast.AST], str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"},
    **{ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"},
    **{ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="},
    **{ast.And: "and", ast.Or: "or"},
}


class _Places:
    """Positions of the tree's nodes in the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def _at(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())

    def begin(self, node: ast.expr | ast.stmt) -> int:
        return self._at(node.lineno, node.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._at(node.end_lineno, node.end_col_offset)


def mutants(file: str, text: str, functions: str = ".*") -> Iterator[Mutant]:
    """All mutants of a Python file. Annotations, texts and decorators stay what they are.

    Args:
        file: Its path.
        text: What it holds.
        functions: A pattern; only functions with such a name are changed, if it is not the default.
    """
    tree, places = ast.parse(text), _Places(text)
    roots: Sequence[ast.AST] = [tree]
    if functions != ".*":
        named = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
        roots = [node for node in named if re.fullmatch(functions, node.name)]
    seen = set()
    for root in roots:
        same = _the_same(root, file, places)
        for mutant in _below(root, file, places):
            if mutant not in seen and mutant not in same:
                seen.add(mutant)
                yield mutant


def _the_same(root: ast.AST, file: str, places: _Places) -> set[Mutant]:
    """What says the same as before: in a call of reshape, any number below 0 leaves a size open."""
    found = set()
    for call in (node for node in ast.walk(root) if isinstance(node, ast.Call) and _name(node) == "reshape"):
        sizes = [size for argument in call.args for size in getattr(argument, "elts", [argument])]
        for size in sizes:
            if isinstance(size, ast.UnaryOp) and isinstance(size.op, ast.USub):
                found |= {one for one in _of(size.operand, file, places) if (one.old, one.new) == ("1", "2")}
    return found


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _below(node: ast.AST, file: str, places: _Places) -> Iterator[Mutant]:
    yield from _of(node, file, places)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            # Places within a formatted text are not to be relied on in Python 3.10 and 3.11.
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield from _below(child, file, places)


def _of(node: ast.AST, file: str, places: _Places) -> Iterator[Mutant]:
    text = places.text
    if isinstance(node, ast.BinOp):
        yield from _between(node.left, node.right, node.op, file, places)
    elif isinstance(node, ast.BoolOp):
        yield from _between(node.values[0], node.values[1], node.op, file, places)
    elif isinstance(node, ast.Compare):
        yield from _between(node.left, node.comparators[0], node.ops[0], file, places)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert | ast.Not):
        begin, sign = places.begin(node), "not" if isinstance(node.op, ast.Not) else text[places.begin(node)]
        yield make(file, text, begin, sign, " " * len(sign), SIGN)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        begin, end = places.begin(node), places.end(node)
        for value in (node.value + 1, node.value - 1):
            yield make(file, text, begin, text[begin:end], str(value) if value >= 0 else f"({value})", CONSTANT)
    elif isinstance(node, ast.AugAssign) or _is_call(node) or isinstance(node, ast.Raise):
        assert isinstance(node, ast.stmt)
        begin, end = places.begin(node), places.end(node)
        yield make(file, text, begin, text[begin:end], "pass", STATEMENT)
    if isinstance(node, ast.AugAssign):
        yield from _between(node.target, node.value, node.op, file, places)
    if (
        isinstance(node, ast.Call)
        and len(node.args) >= 2
        and _name(node) not in SYMMETRIC
        and not any(isinstance(a, ast.Starred) for a in node.args[:2])
    ):
        yield from _swapped(node.args[0], node.args[1], file, places)


def _is_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _between(left: ast.expr, right: ast.expr, op: ast.AST, file: str, places: _Places) -> Iterator[Mutant]:
    """Mutants of the operator between two expressions."""
    symbol, begin = _SYMBOLS.get(type(op)), places.end(left)
    if symbol is None:
        return
    match = re.compile(rf"[\s)]*(?:#[^\n]*\n\s*)*({re.escape(symbol)})").match(places.text, begin, places.begin(right))
    if match is None:
        return
    for kind, new in OTHERS.get(symbol, ()):
        yield make(file, places.text, match.start(1), symbol, new, kind)


def _swapped(one: ast.expr, two: ast.expr, file: str, places: _Places) -> Iterator[Mutant]:
    begin, end = places.begin(one), places.end(two)
    middle = places.text[places.end(one) : places.begin(two)]
    first, second = places.text[begin : places.end(one)], places.text[places.begin(two) : end]
    if first != second and not isinstance(two, ast.JoinedStr) and re.fullmatch(r"\s*,\s*", middle):
        yield make(file, places.text, begin, places.text[begin:end], second + middle + first, ARGUMENTS)
