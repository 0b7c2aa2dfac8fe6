"""What Glow's ONNX importer reads otherwise than ONNX says: ``--graph=glow`` says so instead of giving other numbers.

Facts from pytorch/glow, lib/Importer/ONNXModelLoader.cpp and include/glow/Importer/CommonOperatorLoader.h: Glow looks
at attributes where newer operator sets have inputs, and not at all at some attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tinyglow.ir.op import Importer, NotInGlowError, SourceNode
from tinyglow.operators.pooling import pool_window
from tinyglow.operators.window import window_from_onnx

# Of operator sets up to it Softmax normalizes what the matrix of all dimensions from its axis on has in a row; Glow
# has another form for this one alone.
_SOFTMAX_ALONG = 13


def _has_input(node: SourceNode, index: int) -> bool:
    return len(node.inputs) > index and bool(node.inputs[index])


def _check_reduction(node: SourceNode, importer: Importer) -> None:
    if _has_input(node, 1):
        raise NotInGlowError("axes as an input, where Glow reduces all dimensions", "axes as an attribute")
    if node.integer("noop_with_empty_axes", 0):
        raise NotInGlowError("noop_with_empty_axes, where Glow reduces all dimensions", "axes")


def _check_split(node: SourceNode, importer: Importer) -> None:
    sizes = importer.constant(node.inputs[1]) if _has_input(node, 1) else None
    if sizes is not None and len(set(sizes.ravel().tolist())) > 1:
        found = f"parts of sizes {sizes.ravel().tolist()} as an input, where Glow makes equal ones"
        raise NotInGlowError(found, "equal parts, or an attribute")


def _check_softmax(node: SourceNode, importer: Importer) -> None:
    rank = len(importer.value(node.inputs[0]).type.shape)
    axis = node.integer("axis", -1)
    # Without an axis Glow takes dimension 1, which is the last one of two.
    is_last = axis in (-1, rank - 1) and (rank == 2 or node.attributes.get("axis") is not None)
    if node.opset > _SOFTMAX_ALONG and not is_last:
        found = f"a softmax of operator set {node.opset} along dimension {axis}, where Glow joins dimensions"
        raise NotInGlowError(found, f"operator set {_SOFTMAX_ALONG}, or the last dimension named")


def _check_pool(node: SourceNode, importer: Importer) -> None:
    size = importer.value(node.inputs[0]).type.shape[2:]
    if max(node.ints("dilations", (1,))) > 1:
        raise NotInGlowError("dilations of a pool, at which Glow does not look", "dilations of 1")
    if len(size) != 2 or not node.integer("ceil_mode", 0):
        return
    image = (size[0], size[1])
    if pool_window(node, image) != window_from_onnx(node, node.ints("kernel_shape", ()), image):
        raise NotInGlowError("ceil_mode 1, at which Glow does not look", "ceil_mode 0")


def _check_window(node: SourceNode, importer: Importer) -> None:
    automatic = node.text("auto_pad", "NOTSET").startswith("SAME")
    if automatic and node.attributes.get("pads") is not None:
        raise NotInGlowError("auto_pad and pads, of which Glow takes the pads", "one of them")
    if automatic and max(node.ints("dilations", (1,))) > 1:
        raise NotInGlowError("auto_pad with dilations, at which Glow does not look for it", "pads")


def _check_gather(node: SourceNode, importer: Importer) -> None:
    indices = importer.constant(node.inputs[1])
    if indices is not None and indices.size and int(np.min(indices)) < 0:
        raise NotInGlowError("indices below 0, where Glow reads other memory", "indices from 0 on")


def _check_position(node: SourceNode, importer: Importer) -> None:
    if node.integer("select_last_index", 0):
        raise NotInGlowError("select_last_index, at which Glow does not look", "the first of equal elements")


_CHECKS: Mapping[str, tuple[Callable[[SourceNode, Importer], None], ...]] = {
    "ReduceSum": (_check_reduction,),
    "ReduceMean": (_check_reduction,),
    "ReduceMax": (_check_reduction,),
    "Split": (_check_split,),
    "Softmax": (_check_softmax,),
    "MaxPool": (_check_window, _check_pool),
    "AveragePool": (_check_window, _check_pool),
    "Conv": (_check_window,),
    "Gather": (_check_gather,),
    "ArgMax": (_check_position,),
    "ArgMin": (_check_position,),
}


def check_in_glow(node: SourceNode, importer: Importer) -> None:
    """Raise NotInGlowError for a node that Glow would import as another one than it is."""
    for check in _CHECKS.get(node.op_type, ()):
        check(node, importer)
