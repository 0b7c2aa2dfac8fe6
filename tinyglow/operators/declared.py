"""Which nodes become int8 by what their model file declares, and what must be true of the parameters of layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tinyglow.errors import Problem
from tinyglow.ir.graph import Declared, Graph, Node, Value
from tinyglow.numerics import glow
from tinyglow.numerics.names import LIKE_LITERT, ONNX, TFLITE
from tinyglow.operators.litert_function import litert_function
from tinyglow.operators.numerics import has_form


def reason_for_float(node: Node, graph: Graph) -> str:
    """Why a node does not become int8; "" if it does."""
    if node.op.mixes_integers:
        values = [graph.values[name] for name in (*node.inputs, *node.outputs)]
        return next((reason for value in values if (reason := _fault(value, False, ""))), "")
    if litert_function(node, graph) is not None:
        return ""
    op, own = node.op, "int16" if is_int16(node, graph) else "int8"
    if own == "int16" and not (op.has_int16 or (graph.numerics in LIKE_LITERT and op.int16_numerics)):
        return f"{op.kind} has no int16 form"
    if not (op.quantizable and op.declared_int8):
        return f"{op.kind} has no int8 form with declared parameters"
    if graph.numerics == ONNX and not has_form(type(op), ONNX):  # in float between conversions it is what ONNX says
        return f"{op.kind} is computed in float with the numerics {ONNX}"
    for index, name in enumerate(node.inputs):
        value = graph.values[name]
        if index == op.bias_operand or value.type.dtype != "float32":
            continue
        by_unit = op.bias_operand is not None and index == 1
        if reason := _fault(value, by_unit, "int8" if op.bias_operand is not None and index else own):
            return reason
    for name in node.outputs:
        value = graph.values[name]
        if value.type.dtype == "float32" and (reason := _fault(value, False, own)):
            return reason
    if graph.numerics == ONNX and own == "int8" and not _has_onnx_form(node, graph):
        return f"{op.kind} with these scales is computed in float with the numerics {ONNX}"
    return ""


def _has_onnx_form(node: Node, graph: Graph) -> bool:
    values = [graph.values[name] for name in (*node.inputs, *node.outputs)]
    quants = [
        value.declared.quant for value in values if value.declared is not None and value.declared.quant is not None
    ]
    return node.op.has_onnx_form([value.type.shape for value in values], quants)


def is_int16(node: Node, graph: Graph) -> bool:
    """Whether the file declares int16 for something that a node reads or makes."""
    declared = [graph.values[name].declared for name in (*node.inputs, *node.outputs)]
    return any(one is not None and one.dtype == "int16" for one in declared)


def _fault(value: Value, by_unit: bool, dtype: str) -> str:
    """What keeps a value from being ``dtype`` ("": any integers); "" if nothing does. by_unit: of many scales too."""
    declared = value.declared
    if declared is None:
        return f"the model does not quantize {value.name}"
    if dtype and declared.dtype != dtype:
        return f"the model makes {declared.dtype} of {value.name}"
    if declared.quant is None and not by_unit:
        return f"{value.name} has many scales"
    return ""


# How far a bias's scale may be from the product of the input's and the weights', and its integers count as they are:
# in Glow (-tflite-bias-scale-check-max-error) for one of that product, in LiteRT for one of the result's scale
# (kernel_util.cc, GetQuantizedConvolutionMultipler), in onnxruntime for one of the product and absolutely (found by
# trying its layers).
_OF_PRODUCT, _OF_RESULT, _OF_PRODUCT_IN_ONNX, _IN_ONNX = 1e-6, 0.02, 0.01, 1e-6


def _allowed(product: float, result: Declared | None, own: str) -> float:
    """How far the scale of a bias may be from the product of scales. own: the numerics of the model's runtime."""
    if own == ONNX:
        return _IN_ONNX + _OF_PRODUCT_IN_ONNX * product
    of_result = _OF_RESULT * result.quant.scale if own == TFLITE and result and result.quant else 0.0
    return max(_OF_PRODUCT * product, of_result)


def layer_problems(graph: Graph) -> list[Problem]:
    """What is wrong with the parameters of layers: biases must have the steps of the sums."""
    problems = []
    for node, products, bias in _layers(graph):
        where = f"node {node.origin!r}"
        if not all(0 < product < math.inf for product in products):
            found = f"has scales whose product is {min(products):g} to {max(products):g}"
            problems.append(Problem(where, found, "ordinary numbers"))
        elif bias is not None:
            problems += [Problem(where, *fault) for fault in _bias_faults(node, graph, bias, products)[:1]]
    return problems


def odd_biases(graph: Graph) -> list[str]:
    """The declared biases that have not the steps of their layer's sums."""
    return [
        node.inputs[-1]
        for node, products, bias in _layers(graph)
        if bias is not None and _bias_faults(node, graph, bias, products)
    ]


def _layers(graph: Graph) -> Iterator[tuple[Node, list[float], Declared | None]]:
    """The layers that become int8, with the steps of their sums, and what is declared of their biases."""
    for node in graph.nodes:
        if node.op.bias_operand is None or reason_for_float(node, graph):
            continue
        image, weights, bias = (graph.values[name].declared for name in node.inputs)
        assert image is not None and image.quant is not None and weights is not None
        yield node, [glow.multiply_float32(image.quant.scale, scale) for scale in _scales(weights)], bias


def _scales(declared: Declared) -> Sequence[float]:
    if declared.channel_quant is not None:
        return declared.channel_quant.scales
    assert declared.quant is not None
    return (declared.quant.scale,)


def _bias_faults(node: Node, graph: Graph, bias: Declared, products: Sequence[float]) -> list[tuple[str, str]]:
    """What is found and expected of a bias's scales."""
    assert bias.data is not None
    steps, result = bias.data.tolist(), graph.values[node.outputs[0]].declared
    if bias.dtype not in ("int32", "int64"):
        return [(f"a bias of type {bias.dtype}", "int32 or int64")]
    own, due = (np.broadcast_to(scales, len(steps)).tolist() for scales in (_scales(bias), products))
    return [
        (f"a bias with the scale {scale:g}", f"{product:g}, the product of the input's and the weights'")
        for step, scale, product in zip(steps, own, due, strict=True)
        if step and abs(scale - product) > _allowed(product, result, graph.own_numerics)
    ]
