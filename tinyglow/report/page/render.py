"""A study as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tinyglow.bundle.render import render_html
from tinyglow.pipeline.study.gather import Study
from tinyglow.report.fidelity import short
from tinyglow.report.page import charts
from tinyglow.report.page.document import document
from tinyglow.report.page.layout import HEIGHT, WIDTH, Drawing, lay_out
from tinyglow.resources import TEMPLATES

Json = dict[str, Any]
_FOLDER = TEMPLATES / "report"
_MOST_DRAWN = 400  # nodes of a graph: a drawing of more is of no use, and takes long
_MOST_HISTOGRAMS = 40
_LABEL = 36  # characters of a name in a chart


def page(study: Study) -> str:
    """The report.

    Args:
        study: What was found.

    Returns:
        HTML. Whatever a model names stands in it as text.

    Raises:
        ToolError: A package that draws is not installed.
    """
    data = document(study)
    return render_html(
        "report/page.html.j2",
        data=data,
        style=Markup((_FOLDER / "page.css").read_text(encoding="utf-8")),
        script=Markup((_FOLDER / "page.js").read_text(encoding="utf-8")),
        embedded=Markup(embedded(data)),
        drawings=_drawings(data),
        box=(WIDTH, HEIGHT),
        brief=short,
        charts=_charts(study, data),
    )


def embedded(data: Json) -> str:
    """JSON inside of a ``script`` element, where nothing may look like HTML (HTML standard, 4.12.1.3)."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _drawings(data: Json) -> list[Drawing | None]:
    inputs = [one["name"] for one in data["inputs"]]
    return [lay_out(step["nodes"], inputs) if len(step["nodes"]) <= _MOST_DRAWN else None for step in data["steps"]]


def _charts(study: Study, data: Json) -> Json:
    return {
        "snr": _snr(data["validation"]["layers"]),
        "shares": _shares(data["validation"]["layers"]),
        "fit": [Markup(_fit(board)) for board in data["boards"]],
        "memory": [
            Markup(
                charts.memory_map(board["activations"], f"Activations of {board['name']}: addresses over kernel calls")
            )
            if board["activations"]["blocks"]
            else ""
            for board in data["boards"]
        ],
        "time": [_time(board) for board in data["boards"]],
        "mix": [_mix(board) for board in data["boards"]],
        "histograms": {
            tensor.value: Markup(charts.histogram(tensor, f"Histogram of {tensor.value} over its grid"))
            for tensor in study.tensors[:_MOST_HISTOGRAMS]
        },
    }


def _snr(layers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        {"layer": short(layer["node"], _LABEL), "dB": layer["snr_db"]}
        for layer in layers
        if layer["snr_db"] is not None
    ]
    if not rows:
        return ""
    title = "SNR against float, dB (higher is better)"
    return Markup(charts.bars(numbered(rows), "layer", "dB", title, "Signal-to-noise ratio after each layer"))


def _shares(layers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        {"layer": short(one["node"], _LABEL), "share": 100 * one["share"]} for one in layers if one["share"] >= 0.001
    ]
    if not rows:
        return ""
    title = "share of the answers' error, %"
    return Markup(charts.bars(numbered(rows), "layer", "share", title, "Which layers the error comes from"))


def numbered(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose layers have different names: those that come again get a number."""
    seen: dict[str, int] = {}
    result = []
    for row in rows:
        count = seen[row["layer"]] = seen.get(row["layer"], 0) + 1
        result.append({**row, "layer": row["layer"] if count == 1 else f"{row['layer']} ({count})"})
    return result


def _fit(board: Json) -> str:
    """Flash, RAM and stack as shares of the memories that hold them."""
    sizes = {memory["name"]: memory["size"] for memory in board["memories"]}
    fit = board["fit"]
    flash, ram = sizes.get(board["code_memory"], 0), sizes.get(board["data_memory"], 0)
    found = [("flash", fit["flash"], flash), ("RAM", fit["ram"], ram), ("stack", fit["stack"], board["stack_bytes"])]
    rows = [
        {"what": f"{name} {used:,} of {size:,} bytes", "share": 100 * used / size}
        for name, used, size in found
        if used is not None and size
    ]
    return charts.bars(rows, "what", "share", "% of the memory", f"What {board['name']} has room for", 360, least=100)


def _time(board: Json) -> str:
    rows = []
    for number, layer in enumerate(board["layers"]):
        if layer["cycles"] is None:
            continue
        name = f"{number} {short(layer['layer'], _LABEL)}"
        least = min(layer["least_cycles"], layer["cycles"])
        rows.append({"layer": name, "part": "multiplications at full speed", "cycles": least})
        rows.append({"layer": name, "part": "other cycles of the core", "cycles": layer["cycles"] - least})
        rows.append({"layer": name, "part": "waiting for memories", "cycles": layer["waits"]})
    if not rows:
        return ""
    label = f"Cycles of each layer on {board['name']}"
    return Markup(charts.stacked(rows, "layer", "part", "cycles", "cycles of one inference", label))


def _mix(board: Json) -> str:
    profile = board["profile"]
    rows = [
        {"function": listing["name"], "class": kind, "count": listing["mix"].get(kind, 0)}
        for listing in (profile["listings"] if profile else [])
        for kind in ("multiply", "load", "store", "branch", "other")
        if listing["mix"]
    ]
    if not rows:
        return ""
    label = f"Instructions executed by each function on {board['name']}"
    return Markup(charts.stacked(rows, "function", "class", "count", "instructions of one inference", label))
