"""Mutants of C, from the tokens that pygments finds; ``rich``, which the package needs, brings it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pygments.lexers.c_cpp import CLexer
from pygments.token import Comment, Name, Number, Operator, Punctuation, String, Whitespace

from tests.planted.mutant import ARGUMENTS, CONSTANT, OTHERS, SIGN, STATEMENT, SYMMETRIC, Mutant, make

_OPERATORS = re.compile(r"<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^!~<>=?:.]")
_INTEGER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)")


@dataclass(frozen=True)
class _Token:
    begin: int
    kind: str  # "name", "number", "operator", "punctuation", "other"
    text: str

    @property
    def end(self) -> int:
        return self.begin + len(self.text)


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """All mutants of a C file. Comments, strings, directives and the bodies of macros stay what they are."""
    tokens = list(_tokens(text))
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else _Token(0, "other", "")
        if token.kind == "operator":
            yield from _of_operator(file, text, token, before)
        elif token.kind == "number":
            for new in _neighbours(token.text):
                yield make(file, text, token.begin, token.text, new, CONSTANT)
    yield from _without_statements(file, text, tokens)
    yield from _with_swapped_arguments(file, text, tokens)


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens that matter; operators of several characters, which pygments cuts up, are put together again."""
    pending: list[tuple[int, str]] = []
    for start, kind, whole in CLexer(stripnl=False, ensurenl=False).get_tokens_unprocessed(text):
        begin, value = start, whole
        sign = value[:1] if kind in Number and value[:1] in "+-" else ""  # pygments takes it for a part of the number
        if kind in Operator or sign:
            operator = sign or value
            if pending and pending[-1][0] + len(pending[-1][1]) == begin:
                pending[-1] = (pending[-1][0], pending[-1][1] + operator)
            else:
                pending.append((begin, operator))
            if not sign:
                continue
            begin, value = begin + 1, value[1:]
        yield from _split(pending)
        pending.clear()
        if kind in Whitespace or kind in Comment or not value.strip():
            continue
        name = "number" if kind in Number else "punctuation" if kind in Punctuation else "name" if kind in Name else ""
        yield _Token(begin, name or ("string" if kind in String else "other"), value)
    yield from _split(pending)


def _split(runs: Sequence[tuple[int, str]]) -> Iterator[_Token]:
    for begin, run in runs:
        for match in _OPERATORS.finditer(run):
            yield _Token(begin + match.start(), "operator", match[0])


def _of_operator(file: str, text: str, token: _Token, before: _Token) -> Iterator[Mutant]:
    is_binary = before.kind in ("name", "number") or before.text in (")", "]")
    if token.text in ("++", "--"):
        yield make(file, text, token.begin, token.text, "--" if token.text == "++" else "++", "arithmetic")
    elif not is_binary:
        if token.text in ("-", "!", "~"):
            yield make(file, text, token.begin, token.text, " ", SIGN)
    else:
        for kind, new in OTHERS.get(token.text, ()):
            yield make(file, text, token.begin, token.text, new, kind)


def _neighbours(number: str) -> Iterator[str]:
    match = _INTEGER.fullmatch(number)
    if match is None:
        if re.fullmatch(r"\d*\.\d+f?|\d+\.f?", number):
            yield f"({number} + 1)"
        return
    value = int(match[1], 0)
    yield f"{value + 1}{match[2]}"
    if value:
        yield f"{value - 1}{match[2]}"


def _without_statements(file: str, text: str, tokens: Sequence[_Token]) -> Iterator[Mutant]:
    """Statements that are an expression: an assignment, a call."""
    depth, first = 0, True
    begin: _Token | None = None
    for token in tokens:
        if first and token.kind == "name":
            begin = token
        first = False
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.text in (";", "{", "}"):
            if token.text == ";" and begin is not None:
                yield make(file, text, begin.begin, text[begin.begin : token.end], ";", STATEMENT)
            begin, first = None, True


def _with_swapped_arguments(file: str, text: str, tokens: Sequence[_Token]) -> Iterator[Mutant]:
    """Calls whose first two arguments are exchanged."""
    for index, token in enumerate(tokens[:-1]):
        if token.kind != "name" or tokens[index + 1].text != "(" or token.text in SYMMETRIC:
            continue
        ends = _arguments(tokens, index + 1)
        if len(ends) < 2:
            continue
        (first, one), (second, two) = ((a, text[a:b]) for a, b in ends[:2])
        if one == two or not one.strip() or not two.strip():
            continue
        old = text[first : second + len(two)]
        new = two.strip() + old[len(one) : len(old) - len(two)] + one.strip()
        yield make(file, text, first, old, new, ARGUMENTS)


def _arguments(tokens: Sequence[_Token], opening: int) -> list[tuple[int, int]]:
    """Begin and end of the arguments of a call in the text."""
    depth, begin = 0, tokens[opening].end
    found = []
    for token in tokens[opening:]:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.text, 0)
        if depth == 0:
            return [*found, (begin, token.begin)]
        if token.text == ";":
            return []
        if depth == 1 and token.text == ",":
            found.append((begin, token.begin))
            begin = token.end
    return []
