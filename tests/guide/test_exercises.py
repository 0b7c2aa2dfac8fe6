"""``tinyglow exercise`` knows right answers, and tells why wrong ones are wrong."""

from __future__ import annotations

import pytest

from tests.helpers import run_cli
from tinyglow.demo.exercise import Exercise, check
from tinyglow.demo.exercises import EXERCISES
from tinyglow.demo.instructions import DOT_PRODUCT, meaning

each = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: str(one.number))


@each
def test_the_right_answer_is_right_and_known_mistakes_are_not(exercise: Exercise) -> None:
    """Each mistake gets the hint that is meant for it; a wild guess gets the general one."""
    task = exercise.make()
    assert len(task.form) == len(task.answer)
    assert check(task, [repr(number) for number in task.answer]) == ""
    for mistake in task.mistakes:
        assert check(task, [repr(number) for number in mistake.answer]) == mistake.hint
    assert check(task, ["123456789"] * len(task.form)) == task.hint


def test_every_chapter_has_exercises() -> None:
    """All nine, in their order."""
    assert [one.number for one in EXERCISES] == list(range(1, len(EXERCISES) + 1))
    chapters = [one.chapter for one in EXERCISES]
    assert chapters == sorted(chapters) and set(chapters) == set(range(1, 10))


def test_the_command_lists_asks_and_judges() -> None:
    """Status 0, and 1 for a wrong answer; hexadecimal numbers and negative ones are understood."""
    listed = run_cli("exercise")
    assert listed.status == 0 and len(listed.out.splitlines()) == len(EXERCISES)
    asked = run_cli("exercise", "8")
    assert asked.status == 0 and asked.out.endswith("tinyglow exercise 8 BIAS\n")
    (bias,) = EXERCISES[7].make().answer
    assert bias < 0
    assert run_cli("exercise", "8", str(bias)).out == "right\n"
    wrong = run_cli("exercise", "8", str(bias - 1))
    assert wrong.status == 1 and wrong.out.startswith("wrong: ")
    (address,) = EXERCISES[15].make().answer
    assert run_cli("exercise", "16", f"{address:#x}").status == 0


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("99",), "99: is no exercise; expected 1 to 20"),
        (("three",), "three: is no exercise"),
        (("3", "many"), "many: is no number"),
        (("3", "nan"), "nan: is no number"),
        (("3", "9" * 5000), "is no number"),
        (("3", "1", "2"), "is 2 numbers; expected BIN"),
        (("5", "1"), "is one number; expected SCALE OFFSET"),
    ],
)
def test_what_is_no_answer_is_refused(words: tuple[str, ...], found: str) -> None:
    """With status 2, and with what would be one."""
    answer = run_cli("exercise", *words)
    assert answer.status == 2
    assert found in answer.err


def test_every_instruction_of_the_plain_loop_has_a_meaning() -> None:
    """So that the guide can say it."""
    assert all(map(meaning, DOT_PRODUCT))
