"""The outputs of a model as onnx's own reference implementation computes them."""

from __future__ import annotations

from collections.abc import Mapping
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
    evaluator = ReferenceEvaluator(model, new_ops=[BatchNormalization, *([Softmax] if opset < 13 else [])])
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
