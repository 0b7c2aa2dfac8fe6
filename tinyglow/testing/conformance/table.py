"""The verdicts on node tests as a table by operator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from tinyglow.testing.conformance.cases import NODE
from tinyglow.testing.conformance.run import CRASHED, REFUSED, RIGHT, WRONG, Verdict

KINDS = (RIGHT, REFUSED, WRONG, CRASHED)
_LONGEST = 100


def operator_of(verdict: Verdict) -> str:
    """The operator that a test is about: of a function's expansion the one that it is the function of, by its name."""
    name = verdict.test.name
    if verdict.test.operator != "(several)":
        return verdict.test.operator
    if verdict.test.collection != NODE:
        return "(several operators)"
    return f"{name.removeprefix('test_').split('_')[0]} (as a function)"


def totals(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many tests are right, refused, wrong and crashed."""
    counts = Counter(verdict.kind for verdict in verdicts)
    return {kind: counts[kind] for kind in KINDS}


def markdown(verdicts: Sequence[Verdict], in_c: Mapping[str, str]) -> str:
    """The table.

    Args:
        verdicts: Of the interpreter.
        in_c: What differs in C, by the tests' names, of those that were compiled.

    Returns:
        Markdown: one row for each operator.
    """
    rows: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        rows[operator_of(verdict)].append(verdict)
    lines = ["| Operator | right | as C | constants | refused | what is refused |", "|---|---|---|---|---|---|"]
    for operator in sorted(rows, key=str.lower):
        found = rows[operator]
        right = [verdict for verdict in found if verdict.kind == RIGHT]
        compiled = sum(in_c.get(verdict.test.name) == "" for verdict in right)
        bound = sum(bool(verdict.bound) for verdict in right)
        refused = [verdict for verdict in found if verdict.kind == REFUSED]
        reasons = Counter(_short(verdict.reason) for verdict in refused)
        reason = reasons.most_common(1)[0][0] if reasons else ""
        lines.append(f"| {operator} | {len(right)} | {compiled} | {bound} | {len(refused)} | {reason} |")
    return "\n".join(lines) + "\n"


def _short(reason: str) -> str:
    """A reason without the name of the node, in one cell."""
    first = reason.split("; ", maxsplit=1)[0]
    text = first.partition("): ")[2] or first.partition(": ")[2] or reason
    text = text.replace("|", "/").replace("<", "(").replace(">", ")").replace("\n", " ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
