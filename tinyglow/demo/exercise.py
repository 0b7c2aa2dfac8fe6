"""What an exercise is: a question about the shipped network, and how an answer to it is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tinyglow.errors import InputError, Problem

Number = int | float


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that is easily given, and what to say to it."""

    answer: tuple[Number, ...]
    hint: str


@dataclass(frozen=True)
class Task:
    """An exercise with the network's numbers in it.

    Attributes:
        question: What is asked; it holds all numbers that are needed.
        form: What an answer consists of, such as ("SCALE", "OFFSET").
        answer: The right numbers. Integers must be met, others to four significant digits.
        hint: What to say to an answer that is wrong.
        mistakes: Answers that are wrong in a way that is known.
    """

    question: str
    form: tuple[str, ...]
    answer: tuple[Number, ...]
    hint: str
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class Exercise:
    """An exercise of the guide.

    Attributes:
        number: From 1 on, in the order of the chapters.
        chapter: Number of the guide's chapter.
        title: A few words.
        make: Computes the task from the network.
    """

    number: int
    chapter: int
    title: str
    make: Callable[[], Task]


def check(task: Task, words: Sequence[str]) -> str:
    """Look at an answer.

    Args:
        task: The exercise.
        words: The answer, one number a word: decimal, or hexadecimal with 0x.

    Returns:
        "" if it is right, else a hint.

    Raises:
        InputError: It is no number, or there are more or fewer than were asked for.
    """
    given = [_number(word) for word in words]
    problems = [
        Problem(word, "is no number", "a number such as -12, 0.0625 or 0x1F")
        for word, number in zip(words, given, strict=True)
        if number is None
    ]
    if len(words) != len(task.form):
        found = "is one number" if len(words) == 1 else f"is {len(words)} numbers"
        problems.append(Problem("the answer", found, " ".join(task.form)))
    if problems:
        raise InputError("the answer is not understood", problems)
    numbers = [number for number in given if number is not None]
    if _equal(numbers, task.answer):
        return ""
    for mistake in task.mistakes:
        if _equal(numbers, mistake.answer):
            return mistake.hint
    return task.hint


_LONGEST = 40  # characters of a number


def _number(word: str) -> Number | None:
    text = word.strip().replace("_", "").replace(",", "")
    if not text.isascii() or len(text) > _LONGEST:
        return None
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def _equal(given: Sequence[Number], right: Sequence[Number]) -> bool:
    return all(map(_same, given, right))


def _same(given: Number, right: Number) -> bool:
    """Whether a number is meant: an integer itself, a real to four significant digits."""
    if isinstance(right, int):
        return given == right
    return abs(given - right) <= 5e-5 * abs(right) + 1e-12
