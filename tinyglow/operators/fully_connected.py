"""Fully connected layer: input [rows, depth] times weights [depth, units] plus bias [units]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node, Value
from tinyglow.ir.namer import legal_name
from tinyglow.ir.op import (
    Importer,
    Lowering,
    Op,
    OtherNumerics,
    Quantizing,
    ShapeError,
    SourceNode,
    UnsupportedError,
)
from tinyglow.ir.target import Variant
from tinyglow.ir.types import TensorType
from tinyglow.kernels.accumulator import bias_or_wrapped, check_accumulator, output_requant, overflow_of
from tinyglow.kernels.fully_connected.fully_connected import portable_variant
from tinyglow.kernels.fully_connected.fully_connected_f32 import FULLY_CONNECTED_FLOAT, FullyConnectedFloatParams
from tinyglow.kernels.fully_connected.fully_connected_packed import packed_dense_variants
from tinyglow.kernels.fully_connected.fully_connected_s16 import lower_fully_connected_int16
from tinyglow.kernels.fully_connected.layer import DenseLayer, FullyConnectedParams
from tinyglow.kernels.fully_connected.variants import VARIANTS
from tinyglow.kernels.window import Window
from tinyglow.numerics import glow
from tinyglow.numerics.names import GLOW, ONNX, TFLITE
from tinyglow.operators.conv2d import ChannelwiseConv2D
from tinyglow.operators.exact_layers import lower_fully_connected
from tinyglow.operators.fused_activation import activate
from tinyglow.operators.glow_nodes import Gemm, Splat
from tinyglow.operators.numerics import lower_as_it_is
from tinyglow.operators.reshape import Reshape
from tinyglow.operators.slice import Slice
from tinyglow.operators.tflite_node import add_node, constant_bias


def _gemm_bias(node: SourceNode, importer: Importer, units: int) -> Array:
    """ONNX Gemm's C times beta, as [units]; zeros where it is absent."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return np.zeros(units, np.float32)
    c = importer.constant(node.inputs[2])
    if c is None:
        raise UnsupportedError("a C that is computed at run time", "a constant C")
    if c.size not in (1, units) or c.shape[-1:] not in ((), (1,), (units,)):
        raise UnsupportedError(f"C of shape {list(c.shape)}", f"[{units}] or a scalar")
    bias: Array = np.broadcast_to(c.reshape(-1), (units,)).astype(np.float32) * np.float32(node.real("beta", 1.0))
    return bias


