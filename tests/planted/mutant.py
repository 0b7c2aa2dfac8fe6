"""One planted fault: a small change of the text of one file."""

from __future__ import annotations

from dataclasses import dataclass

ARITHMETIC, SHIFT, COMPARISON, LOGIC = "arithmetic", "shift", "comparison", "logic"
CONSTANT, SIGN, STATEMENT, ARGUMENTS = "constant", "sign", "statement removed", "arguments swapped"

# What stands in for an operator, the same in C and in Python.
OTHERS: dict[str, tuple[tuple[str, str], ...]] = {
    "+": ((ARITHMETIC, "-"),),
    "-": ((ARITHMETIC, "+"),),
    "*": ((ARITHMETIC, "+"),),
    "/": ((ARITHMETIC, "*"),),
    "//": ((ARITHMETIC, "*"),),
    "%": ((ARITHMETIC, "*"),),
    "<<": ((SHIFT, ">>"),),
    ">>": ((SHIFT, "<<"),),
    "&": ((LOGIC, "|"),),
    "|": ((LOGIC, "&"),),
    "^": ((LOGIC, "|"),),
    "+=": ((ARITHMETIC, "-="),),
    "-=": ((ARITHMETIC, "+="),),
    "*=": ((ARITHMETIC, "+="),),
    "<<=": ((SHIFT, ">>="),),
    ">>=": ((SHIFT, "<<="),),
    "&=": ((LOGIC, "|="),),
    "|=": ((LOGIC, "&="),),
    "<": ((COMPARISON, "<="), (COMPARISON, ">=")),
    "<=": ((COMPARISON, "<"), (COMPARISON, ">")),
    ">": ((COMPARISON, ">="), (COMPARISON, "<=")),
    ">=": ((COMPARISON, ">"), (COMPARISON, "<")),
    "==": ((COMPARISON, "!="),),
    "!=": ((COMPARISON, "=="),),
    "&&": ((LOGIC, "||"),),
    "||": ((LOGIC, "&&"),),
    "and": ((LOGIC, "or"),),
    "or": ((LOGIC, "and"),),
}

# Calls that give the same with their first two arguments exchanged; numpy's clip is the least of the largest of two.
SYMMETRIC = frozenset(
    {"max", "min", "maximum", "minimum", "array_equal", "gcd", "clip", "multiply", "bitwise_xor", "high_product"}
)
SYMMETRIC |= {"tg_max", "tg_min", "tg_high_product", "tg_product16", "tg_max4", "tg_dot2", "tg_dot_low", "tg_dot_high"}


@dataclass(frozen=True)
class Mutant:
    """A change of one file.

    Attributes:
        file: Its path in the checkout.
        begin: Where the changed text begins, in characters.
        old: The text there.
        new: What stands there instead.
        kind: What kind of change this is.
        line: Number of the line, from 1.
        code: The text of that line.
    """

    file: str
    begin: int
    old: str
    new: str
    kind: str
    line: int
    code: str

    def apply(self, text: str) -> str:
        """The file's text with the fault. Raises ValueError if the file has changed since."""
        if text[self.begin : self.begin + len(self.old)] != self.old:
            raise ValueError(f"{self.file}:{self.line} has changed since this mutant was made")
        return text[: self.begin] + self.new + text[self.begin + len(self.old) :]

    @property
    def change(self) -> str:
        """What was exchanged, in one line."""
        return (
            f"`{_short(self.old)}` -> `{_short(self.new)}`" if self.new.strip(" ;") else f"without `{_short(self.old)}`"
        )


def make(file: str, text: str, begin: int, old: str, new: str, kind: str) -> Mutant:
    """A mutant of ``text``, the content of ``file``, with its place in it."""
    start = text.rfind("\n", 0, begin) + 1
    end = text.find("\n", begin)
    code = text[start : end if end >= 0 else len(text)].strip()
    return Mutant(file, begin, old, new, kind, text.count("\n", 0, begin) + 1, code)


def _short(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= 50 else joined[:47] + "..."
