"""End a network earlier than its file does, at values of the user's choice."""

from __future__ import annotations

from collections.abc import Sequence

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.names import shown
from tinyglow.ir.namer import legal_name
from tinyglow.ir.record import Record

_MOST_SHOWN = 8


class Step(Record):
    """A node of a model file as far as a cut looks at it."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Part(Record):
    """What is left of a model: its outputs, which of its nodes (by number), and all values that these need."""

    outputs: tuple[str, ...]
    steps: frozenset[int]
    values: frozenset[str]


def cut(steps: Sequence[Step], wanted: Sequence[str]) -> Part:
    """The part of a model that makes the ``wanted`` values.

    A value goes by its own name, as it is or in C, or by the name of the node that makes it alone. Raises ModelError
    for names that there are not, and for names of several.
    """
    names: dict[str, dict[str, None]] = {}
    for step in steps:
        own = [output for output in step.outputs if output]
        for output in own:
            names.setdefault(output, {})[output] = None
        if len(own) == 1 and step.name not in names:
            names.setdefault(step.name, {})[own[0]] = None
    for name in list(names):
        if (legal := legal_name(name)) != name:
            names.setdefault(legal, {}).update(names[name])
    problems = []
    for name in wanted:
        found = names.get(name, {})
        if len(found) != 1:
            import difflib  # of a name that is wrong

            near = difflib.get_close_matches(name, [key for key in names if key], _MOST_SHOWN) or list(names)
            expected = ", ".join(shown(key) for key in (found or near[:_MOST_SHOWN]))
            what = "stands for several values" if found else "no node of the model makes such a value"
            problems.append(Problem(f"--output-name {shown(name)}", what, expected))
    if problems:
        raise ModelError("the network cannot end there", problems)
    outputs = tuple(dict.fromkeys(next(iter(names[name])) for name in wanted))
    return _part(steps, outputs)


def _part(steps: Sequence[Step], outputs: tuple[str, ...]) -> Part:
    needed, kept = set(outputs), set()
    for index in range(len(steps) - 1, -1, -1):  # which are in topological order, or refused later
        if needed.intersection(steps[index].outputs):
            kept.add(index)
            needed.update(steps[index].inputs)
    return Part(outputs, frozenset(kept), frozenset(needed))