class FullyConnected(Op):
    """Inputs: x [rows, depth], weights [depth, units], bias [units].

    gemm_weights: of a Gemm, the weights' name in the model.
    """

    gemm_weights: str = ""

    onnx_types: ClassVar[OnnxForms] = {"Gemm": OnnxForm(13, ("alpha", "beta", "transA", "transB"))}
    tflite_types: ClassVar[TFLiteForms] = {
        "FULLY_CONNECTED": TFLiteForm(
            14,
            "FullyConnectedOptions",
            ("fused_activation_function", "keep_num_dims", "weights_format"),
            without_effect={
                "quantized_bias_type": "of int16 layers without a bias",
                "asymmetric_quantize_inputs": "rounds the float input of int8 weights, which stays float",
            },
        )
    }
    quantizable: ClassVar[bool] = True
    has_int16: ClassVar[bool] = True
    units_axis: ClassVar[int] = 1
    absorbs_rescale_before: ClassVar[tuple[int, ...]] = (0,)
    absorbs_rescale_after: ClassVar[bool] = True
    bias_operand: ClassVar[int | None] = 2
    other_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_fully_connected, ONNX: lower_fully_connected}
    int16_numerics: ClassVar[OtherNumerics] = {TFLITE: lower_as_it_is}

    @classmethod
    def from_onnx(cls, node: SourceNode, importer: Importer) -> None:
        """Gemm with constant B and C. Glow lowers it to a FullyConnected numbered __1, over ``<name>_TransposeB``."""
        x, weights = importer.value(node.inputs[0]), importer.constant(node.inputs[1])
        if weights is None or node.integer("transA", 0) or len(x.type.shape) != 2 or weights.ndim != 2:
            raise UnsupportedError("this form of Gemm", "a 2-D input and constant 2-D weights, transA=0")
        if importer.like_glow:
            _add_gemm(node, importer, x)
            return
        edit = importer.editor
        edit.namer.unique(node.name)  # the Gemm node itself
        weights = weights.astype(np.float32) * np.float32(node.real("alpha", 1.0))
        name = node.inputs[1]
        if node.integer("transB", 0):
            weights, name = np.ascontiguousarray(weights.T), f"{node.name}_TransposeB"
            edit.derived.add(legal_name(name))
        elif importer.value(name).data is not None and node.real("alpha", 1.0) == 1.0:
            name = ""
        matrix = edit.constant(name, weights) if name else importer.value(node.inputs[1])
        bias = _gemm_bias(node, importer, weights.shape[1])
        original = importer.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        if original is None or original.data is None or not np.array_equal(original.data, bias):
            original = edit.constant(f"{node.name}_bias", bias)
        importer.bind(
            node.outputs[0], edit.add(node.name, cls(legal_name(node.inputs[1])), [x, matrix, original], node.name)
        )

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """Weights are [units, depth]; rows are all dimensions but the last, or what makes rows of that depth."""
        x, given = importer.value(node.inputs[0]), importer.value(node.inputs[1])
        if given.data is None or len(given.type.shape) != 2:
            raise UnsupportedError(f"weights {list(given.type.shape)}", "constant weights [units, depth]")
        if node.text("weights_format", "DEFAULT") != "DEFAULT":
            raise UnsupportedError(f"weights in the format {node.text('weights_format', '')}", "DEFAULT")
        (units, depth), shape, edit = given.type.shape, x.type.shape, importer.editor
        keeps = node.integer("keep_num_dims", 0)
        if not shape or x.type.elements % depth or (keeps and shape[-1] != depth):
            found = f"input {list(shape)}, weights {list(given.type.shape)}"
            raise UnsupportedError(found, "rows of that depth")
        edit.namer.unique(f"{node.name}.Transpose")  # of the weights, folded at once
        rows = x.type.elements // depth
        if len(shape) != 2 or shape[1] != depth:
            x = edit.add(f"{node.name}.reshape2D", Reshape((rows, depth)), [x], node.name)
        weights = edit.constant(node.inputs[1], np.ascontiguousarray(given.data.T))
        result = add_node(node, importer, cls(), [x, weights, constant_bias(node, importer, units)])
        result = activate(node, importer, result)
        target = (*shape[:-1], units) if keeps else (rows, units)
        if result.type.shape != target:
            result = edit.add(f"{node.name}.Reshape", Reshape(target), [result], node.name)
        importer.bind(node.outputs[0], result)

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        x, weights, bias = (type_.shape for type_ in inputs)
        if len(x) != 2 or len(weights) != 2 or x[1] != weights[0] or bias != weights[1:]:
            raise ShapeError(f"input {list(x)}, weights {list(weights)}, bias {list(bias)}", "[n, k], [k, m], [m]")
        return (TensorType((x[0], weights[1])),)

    def multiplications(self, *inputs: TensorType) -> int:
        """``Op.multiplications``."""
        return inputs[0].elements * inputs[1].shape[1]

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, weights, bias = inputs
        return (x @ weights[0] + bias[0],)

    def quantize(self, node: Node, quantizing: Quantizing) -> Value:
        """Weights with parameters for each unit make it a 1x1 convolution over the rows; Glow has no such layer."""
        if not quantizing.by_unit or quantizing.int16 or quantizing.numerics != GLOW:
            return quantizing.convert(node)
        edit, x = quantizing.edit, quantizing.quantized(node.inputs[0])
        rows, depth = x.type.shape
        image = edit.add(f"{node.name}.reshape4D", Reshape((1, rows, 1, depth)), [x], node.origin)
        result = quantizing.convert_channelwise(node, ChannelwiseConv2D(Window((1, 1))), image)
        type_ = result.type.reshaped((rows, result.type.shape[-1]))
        return edit.add(node.name, Reshape(type_.shape), [result], node.origin, (type_,))

    def lower(self, node: Node, lowering: Lowering) -> None:
        x, weights, bias = (lowering.type_of(name) for name in node.inputs)
        out = lowering.type_of(node.outputs[0])
        if out.dtype == "int16":
            lower_fully_connected_int16(node, lowering)
            return
        # Each unit's weights side by side, as the kernel reads them.
        matrix = np.ascontiguousarray(lowering.data_of(node.inputs[1]).T)
        if out.dtype == "float32":
            lowering.data_of(node.inputs[2])  # which refuses what is computed
            constants = [lowering.constant(node.inputs[1], matrix), lowering.buffer(node.inputs[2])]
            operands = [lowering.buffer(node.inputs[0]), *constants, lowering.buffer(node.outputs[0])]
            sizes = FullyConnectedFloatParams(x.shape[0], x.shape[1], out.shape[1])
            lowering.call(FULLY_CONNECTED_FLOAT, operands, sizes)
            return
        assert x.quant and weights.quant and bias.quant and out.quant
        may_wrap = lowering.target.wraps
        sums = bias_or_wrapped(lowering.data_of(node.inputs[2]), bias.quant, x.quant, weights.quant, may_wrap)
        if not may_wrap:
            check_accumulator(matrix, weights.quant, x.quant, sums)
        # sum of (x - xo) * (w - wo) = sum of x * (w - wo) - xo * sum of (w - wo), and the last term is constant.
        folded = sums - x.quant.offset * (matrix.astype(np.int32) - weights.quant.offset).sum(axis=1, dtype=np.int32)
        plain = type(x.quant)(x.quant.scale, 0)
        if not may_wrap:
            check_accumulator(matrix, weights.quant, plain, folded)
        wraps = any(overflow_of(matrix, weights.quant, q, b) for q, b in ((x.quant, sums), (plain, folded)))
        params = FullyConnectedParams(
            rows=x.shape[0],
            depth=x.shape[1],
            units=out.shape[1],
            weights_offset=weights.quant.offset,
            act_min=glow.INT8_MIN,
            act_max=glow.INT8_MAX,
            out=output_requant(x.quant, weights.quant, out.quant),
        )
        layer = DenseLayer(node, matrix, folded, params, x.quant.offset, wraps=wraps)
        lowering.choose(_variants(layer, lowering))


