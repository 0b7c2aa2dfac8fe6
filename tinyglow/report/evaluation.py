"""What ``tinyglow evaluate`` found: text for people, and the data of --json (documented in docs/how-to/evaluate.md)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyglow.images.preprocess import Pixels
from tinyglow.pipeline.evaluate import Answers, Evaluation
from tinyglow.report.console import stdout
from tinyglow.report.tables import table

_SHADES = " .:-=+*#%@"
_WIDEST = 56  # characters of a drawing
_MOST_CLASSES = 20  # of a matrix in text
_MOST_LISTED = 40


def print_evaluation(found: Evaluation, files: Sequence[Path], drawings: Sequence[tuple[int, Pixels]]) -> None:
    """Accuracy, confusion matrix of the last column, and the wrong ones; ``drawings``: of some images, by number."""
    print(f"{found.network}: {len(found.labels):,} images of {len(set(found.labels.tolist()))} classes")
    rows = [_accuracy_row(found, answers) for answers in found.answers]
    stdout().print(table(("", ">right", ">wrong", ">accuracy", ">cycles", ">ms", ">stack"), rows))
    last = found.answers[-1]
    if len(found.names) <= _MOST_CLASSES:
        _print_confusion(found, last)
    wrong = found.wrong
    if wrong:
        rows = [(files[i], *(answer_text(found, answers, i) for answers in found.answers)) for i in wrong]
        columns = ("not recognized", *(answers.by for answers in found.answers))
        stdout().print(table(columns, rows[:_MOST_LISTED]))
        if len(wrong) > _MOST_LISTED:
            print(f"and {len(wrong) - _MOST_LISTED:,} more (-o PAGE.html shows them)\n")
    for number, pixels in drawings:
        print(
            f"{files[number]}: {found.names[found.labels[number]]}, {last.by} says {answer_text(found, last, number)}"
        )
        print("\n".join(drawing(pixels)))


def _accuracy_row(found: Evaluation, answers: Answers) -> tuple[object, ...]:
    right, execution = found.right(answers), answers.execution
    most = [execution.most(field) if execution else None for field in ("cycles", "stack")]
    milliseconds = execution.milliseconds if execution else None
    time = "" if milliseconds is None else f"{milliseconds:.3f}"
    cycles, stack = ("" if figure is None else figure for figure in most)
    return (answers.by, right, len(found.labels) - right, f"{100 * found.accuracy(answers):.2f} %", cycles, time, stack)


def _print_confusion(found: Evaluation, answers: Answers) -> None:
    matrix = found.confusion(answers)
    rows = [
        (name, *(int(n) or "" for n in row), recall(row, number))
        for number, (name, row) in enumerate(zip(found.names, matrix, strict=True))
        if row.any()
    ]
    print(f"right class in rows, answer of {answers.by} in columns:")
    stdout().print(table(("", *(f">{name}" for name in found.names), ">found"), rows))


def recall(row: Sequence[int], number: int) -> str:
    """Of the images of a class (``row`` of the matrix), the share that is recognized."""
    total = int(np.sum(row))
    return f"{100 * int(row[number]) / total:.1f} %" if total else ""


def answer_text(found: Evaluation, answers: Answers, number: int) -> str:
    """The class that an image is taken for, marked if it is not the right one."""
    answer = int(answers.classes[number])
    right = answer == found.labels[number]
    return found.names[answer] if right else f"{found.names[answer]} (not {found.names[found.labels[number]]})"


def drawing(pixels: Pixels) -> list[str]:
    """An image in characters, two rows of pixels in each line; larger ones are made smaller."""
    gray = pixels.astype(np.float64).mean(axis=2) / np.iinfo(pixels.dtype).max
    step = max(1, -(-gray.shape[1] // _WIDEST))
    height, width = gray.shape[0] // (2 * step), gray.shape[1] // step
    blocks = gray[: height * 2 * step, : width * step].reshape(height, 2 * step, width, step).mean(axis=(1, 3))
    shades = np.rint(blocks * (len(_SHADES) - 1)).astype(int)
    return ["".join(_SHADES[shade] for shade in row).rstrip() for row in shades]


def evaluation_json(found: Evaluation, files: Sequence[Path]) -> dict[str, Any]:
    """The same as plain data; names and meanings of its keys do not change."""
    return {
        "version": 1,
        "network": found.network,
        "images": len(found.labels),
        "classes": list(found.names),
        "answers": [
            {
                "by": answers.by,
                "right": found.right(answers),
                "accuracy": found.accuracy(answers),
                "confusion": found.confusion(answers).tolist(),
                "cycles": answers.execution.most("cycles") if answers.execution else None,
                "milliseconds": answers.execution.milliseconds if answers.execution else None,
                "stack": answers.execution.most("stack") if answers.execution else None,
            }
            for answers in found.answers
        ],
        "wrong": [
            {
                "file": str(files[number]),
                "label": int(found.labels[number]),
                "answers": [int(answers.classes[number]) for answers in found.answers],
            }
            for number in found.wrong
        ],
    }
