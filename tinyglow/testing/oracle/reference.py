"""The outputs of a model as onnx's own reference implementation computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from tinyglow.ir.graph import Array


class BatchNormalization(OpRun):  # named after the operator that it stands for
    """The operator at inference; before operator set 14 onnx's reference mixes the input's own statistics in."""

    op_domain = ""

    def _run(
        self, x: Array, scale: Array, bias: Array, mean: Array, variance: Array, epsilon: float = 1e-5, **_: object
    ) -> tuple[Array]:
        shape = (-1, *[1] * (x.ndim - 2))
        factor = scale / np.sqrt(variance + (1e-5 if epsilon is None else epsilon))
        return ((x * factor.reshape(shape) + (bias - mean * factor).reshape(shape)).astype(x.dtype),)


class Softmax(OpRun):  # as above
    """The operator before operator set 13: all dimensions from ``axis`` on together; onnx's reference has the later."""

    op_domain = ""

    def _run(self, x: Array, axis: int | None = None) -> tuple[Array]:
        rows = x.reshape(int(np.prod(x.shape[: 1 if axis is None else axis])), -1)
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        return ((powers / powers.sum(axis=1, keepdims=True)).reshape(x.shape).astype(x.dtype),)


class Conv(OpRun):  # as above
    """The operator with ``auto_pad`` as the pads that it stands for; the rest is left to onnx's reference."""

    op_domain = ""

    def _run(self, x: Array, weights: Array, bias: Array | None = None, **attributes: Any) -> tuple[Array]:
        given = {name: value for name, value in attributes.items() if value is not None}
        auto_pad = given.pop("auto_pad", "NOTSET")
        if auto_pad != "NOTSET":
            axes = x.ndim - 2
            ones = [1] * axes
            extents = [
                (size - 1) * dilation + 1
                for size, dilation in zip(weights.shape[2:], given.get("dilations", ones), strict=True)
            ]
            total = [
                max(0, (-(-size // stride) - 1) * stride + extent - size)
                for size, stride, extent in zip(x.shape[2:], given.get("strides", ones), extents, strict=True)
            ]
            less, more = [size // 2 for size in total], [-(-size // 2) for size in total]
            named = {"VALID": [0] * (2 * axes), "SAME_UPPER": less + more, "SAME_LOWER": more + less}
            given["pads"] = named[auto_pad]
        return (_by_onnx("Conv", [x, weights, bias], given),)


class Resize(OpRun):  # as above
    """The operator without inputs that are empty, and without what changes nothing; the rest as ``Conv``."""

    op_domain = ""

    def _run(self, *operands: Array | None, **attributes: Any) -> tuple[Array]:
        given = {name: value for name, value in attributes.items() if value is not None}
        # Of two neighbours, the one inside is the edge: leaving out the one outside gives the edge's value too.
        if given.get("mode", "nearest") != "cubic" and not given.get("antialias"):
            given["exclude_outside"] = 0
        return (_by_onnx("Resize", [None if part is None or not part.size else part for part in operands], given),)


def _by_onnx(op_type: str, operands: Sequence[Array | None], attributes: Mapping[str, Any]) -> Array:
    """The first result of a node as onnx's reference computes it; None is an input left out."""
    given = {f"x{index}": array for index, array in enumerate(operands) if array is not None}
    names = [f"x{index}" if f"x{index}" in given else "" for index in range(len(operands))]
    (result,) = ReferenceEvaluator(helper.make_node(op_type, names, ["y"], **attributes)).run(None, given)
    return np.asarray(result)


def repaired_operators() -> list[type[OpRun]]:
    """What stands in for operators that the installed onnx's reference computes wrongly, whatever the operator set.

    Before onnx 1.23 the pads that a Conv's ``auto_pad`` names are made from the batch and the channels, and VALID is
    SAME_UPPER (onnx/reference/ops_optimized/op_conv_optimized.py). Before 1.22 a Resize fails on an empty region of
    interest, and with ``exclude_outside`` on integer weights (onnx/reference/ops/op_resize.py).
    """
    version = tuple(int(part) for part in onnx.__version__.split(".")[:2])
    repaired: list[tuple[type[OpRun], tuple[int, int]]] = [(Conv, (1, 23)), (Resize, (1, 22))]
    return [operator for operator, since in repaired if version < since]


def _padded_before(node: onnx.NodeProto) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A MaxPool's padding as a Pad node: the reference's MaxPool mixes up its axes."""
    (pads,) = (attribute for attribute in node.attribute if attribute.name == "pads")
    axes = len(pads.ints) // 2
    names = [f"{node.output[0]}_{part}" for part in ("around", "value", "padded")]
    amounts = np.array([0, 0, *pads.ints[:axes], 0, 0, *pads.ints[axes:]])
    tensors = [
        numpy_helper.from_array(amounts, names[0]),
        numpy_helper.from_array(np.array(-np.inf, np.float32), names[1]),
    ]
    pooled = onnx.NodeProto()
    pooled.CopyFrom(node)
    pooled.input[0] = names[2]
    pooled.attribute.remove(next(attribute for attribute in pooled.attribute if attribute.name == "pads"))
    return [helper.make_node("Pad", [node.input[0], *names[:2]], names[2:]), pooled], tensors


def _unsupported(node: onnx.NodeProto, attributes: Mapping[str, Any]) -> bool:
    """What the reference does not know, or has wrong: ceil_mode and SAME pads of pools, old forms of operators."""
    if node.op_type in ("MaxPool", "AveragePool"):
        return bool(attributes.get("ceil_mode")) or len(attributes.get("kernel_shape", ())) != 2
    return node.op_type in ("Upsample",)


def reference_outputs(proto: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array] | None:
    """Outputs [samples, elements] of a model; None where the reference implementation is known to be wrong.

    inputs: [samples, *shape] float32 by the model's own names, each sample with its dimension for the batch.
    """
    model = onnx.ModelProto()
    model.CopyFrom(proto)
    (opset,) = (item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    nodes, tensors = [], list[onnx.TensorProto]()
    for node in proto.graph.node:
        attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        if _unsupported(node, attributes):
            return None
        if node.op_type == "MaxPool" and any(attributes.get("pads", ())):
            if opset < 11:  # Pad has no input for -inf
                return None
            replaced, more = _padded_before(node)
            nodes += replaced
            tensors += more
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensors)
    operators: list[type[OpRun]] = [BatchNormalization, *([Softmax] if opset < 13 else []), *repaired_operators()]
    evaluator = ReferenceEvaluator(model, new_ops=operators)
    count = len(next(iter(inputs.values())))
    results: list[list[Array]] = []
    for index in range(count):
        with np.errstate(all="ignore"):
            feed = {name: array[index] for name, array in inputs.items()}
            results.append([np.asarray(array) for array in evaluator.run(None, feed)])
    return {
        output.name: np.stack([result[number].ravel() for result in results])
        for number, output in enumerate(model.graph.output)
    }
