"""Charts as SVG, drawn by Vega-Lite. Colours are the page's own CSS variables, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from tinyglow.errors import Problem, ToolError
from tinyglow.pipeline.study.tensors import Tensor
from tinyglow.report.page.shorter import shorter

Row = Mapping[str, Any]

_INK, _SOFT, _RULE, _ACCENT, _SECOND = "var(--ink)", "var(--soft)", "var(--rule)", "var(--accent)", "var(--second)"
_CONFIG = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": _RULE,
        "domainColor": _RULE,
        "tickColor": _RULE,
        "labelLimit": 260,
        "titleFontWeight": "normal",
    },
    # Vega measures labels in a narrower font than the reader may have.
    "legend": {"labelColor": _INK, "titleColor": _INK, "labelLimit": 0, "columnPadding": 40},
    "text": {"color": _INK},
}


def draw(spec: Mapping[str, Any], label: str) -> str:
    """A Vega-Lite specification as an SVG element with a description for screen readers.

    Raises ToolError if the package that draws is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        problem = Problem("vl-convert-python", "missing", hint="pip install tinyglow[report]")
        raise ToolError("the report needs a package that is not installed", [problem]) from error
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **spec}
    svg = shorter(vl_convert.vegalite_to_svg(whole))
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)


_CHARACTER = 6.6  # pixels, of the widest of the fonts that a reader may have


def _room_for(labels: Sequence[str]) -> dict[str, float]:
    """Vega measures text in a font that the reader may not have."""
    return {"minExtent": _CHARACTER * max(map(len, labels), default=0)}


def bars(
    rows: Sequence[Row],
    category: str,
    figure: str,
    title: str,
    label: str,
    width: int = 520,
    form: str = ",.3~r",
    least: float = 0,
) -> str:
    """One bar a row, with its figure at the end, in the rows' order.

    ``form``: how D3 writes figures; ``least``: where the axis ends at the earliest.
    """
    order = [row[category] for row in rows]
    base = {"y": {"field": category, "type": "nominal", "sort": order, "title": None, "axis": _room_for(order)}}
    scale = {"domainMax": max(least, *(row[figure] for row in rows))} if least else {}
    axis = {"grid": True, "tickCount": 5}
    amount = {"field": figure, "type": "quantitative", "title": title, "axis": axis, "scale": scale}
    spec = {
        "width": width,
        "height": {"step": 20},
        "data": {"values": list(rows)},
        "layer": [
            {"mark": {"type": "bar", "color": _ACCENT}, "encoding": {**base, "x": amount}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4, "fontSize": 10},
                "encoding": {**base, "x": amount, "text": {"field": figure, "format": form}},
            },
        ],
    }
    return draw(spec, label)


def stacked(rows: Sequence[Row], category: str, part: str, figure: str, title: str, label: str) -> str:
    """One bar a category, made of parts."""
    order = list(dict.fromkeys(row[category] for row in rows))
    parts = list(dict.fromkeys(row[part] for row in rows))
    colours = [_ACCENT, _SECOND, _SOFT, _RULE, _INK][: len(parts)]
    spec = {
        "width": 520,
        "height": {"step": 20},
        "data": {"values": list(rows)},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": category, "type": "nominal", "sort": order, "title": None, "axis": _room_for(order)},
            "x": {"field": figure, "type": "quantitative", "title": title, "axis": {"tickCount": 5}},
            "color": {
                "field": part,
                "type": "nominal",
                "sort": parts,
                "title": None,
                "scale": {"domain": parts, "range": colours},
                "legend": {"orient": "top"},
            },
        },
    }
    return draw(spec, label)


def memory_map(activations: Mapping[str, Any], label: str) -> str:
    """Time from left to right (kernel calls), addresses upward: a rectangle is a block of memory in use."""
    kinds = {True: "working memory", False: "values"}
    rows = [
        {
            "name": row["name"],
            "kind": kinds[row["scratch"]],
            "from": row["first"],
            "to": row["last"] + 1,
            "low": row["offset"],
            "high": row["offset"] + row["size"],
        }
        for row in activations["blocks"]
    ]
    calls = len(activations["calls"])
    across = {"type": "quantitative", "scale": {"domain": [0, max(1, calls)], "nice": False}}
    spec = {
        "width": 640,
        "height": 300,
        "data": {"values": rows},
        "mark": {"type": "rect", "stroke": _INK, "strokeWidth": 0.5, "opacity": 0.85},
        "encoding": {
            "x": {"field": "from", "title": "kernel call", **across, "axis": {"tickMinStep": 1}},
            "x2": {"field": "to"},
            "y": {"field": "low", "type": "quantitative", "title": "byte of the activations"},
            "y2": {"field": "high"},
            "color": {
                "field": "kind",
                "type": "nominal",
                "title": None,
                "scale": {"domain": ["values", "working memory"], "range": [_ACCENT, _SECOND]},
                "legend": {"orient": "top"},
            },
        },
    }
    return draw(spec, label)


_BINS = 40
_MOST_GRID = 32


def histogram(tensor: Tensor, label: str) -> str:
    """How often float values occur, over the quantization grid.

    A vertical line marks every integer of the grid, or every n-th where these would be too many; the shaded part is
    what the integers reach.
    """
    real = tensor.real[np.isfinite(tensor.real)].astype(np.float64)
    counts, edges = np.histogram(real, _BINS)
    rows = [
        {"from": float(edges[i]), "to": float(edges[i + 1]), "count": int(count)}
        for i, count in enumerate(counts)
        if count
    ]
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": rows},
            "mark": {"type": "rect", "color": _ACCENT},
            "encoding": {
                "x": {"field": "from", "type": "quantitative", "title": "real value", "axis": {"grid": False}},
                "x2": {"field": "to"},
                "y": {"field": "count", "type": "quantitative", "title": "elements", "axis": {"tickCount": 4}},
                "y2": {"datum": 0},
            },
        }
    ]
    if tensor.type.quant is not None and tensor.type.dtype == "int8":
        scale, offset = tensor.type.quant.scale, tensor.type.quant.offset
        step = max(1, 256 // _MOST_GRID)
        grid = [{"at": scale * (q - offset)} for q in range(-128, 128, step)]
        line = {"mark": {"type": "rule", "color": _SECOND, "strokeWidth": 0.5, "opacity": 0.6}}
        layers.append({"data": {"values": grid}, **line, "encoding": {"x": {"field": "at", "type": "quantitative"}}})
    return draw({"width": 360, "height": 120, "layer": layers}, label)
