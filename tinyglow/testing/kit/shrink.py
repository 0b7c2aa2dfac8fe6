"""Makes the data of a call that shows a fault simpler: what remains different from zero matters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyglow.ir.graph import Array
from tinyglow.testing.kit.problem import Question

_MOST_CALLS = 300
_OFFSETS = {"input": "input_offset", "other": "other_offset", "weights": "weights_offset"}


def simplest(question: Question, shows: Callable[[Question], bool]) -> Question:
    """The call with as many elements as possible that stand for zero, and the others small.

    Halves, quarters and so on of each input's data are tried (delta debugging; Zeller, Hildebrandt: Simplifying and
    Isolating Failure-Inducing Input, 2002).

    Args:
        question: A call that shows the fault.
        shows: Whether another call does.

    Returns:
        A call that shows it.
    """
    left = _MOST_CALLS

    def still(name: str, data: Array) -> Question | None:
        nonlocal left
        left -= 1
        made = question.with_input(name, data)
        return made if left >= 0 and shows(made) else None

    for name in question.known.data:
        if name not in question.inputs:
            continue
        zero = int(question.numbers.get(_OFFSETS.get(name, ""), 0))
        parts = 1
        while left > 0:
            question, changed = _without_parts(question, name, zero, parts, still)
            if parts >= question.inputs[name].size and not changed:
                break
            parts = min(2 * parts, question.inputs[name].size) if not changed or parts == 1 else parts
        question = _with_small_numbers(question, name, zero, still)
    return question


def _without_parts(
    question: Question, name: str, zero: int, parts: int, still: Callable[[str, Array], Question | None]
) -> tuple[Question, bool]:
    """Replace each part of the data in turn; whether any could be."""
    changed = False
    for places in np.array_split(np.arange(question.inputs[name].size), parts):
        data = question.inputs[name].copy()
        if (data.flat[places] == zero).all():
            continue
        data.flat[places] = zero
        made = still(name, data)
        if made is not None:
            question, changed = made, True
    return question, changed


def _with_small_numbers(
    question: Question, name: str, zero: int, still: Callable[[str, Array], Question | None]
) -> Question:
    """Bring what remains nearer to zero."""
    ends = np.iinfo(question.inputs[name].dtype)
    for place in np.flatnonzero(question.inputs[name].ravel() != zero)[:24]:
        value = int(question.inputs[name].flat[place])
        for smaller in (zero + 1, zero - 1, zero + (value - zero) // 2):
            if abs(smaller - zero) >= abs(value - zero) or not ends.min <= smaller <= ends.max:
                continue
            data = question.inputs[name].copy()
            data.flat[place] = smaller
            made = still(name, data)
            if made is not None:
                question = made
                break
    return question
