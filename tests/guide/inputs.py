"""Chapters 1 and 2: the network's file, the float network, the profile."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx

import tinyglow
from tests.guide.text import code, shape, short, table
from tinyglow.demo.digits import calibration_set
from tinyglow.demo.walk import CALIBRATION_IMAGES, FOLLOWED, INPUT, MODEL, OUTPUT, Walk, walk
from tinyglow.interp import run_graph
from tinyglow.pipeline.inspect import inspect
from tinyglow.quant.profile import Range, RangeRecorder

RELU = "sequential_conv2d_1_Relu__1"
_SHOWN = (
    INPUT,
    "sequential_conv2d_1_Conv2D_ReadVariableOp_0__1",
    "sequential_conv2d_1_Conv2D__2",
    RELU,
    "sequential_dense_1_MatMul__1",
    "sequential_dense_1_Relu",
    "sequential_dense_2_MatMul__1",
)


def file() -> str:
    """What the model file holds."""
    model = onnx.load(MODEL)
    kinds = [node.op_type for node in model.graph.node]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    elements = sum(math.prod(one.dims) for one in model.graph.initializer)
    return (
        f"`{MODEL.name}` takes {MODEL.stat().st_size:,} bytes. It has {len(kinds)} nodes ({counted}) and "
        f"{len(model.graph.initializer)} constants with {elements:,} elements in all. "
        f"Its input is called `{INPUT}`, its output `{OUTPUT}`."
    )


def layers() -> str:
    """The network's layers, as ``tinyglow inspect`` counts them."""
    graph, macs = walk().graph, {layer.node: layer.macs for layer in inspect(MODEL, {"N": 1}, {}, []).layers}
    rows = []
    for node in graph.nodes:
        constants = [graph.values[name] for name in node.inputs if graph.values[name].data is not None]
        parameters = sum(value.type.elements for value in constants)
        result = shape(graph.type_of(node.outputs[0]).shape)
        rows.append((f"`{short(node.origin)}`", node.op.kind, result, parameters or "", macs.get(node.origin) or ""))
    total = ("", "all", "", sum(int(row[3] or 0) for row in rows), sum(int(row[4] or 0) for row in rows))
    return table(("node of the model", "operator", "result", ">parameters", ">multiply-accumulates"), [*rows, total])


def float_answer() -> str:
    """What the float network says of the followed picture."""
    found = walk()
    logits = float_logits(found)
    label, best = int(found.labels[FOLLOWED]), logits.index(max(logits))
    head = table((">class", ">float"), [(digit, f"{value:.2f}") for digit, value in enumerate(logits)])
    return f"{head}\n\nThe picture is a drawn {label}. The largest number is that of class {best}."


def float_logits(found: Walk) -> list[float]:
    """The float network's answer to the followed picture."""
    (logits,) = run_graph(found.graph, {name: array[np.newaxis] for name, array in found.sample.items()}).values()
    return [float(value) for value in logits.ravel()]


def ranges() -> str:
    """The ranges of some values."""
    found = walk().profile.ranges
    rows = [
        (f"`{short(name)}`", f"{found[f'{name}:0'].low:.4f}", f"{found[f'{name}:0'].high:.4f}")
        for name in _SHOWN
        if f"{name}:0" in found
    ]
    return table(("value", ">smallest", ">largest"), rows)


def entry() -> str:
    """One value's entry of the profile, as the file holds it."""
    found = walk().profile.ranges[f"{RELU}:0"]
    counts = ", ".join(f"{count:g}" for count in found.histogram)
    text = f"- NodeOutputName:  '{RELU}:0'\n  Min:             {found.low!r}\n  Max:             {found.high!r}\n"
    text += f"  Histogram:       [ {counts} ]"
    elements = walk().graph.type_of(RELU).elements
    total = int(sum(found.histogram))
    first = found.histogram[0] / total
    return (
        f"{code(text, 'yaml')}\n\n{CALIBRATION_IMAGES} pictures have {CALIBRATION_IMAGES} x {elements:,} = {total:,} "
        f"values here, and {first:.0%} of them are in the first bin: most of a picture is background."
    )


def widening() -> str:
    """A histogram whose range grows, with few numbers."""
    recorder = RangeRecorder(bins=4)
    recorder.update(np.array([0, 1, 2, 3, 4], np.float32))
    before = recorder.finish()
    recorder.update(np.array([8], np.float32))
    after = recorder.finish()
    return table(
        ("after the values", ">smallest", ">largest", "counts in 4 bins"),
        [
            ("0, 1, 2, 3, 4", f"{before.low:g}", f"{before.high:g}", ", ".join(f"{n:g}" for n in before.histogram)),
            ("and 8", f"{after.low:g}", f"{after.high:g}", ", ".join(f"{n:g}" for n in after.histogram)),
        ],
    )


def samples() -> str:
    """How ranges grow with the number of pictures."""
    found = walk()
    images, _ = calibration_set(CALIBRATION_IMAGES)
    rows = []
    for count in (1, 10, 30):
        part = tinyglow.profile(found.graph, {INPUT: images[:count]}, margin=False).ranges
        rows.append((count, *_both(part)))
    rows.append((CALIBRATION_IMAGES, *_both(found.profile.ranges)))
    return table((">pictures", f"`{short(RELU)}`", f"`{short('sequential_dense_2_MatMul__1')}`"), rows)


def _both(ranges_: Mapping[str, Range]) -> tuple[str, str]:
    first, second = (ranges_[f"{name}:0"] for name in (RELU, "sequential_dense_2_MatMul__1"))
    return f"{first.low:.2f} to {first.high:.2f}", f"{second.low:.2f} to {second.high:.2f}"
