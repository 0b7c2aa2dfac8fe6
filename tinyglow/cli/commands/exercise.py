"""``tinyglow exercise``."""

from __future__ import annotations

import argparse
import textwrap

from tinyglow.cli.options import AddCommand
from tinyglow.errors import InputError, Problem

_WIDTH = 100


def register(command: AddCommand) -> None:
    """Add the command and its options."""
    parser = command(
        "exercise",
        run,
        "the exercises of the guide 'How Glow bundles work': list them, ask one, check an answer",
        "tinyglow exercise",
        "tinyglow exercise 3",
        "tinyglow exercise 3 12",
    )
    parser.add_argument("number", metavar="N", nargs="?", help="number of an exercise; without one they are listed")
    parser.add_argument("answer", metavar="ANSWER", nargs="*", help="the answer; without one the exercise is asked")


def run(arguments: argparse.Namespace) -> int:
    """Print the list, a question or a verdict; 1 if the answer is wrong."""
    from tinyglow.demo.exercise import check
    from tinyglow.demo.exercises import EXERCISES

    if arguments.number is None:
        for one in EXERCISES:
            print(f"{one.number:3}  chapter {one.chapter}: {one.title}")
        return 0
    known = {str(one.number): one for one in EXERCISES}
    exercise = known.get(arguments.number)
    if exercise is None:
        problem = Problem(
            arguments.number, "is no exercise", f"1 to {len(EXERCISES)}", "'tinyglow exercise' lists them"
        )
        raise InputError("there is no such exercise", [problem])
    task = exercise.make()
    if not arguments.answer:
        print(f"Exercise {exercise.number}, chapter {exercise.chapter}: {exercise.title}\n")
        print(textwrap.fill(task.question, _WIDTH, break_long_words=False, break_on_hyphens=False))
        print(f"\ntinyglow exercise {exercise.number} {' '.join(task.form)}")
        return 0
    hint = check(task, arguments.answer)
    print(f"wrong: {hint}" if hint else "right")
    return 1 if hint else 0
