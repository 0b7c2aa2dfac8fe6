"""Operators on quantized tensors (QLinearConv and the like), as the float operator between its conversions.

Each becomes a DequantizeLinear for each operand, the operator, and a QuantizeLinear, which mean the same (ONNX and
onnxruntime define them so); from there on there is one form of quantized ONNX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx

from tinyglow.ir.graph import Array
from tinyglow.ir.op import UnsupportedError
from tinyglow.ir.record import Record

MICROSOFT = "com.microsoft"


class _Form(Record):
    """Where a quantized operator has its operands. Each operand takes three inputs: integers, scale, zero point.

    Attributes:
        op_type: The float operator.
        operands: Places of the first inputs of the operands.
        result: Place of the result's scale; its zero point follows.
        attributes: Those that the float operator has too.
        ignored: Others, with the one value that they may have.
        bias: Place of an int32 bias; its scale is the product of the operands'.
        weights_axis: The dimension of the second operand along which it may have scales; None if it has one.
        domain: Of the quantized operator.
    """

    op_type: str
    operands: tuple[int, ...]
    result: int
    attributes: tuple[str, ...] = ()
    ignored: tuple[tuple[str, int], ...] = ()
    bias: int | None = None
    weights_axis: int | None = None
    domain: str = MICROSOFT


_WINDOW = ("auto_pad", "kernel_shape", "pads", "strides")
_FIRST = (("channels_last", 0),)
FORMS = {
    "QLinearConv": _Form("Conv", (0, 3), 6, (*_WINDOW, "dilations", "group"), bias=8, weights_axis=0, domain=""),
    "QLinearMatMul": _Form("MatMul", (0, 3), 6, weights_axis=-1, domain=""),
    "QLinearAdd": _Form("Add", (0, 3), 6),
    "QLinearMul": _Form("Mul", (0, 3), 6),
    "QLinearAveragePool": _Form("AveragePool", (0,), 3, (*_WINDOW, "ceil_mode", "count_include_pad"), _FIRST),
    "QLinearGlobalAveragePool": _Form("GlobalAveragePool", (0,), 3, (), _FIRST),
    "QLinearLeakyRelu": _Form("LeakyRelu", (0,), 3, ("alpha",)),
    "QLinearSigmoid": _Form("Sigmoid", (0,), 3),
    "QLinearSoftmax": _Form("Softmax", (0,), 3, ("axis",)),
    "QLinearReduceMean": _Form("ReduceMean", (0,), 3, ("axes", "keepdims")),
    "QLinearConcat": _Form("Concat", (), 0, ("axis",)),
    "QGemm": _Form("Gemm", (0, 3), 7, ("transA", "transB"), bias=6, weights_axis=1),
}


def is_qoperator(node: onnx.NodeProto) -> bool:
    """Whether a node is one of the operators that are read here."""
    form = FORMS.get(node.op_type)
    domains = ("", "ai.onnx") if form is not None and not form.domain else (MICROSOFT,)
    return form is not None and node.domain in domains


class Surroundings(Record):
    """What the expansion of a node needs of the model.

    Attributes:
        opset: Of the model.
        constant: The floats of a constant by name, None if it is none.
        unused: Makes a name that no tensor has.
        add_constant: Adds a constant.
    """

    opset: int
    constant: Callable[[str], Array | None]
    unused: Callable[[str], str]
    add_constant: Callable[[str, Array], None]


def expand(node: onnx.NodeProto, around: Surroundings) -> list[onnx.NodeProto]:
    """The nodes that stand for a quantized operator. Raises UnsupportedError."""
    form, name = FORMS[node.op_type], node.name or node.output[0]
    attributes = _attributes(node, form)
    operands = tuple(range(2, len(node.input), 3)) if node.op_type == "QLinearConcat" else form.operands
    if len(node.input) <= max((*operands, form.result)) or len(node.output) != 1:
        raise UnsupportedError(f"has {len(node.input)} inputs and {len(node.output)} outputs, which are too few")
    made: list[onnx.NodeProto] = []
    scales: list[str] = []
    for number, place in enumerate(operands):
        axis = _weights_axis(node, form) if number == 1 else None
        scale = _scaled(node, place + 1, number, around)
        scales.append(scale)
        made.append(_dequantize([node.input[place], scale, *_zero(node, place + 2)], name, axis, around))
    if form.bias is not None and len(node.input) > form.bias and node.input[form.bias]:
        scale = _product(scales, around)
        made.append(_dequantize([node.input[form.bias], scale], name, 0, around))
    real = around.unused(f"{node.output[0]}_real")
    inputs = [step.output[0] for step in made]
    is_float = form.result >= len(node.input) or not node.input[form.result]
    result = node.output[0] if is_float else real
    made.append(onnx.helper.make_node(form.op_type, inputs, [result], name))
    made[-1].attribute.extend(attributes)
    if not is_float:
        ends = [real, node.input[form.result], *_zero(node, form.result + 1)]
        made.append(onnx.helper.make_node("QuantizeLinear", ends, [node.output[0]], f"{name}_quantize"))
    return made


def _attributes(node: onnx.NodeProto, form: _Form) -> list[onnx.AttributeProto]:
    """The attributes of the float operator. Raises UnsupportedError for those that it has not."""
    allowed = dict(form.ignored)
    for attribute in node.attribute:
        if attribute.name in form.attributes or (node.op_type, attribute.name) in _READ_APART:
            continue
        if attribute.name not in allowed or attribute.i != allowed[attribute.name]:
            found = f"attribute {attribute.name} is {onnx.helper.get_attribute_value(attribute)!r}"
            raise UnsupportedError(found, f"{allowed.get(attribute.name, ', '.join(form.attributes) or 'none')}")
    return [attribute for attribute in node.attribute if attribute.name in form.attributes]


_READ_APART = {("QGemm", "alpha"), ("QLinearSoftmax", "opset")}


def _number(node: onnx.NodeProto, name: str, default: float) -> float:
    values = [onnx.helper.get_attribute_value(item) for item in node.attribute if item.name == name]
    return float(values[0]) if values and isinstance(values[0], int | float) else default


def _weights_axis(node: onnx.NodeProto, form: _Form) -> int | None:
    if node.op_type == "QGemm" and _number(node, "transB", 0):
        return 0
    return form.weights_axis


def _zero(node: onnx.NodeProto, place: int) -> list[str]:
    return [node.input[place]] if place < len(node.input) and node.input[place] else []


def _scaled(node: onnx.NodeProto, place: int, number: int, around: Surroundings) -> str:
    """The scale's name; of QGemm's weights it is multiplied by alpha, so that the product is without."""
    name, alpha = node.input[place], _number(node, "alpha", 1.0)
    if node.op_type != "QGemm" or number != 1 or alpha == 1.0:
        return name
    scale = around.constant(name)
    if scale is None:
        raise UnsupportedError("a scale that is computed at run time", "a constant")
    made = around.unused(f"{name}_alpha")
    around.add_constant(made, (scale * np.float32(alpha)).astype(np.float32))
    return made


def _product(names: Sequence[str], around: Surroundings) -> str:
    """The name of a constant that is the product of scales: the step of a bias."""
    scales = [around.constant(name) for name in names]
    known = [scale for scale in scales if scale is not None]
    if len(known) < len(scales):
        raise UnsupportedError("a scale that is computed at run time", "a constant")
    result = np.float32(1.0)
    for scale in known:
        result = (result * scale.astype(np.float32).ravel()).astype(np.float32)
    name = around.unused("bias_scale")
    around.add_constant(name, result if result.size > 1 else result.reshape(()))
    return name


def _dequantize(inputs: list[str], name: str, axis: int | None, around: Surroundings) -> onnx.NodeProto:
    scale = around.constant(inputs[1])
    output = around.unused(f"{inputs[0]}_real")
    made = onnx.helper.make_node("DequantizeLinear", inputs, [output], f"{name}_dequantize")
    if axis is not None and scale is not None and scale.size > 1:
        made.attribute.append(onnx.helper.make_attribute("axis", axis))
    return made
