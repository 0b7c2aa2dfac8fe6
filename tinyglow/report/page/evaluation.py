"""The page of ``tinyglow evaluate``: accuracy, confusion matrices, and the images that were not recognized."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tinyglow import __version__
from tinyglow.bundle.render import render_html
from tinyglow.pipeline.evaluate import Answers, Evaluation
from tinyglow.report.evaluation import answer_text, recall
from tinyglow.resources import TEMPLATES

MOST_SHOWN = 400  # images


def evaluation_page(found: Evaluation, files: Sequence[Path], png_of: Callable[[Path], bytes]) -> str:
    """The page.

    Args:
        found: What was compared.
        files: The images.
        png_of: Makes a PNG of a file; it is asked for the wrong ones only.

    Returns:
        HTML that needs no other file. Names of files and classes stand in it as text.
    """
    wrong = found.wrong
    shown = [
        {
            "file": str(files[number]),
            "source": f"data:image/png;base64,{base64.b64encode(png_of(files[number])).decode('ascii')}",
            "label": found.names[found.labels[number]],
            "answers": [(answers.by, answer_text(found, answers, number)) for answers in found.answers],
        }
        for number in wrong[:MOST_SHOWN]
    ]
    return render_html(
        "report/evaluation.html.j2",
        version=__version__,
        network=found.network,
        images=len(found.labels),
        names=found.names,
        rows=[_row(found, answers) for answers in found.answers],
        wrong=shown,
        left_out=len(wrong) - len(shown),
        style=Markup((TEMPLATES / "report/page.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "report/theme.js").read_text(encoding="utf-8")),
    )


def _row(found: Evaluation, answers: Answers) -> dict[str, Any]:
    matrix, execution = found.confusion(answers), answers.execution
    most = int(matrix.max())
    return {
        "by": answers.by,
        "board": execution.board.title if execution else "",
        "right": found.right(answers),
        "percent": f"{100 * found.accuracy(answers):.2f} %",
        "cycles": execution.most("cycles") if execution else None,
        "milliseconds": execution.milliseconds if execution else None,
        "matrix": [
            {
                "name": found.names[number],
                "cells": [(int(n), _shade(int(n), most), column == number) for column, n in enumerate(row)],
                "found": recall(row, number),
            }
            for number, row in enumerate(matrix)
            if row.any()
        ],
    }


def _shade(count: int, most: int) -> int:
    """How dark a cell is, from 0 for none to 9 for the fullest: the page has a style for each step."""
    return -(-9 * count // most)