def _variants(layer: DenseLayer, lowering: Lowering) -> Iterator[Variant]:
    """The ways to compute an int8 layer, the portable one first. Only its sums may wrap."""
    yield portable_variant(layer, lowering)
    if layer.wraps:
        return
    others = (family(layer, lowering) for family in VARIANTS)
    yield from (variant for variant in others if variant is not None)
    yield from packed_dense_variants(layer, lowering)


def _add_gemm(node: SourceNode, importer: Importer, x: Value) -> None:
    """As Glow's createGemm: without C there are zeros; a C of equal rows becomes one of them."""
    edit, weights = importer.editor, importer.value(node.inputs[1])
    alpha, beta = (glow.float32(node.real(name, 1.0)) for name in ("alpha", "beta"))
    op = Gemm(alpha, beta, False, bool(node.integer("transB", 0)))
    units = op.infer(x.type, weights.type)[0].shape[1]
    if len(node.inputs) < 3 or not node.inputs[2]:
        c = edit.add(f"{node.name}.SplatC", Splat(0.0, (units,)), [], node.name)
    else:
        c = importer.value(node.inputs[2])
        rows = c.data
        if rows is not None and rows.size == 1 != units:  # which Glow refuses
            c = edit.constant(c.name, np.full(units, rows.flat[0], np.float32))
        elif rows is not None and rows.ndim == 2 and (rows == rows[0]).all():
            length = rows.shape[1]
            row = edit.add(f"{node.name}.SliceC", Slice((0, 0), (1, length), (1, 1)), [c], node.name)
            c = edit.add(f"{node.name}.ReshapeC", Reshape((length,)), [row], node.name)
    importer.bind(node.outputs[0], edit.add(node.name, op, [x, weights, c], node.name))
