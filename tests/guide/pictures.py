"""The guide's pictures, drawn by Vega-Lite from the network's own figures.

``python -m tests.guide.pictures`` draws them (needs the extra ``report``). Each file carries the digest of what it was
drawn from, so that a test tells whether it is still true without drawing it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from tests.guide.graph import scratch
from tests.guide.text import short
from tinyglow.demo.by_hand import SCHEMAS, scale_and_offset
from tinyglow.demo.pixel import COLUMN, ROW
from tinyglow.demo.walk import FOLLOWED, walk
from tinyglow.lowering.plan import activation_blocks

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "guide"
# Okabe and Ito's colours, which people with any colour vision can tell apart.
_BLUE, _ORANGE, _GREEN, _SKY = "#0072B2", "#E69F00", "#009E73", "#56B4E9"
_CONFIG = {"background": "white", "font": "sans-serif", "view": {"stroke": None}, "axis": {"titleFontWeight": "normal"}}

Spec = dict[str, Any]


def digit() -> Spec:
    """The followed picture, and what the first layer makes of it with the window of chapter 4."""
    found = walk()
    image = found.images[FOLLOWED][:, :, 0]
    pooled = found.values["sequential_max_pooling_1_MaxPool__1"][0, :, :, 0]
    pictures = [
        ("the picture: 28 x 28 pixels", [[round(float(v) * 255) for v in row] for row in image], None),
        ("after MaxPool: 14 x 14 integers", [[int(v) + 128 for v in row] for row in pooled], (ROW - 1, COLUMN - 1)),
    ]
    return {"hconcat": [_pixels(*one) for one in pictures], "spacing": 40}


def _pixels(title: str, rows: list[list[int]], window: tuple[int, int] | None) -> Spec:
    side = len(rows)
    values = [
        {"x": x, "x2": x + 1, "y": y, "y2": y + 1, "value": value}
        for y, row in enumerate(rows)
        for x, value in enumerate(row)
    ]
    axis = {"values": list(range(0, side + 1, side // 7)), "grid": False, "title": None}
    scale = {"domain": [0, side], "nice": False}
    place = {
        "x": {"field": "x", "type": "quantitative", "scale": scale, "axis": axis},
        "x2": {"field": "x2"},
        "y": {"field": "y", "type": "quantitative", "scale": {**scale, "reverse": True}, "axis": axis},
        "y2": {"field": "y2"},
    }
    shade = {"field": "value", "type": "quantitative", "scale": {"range": ["black", "white"]}, "legend": None}
    layers: list[Spec] = [{"data": {"values": values}, "mark": "rect", "encoding": {**place, "color": shade}}]
    if window:
        y, x = window
        frame = {"values": [{"x": x, "x2": x + 3, "y": y, "y2": y + 3}]}
        mark = {"type": "rect", "filled": False, "stroke": _ORANGE, "strokeWidth": 3}
        layers.append({"data": frame, "mark": mark, "encoding": place})
    return {"width": 252, "height": 252, "title": title, "layer": layers}


def histogram() -> Spec:
    """How often values of the first convolution occur, before and after its ReLU."""
    rows = []
    names = {"sequential_conv2d_1_Conv2D__2": "the convolution", "sequential_conv2d_1_Relu__1": "after its ReLU"}
    for name, title in names.items():
        found = walk().profile.ranges[f"{name}:0"]
        width = (found.high - found.low) / len(found.histogram)
        rows += [
            {"value": title, "from": found.low + i * width, "to": found.low + (i + 1) * width, "count": int(count)}
            for i, count in enumerate(found.histogram)
        ]
    return {
        "data": {"values": rows},
        "facet": {
            "row": {"field": "value", "type": "nominal", "sort": list(names.values()), "title": None},
        },
        "spec": {
            "width": 520,
            "height": 110,
            "mark": {"type": "bar", "color": _BLUE, "stroke": "white"},
            "encoding": {
                "x": {"field": "from", "type": "quantitative", "title": "value", "bin": {"binned": True}},
                "x2": {"field": "to"},
                "y": {"field": "count", "type": "quantitative", "title": "how often"},
            },
        },
    }


def schemas() -> Spec:
    """What int8 covers by each schema, over the range that was seen."""
    rows = []
    for name, title in (
        ("sequential_conv2d_1_Conv2D_ReadVariableOp_0__1", "weights"),
        ("sequential_conv2d_1_Relu__1", "after the ReLU"),
    ):
        low, high = walk().range_of(name)
        for schema in SCHEMAS:
            scale, offset = scale_and_offset(low, high, schema)
            ends = (scale * (-128 - offset), scale * (127 - offset))
            label = f"{scale:.5f}"
            rows.append(
                {"of": title, "schema": schema, "what": "int8 covers", "from": ends[0], "to": ends[1], "scale": ""}
            )
            rows.append({"of": title, "schema": schema, "what": "values seen", "from": low, "to": high, "scale": label})
    y = {"field": "schema", "type": "nominal", "sort": list(SCHEMAS), "title": None, "axis": {"labelLimit": 260}}
    colours = {"domain": ["int8 covers", "values seen"], "range": [_SKY, _BLUE]}
    x = {"field": "from", "type": "quantitative", "title": "real number"}
    return {
        "data": {"values": rows},
        "facet": {"row": {"field": "of", "type": "nominal", "sort": ["weights", "after the ReLU"], "title": None}},
        "spec": {
            "width": 460,
            "height": {"step": 24},
            "layer": [
                {
                    "mark": {"type": "bar"},
                    "encoding": {
                        "y": y,
                        "x": x,
                        "x2": {"field": "to"},
                        "size": {
                            "field": "what",
                            "scale": {"domain": colours["domain"], "range": [18, 6]},
                            "legend": None,
                        },
                        "color": {"field": "what", "scale": colours, "title": None, "legend": {"orient": "top"}},
                    },
                },
                {
                    "mark": {"type": "text", "align": "left", "dx": 6},
                    "encoding": {
                        "y": y,
                        "x": {"aggregate": "max", "field": "to", "type": "quantitative"},
                        "text": {"aggregate": "max", "field": "scale", "type": "nominal"},
                    },
                },
            ],
        },
        "resolve": {"scale": {"x": "independent"}},
    }


def memory() -> Spec:
    """Which bytes of the activations are in use during which calls."""
    program = walk().program
    blocks, _ = activation_blocks(program)
    kinds = ["value", "working memory"]
    rows = [
        {
            "name": short(block.name).removesuffix("_scratch"),
            "kind": kinds[int(scratch(block.name))],
            "from": block.first + 0.5,
            "to": block.last + 1.5,
            "low": program.buffers[block.name].offset,
            "high": program.buffers[block.name].offset + block.size,
            "x": (block.first + block.last + 2) / 2,
            "y": program.buffers[block.name].offset + block.size / 2,
        }
        for block in blocks
    ]
    x = {
        "field": "from",
        "type": "quantitative",
        "title": "kernel call",
        "scale": {"domain": [0.5, len(program.calls) + 0.5]},
    }
    x["axis"] = {"values": list(range(1, len(program.calls) + 1)), "format": "d", "grid": False}
    return {
        "width": 640,
        "height": 320,
        "data": {"values": rows},
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "black", "strokeWidth": 0.5, "opacity": 0.6},
                "encoding": {
                    "x": x,
                    "x2": {"field": "to"},
                    "y": {"field": "low", "type": "quantitative", "title": "byte of the activations"},
                    "y2": {"field": "high"},
                    "color": {
                        "field": "kind",
                        "scale": {"domain": kinds, "range": [_SKY, _ORANGE]},
                        "title": None,
                        "legend": {"orient": "top"},
                    },
                },
            },
            {
                "transform": [{"filter": "datum.kind == 'value'"}],
                "mark": {"type": "text", "fontSize": 9},
                "encoding": {
                    "x": {"field": "x", "type": "quantitative"},
                    "y": {"field": "y", "type": "quantitative"},
                    "text": {"field": "name"},
                },
            },
        ],
    }


# Each picture with what it says to who cannot see it.
PICTURES: Mapping[str, tuple[Callable[[], Spec], str]] = {
    "digit": (digit, "A drawn digit, and the smaller picture that max pooling makes of it"),
    "histogram": (histogram, "Histograms of the first convolution's values and of its ReLU's"),
    "schemas": (schemas, "What int8 covers by each of the four schemas, over the values that were seen"),
    "memory": (memory, "Which bytes of the activations are in use during which kernel calls"),
}


def figures(name: str) -> str:
    """The digest of what a picture is drawn from."""
    return hashlib.sha256(json.dumps(_rounded(PICTURES[name][0]()), sort_keys=True).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    """Six digits of each number: what a picture can show, on any machine."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value


def drawn_from(name: str) -> str:
    """The digest that the file of a picture carries."""
    found = re.search(r"<!-- figures ([0-9a-f]{64}) -->", (FOLDER / f"{name}.svg").read_text(encoding="utf-8"))
    return found[1] if found else ""


def draw(name: str) -> str:
    """A picture as SVG, with a description for screen readers."""
    import vl_convert

    make, label = PICTURES[name]
    spec = {"$schema": "https://vega.github.io/schema/vega-lite/v5.json", "config": _CONFIG, **_rounded(make())}
    svg: str = vl_convert.vegalite_to_svg(spec)
    svg = re.sub(r' (aria-label|aria-roledescription|aria-hidden|role)="[^"]*"', "", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
    return svg.replace("</svg>", f"<!-- figures {figures(name)} --></svg>")


if __name__ == "__main__":
    for each in PICTURES:
        (FOLDER / f"{each}.svg").write_text(draw(each) + "\n", encoding="utf-8")
