"""Bounds on bounded values: two that follow each other are one, and some do nothing."""

from __future__ import annotations

import math

from tinyglow.ir.editor import GraphEditor
from tinyglow.ir.graph import Node
from tinyglow.ir.op import Op
from tinyglow.kernels.elementwise.clip import HIGHEST
from tinyglow.operators.abs import Abs
from tinyglow.operators.clip import Clip
from tinyglow.operators.exp import Exp
from tinyglow.operators.relu import Relu
from tinyglow.operators.sigmoid import Sigmoid
from tinyglow.operators.softmax import SoftMax
from tinyglow.operators.sqrt import Sqrt
from tinyglow.operators.tanh import Tanh

_IMAGES: dict[type[Op], tuple[float, float]] = {
    Sigmoid: (0.0, 1.0),
    SoftMax: (0.0, 1.0),
    Tanh: (-1.0, 1.0),
    Exp: (0.0, math.inf),
    Abs: (0.0, math.inf),
    Sqrt: (0.0, math.inf),
}


def _bounds(op: Op) -> tuple[float, float] | None:
    """(low, high) of an operator that is nothing but bounds."""
    if isinstance(op, Relu):
        return 0.0, HIGHEST
    return (op.low, op.high) if isinstance(op, Clip) else None


def merge_clips(node: Node, edit: GraphEditor) -> bool:
    """Clip(Clip(x)) and Clip(Relu(x)) are one Clip (Glow: OptimizeClips)."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Clip) or source is None:
        return False
    first = _bounds(source.op)
    if first is None:
        return False
    low, high = (min(max(end, node.op.low), node.op.high) for end in first)
    name = source.name if isinstance(source.op, Clip) else f"{node.name}_relu"
    merged = edit.add(name, Clip(low, high), [edit.value(source.inputs[0])], node.origin)
    edit.redirect(node.outputs[0], merged.name)
    return True


def merge_relu_into_clip(node: Node, edit: GraphEditor) -> bool:
    """Relu(Clip(x)) is one Clip. Not in Glow."""
    source = edit.producer(node.inputs[0])
    if not isinstance(node.op, Relu) or source is None or not isinstance(source.op, Clip):
        return False
    bounds = Clip(max(source.op.low, 0.0), max(source.op.high, 0.0))
    merged = edit.add(node.name, bounds, [edit.value(source.inputs[0])], node.origin)
    edit.redirect(node.outputs[0], merged.name)
    return True


def drop_needless_bounds(node: Node, edit: GraphEditor) -> bool:
    """A Relu or Clip after what never leaves its bounds does nothing. Glow finds some of them, in int8."""
    own, source = _bounds(node.op), edit.producer(node.inputs[0])
    if own is None or source is None:
        return False
    before = _bounds(source.op) or _IMAGES.get(type(source.op))
    if before is None or not (own[0] <= before[0] and min(before[1], HIGHEST) <= own[1]):
        return False
    edit.redirect(node.outputs[0], node.inputs[0])
    return True
