"""The page of a bundle that others made: what its header, its machine code and a run say, without the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from tinyglow import __version__
from tinyglow.bundle.render import render_html
from tinyglow.pipeline.foreign_run import ForeignRun
from tinyglow.report.fidelity import short
from tinyglow.report.foreign import foreign_json
from tinyglow.report.page import charts
from tinyglow.report.page.document import VERSION
from tinyglow.report.page.render import embedded, numbered
from tinyglow.resources import TEMPLATES

Json = dict[str, Any]
_FOLDER = TEMPLATES / "report"
_MOST_BARS = 30  # functions in a chart; the table has all
_MOST_LISTED = 300_000  # characters of machine code


def bundle_document(runs: Sequence[ForeignRun]) -> Json:
    """All figures of a bundle of machine code.

    Args:
        runs: One for each board, of the same bundle; at least one.

    Returns:
        JSON's own types only. Keys are documented in ``docs/how-to/report.md``.
    """
    header = runs[0].bundle.header
    return {
        "version": VERSION,
        "tinyglow": __version__,
        "bundle": runs[0].bundle.entry,
        "made_by": header.tool,
        "interface": header.api,
        "samples": len(next(iter(runs[0].given.values()))) if runs[0].given else 0,
        "placeholders": foreign_json(runs[0])["placeholders"],
        "boards": [_board(run) for run in runs],
    }


def _board(run: ForeignRun) -> Json:
    board = run.execution.board
    figures = foreign_json(run)
    del figures["placeholders"]
    return {
        **figures,
        "title": board.title,
        "core": board.core.title,
        "memories": [{"name": one.name, "kind": one.kind, "size": one.size} for one in board.memories],
        "code_memory": board.code_memory,
        "stack_bytes": board.stack_bytes,
    }


def bundle_page(runs: Sequence[ForeignRun]) -> str:
    """The figures of ``bundle_document`` as one HTML file. Whatever a bundle names stands in it as text.

    Args:
        runs: One for each board, of the same bundle; at least one.

    Returns:
        HTML.

    Raises:
        ToolError: A package that draws is not installed.
    """
    data = bundle_document(runs)
    listing = runs[0].listing
    return render_html(
        "report/bundle.html.j2",
        data=data,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((_FOLDER / "theme.js").read_text(encoding="utf-8")),
        embedded=Markup(embedded(data)),
        functions=[_functions(board) for board in data["boards"]],
        memory=[_memory(board) for board in data["boards"]],
        listing=listing[:_MOST_LISTED],
        cut=max(0, len(listing) - _MOST_LISTED),
    )


def _functions(board: Json) -> str:
    rows = [{"layer": short(one["name"], 36), "cycles": one["cycles"]} for one in board["kernels"] if one["cycles"]]
    if not rows:
        return ""
    label = f"Cycles of each function on {board['board']}"
    return Markup(
        charts.bars(numbered(rows[:_MOST_BARS]), "layer", "cycles", "cycles of one inference", label, form=",")
    )


_PARTS = {
    "code": "flash: code",
    "constants": "flash: constants of the code",
    "weights": "flash: weights",
    "mutable": "RAM: placeholders",
    "activations": "RAM: activations",
    "variables": "RAM: variables",
    "weights_in_ram": "RAM: copy of the weights",
    "tcm": "RAM: fast memory",
    "stack": "RAM: stack",
}


def _memory(board: Json) -> str:
    sizes = {**board["sizes"], "stack": board["stack"]}
    rows = [{"part": part, "bytes": sizes[key]} for key, part in _PARTS.items() if sizes.get(key)]
    return Markup(charts.bars(rows, "part", "bytes", "bytes", f"What the bundle takes on {board['board']}", 360, ","))
