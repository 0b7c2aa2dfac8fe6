"""Mul and Div of two tensors: in int8, the product or quotient of the integers is brought to the result's scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tinyglow.ir.forms import OnnxForm, OnnxForms, TFLiteForm, TFLiteForms
from tinyglow.ir.graph import Array, Node
from tinyglow.ir.kernel import I8, I32, U8, In, Kernel, Out
from tinyglow.ir.op import Importer, Lowering, SourceNode, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.numerics import glow
from tinyglow.ops.arithmetic import Binary
from tinyglow.ops.arithmetic_int16 import lower_product_int16
from tinyglow.ops.broadcast import BroadcastParams, OrderedParams, float_kernel, lower_float, lower_operands
from tinyglow.ops.int8 import product_requant, scale_requant
from tinyglow.ops.one_nan import one_nan

# Of a quotient: |-128 - 127| shifted by so many bits stays below 2**23.
MAX_FRACTION_BITS = 15


@dataclass(frozen=True)
class ProductParams(BroadcastParams):
    """``out`` maps products of (element - offset) to the output."""

    input_offset: I8
    other_offset: I8
    out: glow.Requant


def mul_s8(p: ProductParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_mul_s8 (``libjit_element_mul_kernel_i8``): saturate(requantize(product))."""
    a = x.astype(np.int32) - np.int32(p.input_offset)
    b = p.spread(other).astype(np.int32) - np.int32(p.other_offset)
    out[...] = glow.saturate_int8(glow.requantize(a * b, p.out))


@dataclass(frozen=True)
class QuotientParams(BroadcastParams):
    """``out`` maps quotients of (element - offset) to the output.

    The dividend is shifted left by ``fraction_bits`` first; quotients are bounded by -limit and limit, so that ``out``
    saturates what is larger. is_reversed: it is other / input.
    """

    input_offset: I8
    other_offset: I8
    is_reversed: U8
    fraction_bits: U8
    limit: I32
    out: glow.Requant


def div_s8(p: QuotientParams, x: Array, other: Array, out: Array) -> None:
    """Definition of tg_div_s8 (``libjit_element_div_kernel_i8``): saturate(requantize(quotient, rounded towards 0)).

    A division by zero gives 0, as Cortex-M's divide instruction does; C and libjit leave it undefined.
    """
    a = x.astype(np.int64) - p.input_offset
    b = p.spread(other).astype(np.int64) - p.other_offset
    a, b = (b, a) if p.is_reversed else (a, b)
    magnitude = (np.abs(a) << p.fraction_bits) // np.maximum(np.abs(b), 1)
    quotient = np.where(b == 0, 0, np.sign(a) * np.sign(b) * magnitude)
    bounded = np.clip(quotient, -p.limit, p.limit).astype(np.int32)
    out[...] = glow.saturate_int8(glow.requantize(bounded, p.out))


_OPERANDS = (In("input", "int8"), In("other", "int8"), Out("output", "int8", may_alias="input"))

MUL = Kernel(
    symbol="tg_mul_s8",
    c_file="elementwise/tg_mul_s8.c",
    params=ProductParams,
    operands=_OPERANDS,
    reference=mul_s8,
    summary="product of two tensors, element by element",
)

DIV = Kernel(
    symbol="tg_div_s8",
    c_file="elementwise/tg_div_s8.c",
    params=QuotientParams,
    operands=_OPERANDS,
    reference=div_s8,
    summary="quotient of two tensors, element by element",
)


MUL_FLOAT = float_kernel("mul", lambda x, y: one_nan(x * y), "product of two tensors")
DIV_FLOAT = float_kernel("div", lambda x, y: one_nan(x / y), "quotient of two tensors", OrderedParams)


@dataclass(frozen=True)
class Mul(Binary):
    """x * y."""

    onnx_types: ClassVar[OnnxForms] = {"Mul": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {
        "MUL": TFLiteForm(8, "MulOptions", ("fused_activation_function",)),
        "SQUARE": TFLiteForm(1),
    }

    @classmethod
    def from_tflite(cls, node: SourceNode, importer: Importer) -> None:
        """A square is the product of its input with itself."""
        inputs = node.inputs * 2 if node.op_type == "SQUARE" else node.inputs
        super().from_tflite(replace(node, inputs=inputs), importer)

    def combine(self, x: Array, y: Array) -> Array:
        return x * y

    def lower(self, node: Node, lowering: Lowering) -> None:
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lower_float(node, lowering, MUL_FLOAT)
            return
        if lowering.type_of(node.outputs[0]).dtype == "int16":
            lower_product_int16(node, lowering)
            return
        operands = lower_operands(node, lowering)
        x, y, result = operands.params
        out = product_requant(x, y, result)
        params = ProductParams(**operands.loops, input_offset=x.offset, other_offset=y.offset, out=out)
        operands.call(MUL, params, lowering)


def quotient_requant(
    dividend: QuantParams, divisor: QuantParams, result: QuantParams, fraction_bits: int
) -> tuple[glow.Requant, int]:
    """From quotients to the result, and the largest quotient (at least 0) whose requantization fits 32 bits.

    dividend scale / (divisor scale * result scale), step by step in float32 (Glow, LLVMIRGen.cpp, ElementDivInst).
    Glow does not shift the dividend and lets large quotients wrap: with fraction_bits 0 there is no limit.
    """
    scale = glow.divide_float32(dividend.scale, glow.multiply_float32(divisor.scale, result.scale))
    out = scale_requant(scale / 2**fraction_bits, result.offset)
    if not fraction_bits or not out.multiplier:
        return out, glow.INT32_MAX
    room = glow.INT32_MAX - ((1 << out.post) >> 1)
    return out, min((room // out.multiplier) << out.pre, glow.INT32_MAX)


@dataclass(frozen=True)
class Div(Binary):
    """x / y; integers (shapes) are rounded towards 0.

    fraction_bits: of the int8 quotient, before it is scaled. Glow has none: its int8 Div divides the integers, which is
    exact for its bundles and useless for most others.
    """

    fraction_bits: int = 0

    onnx_types: ClassVar[OnnxForms] = {"Div": OnnxForm(14)}
    tflite_types: ClassVar[TFLiteForms] = {"DIV": TFLiteForm(2, "DivOptions", ("fused_activation_function",))}
    int8_in_tflite: ClassVar[bool] = False
    has_int16: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.fraction_bits <= MAX_FRACTION_BITS:
            raise ValueError(f"{self.fraction_bits} fraction bits, at most {MAX_FRACTION_BITS} are possible")

    def combine(self, x: Array, y: Array) -> Array:
        if x.dtype.kind != "i":
            with np.errstate(divide="ignore", invalid="ignore"):  # whoever runs the graph looks for what is not finite
                return x / y
        if not y.all():
            raise UnsupportedError("a division of integers by zero")
        return np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))

    def lower(self, node: Node, lowering: Lowering) -> None:
        if lowering.type_of(node.outputs[0]).dtype == "float32":
            lower_float(node, lowering, DIV_FLOAT)
            return
        operands = lower_operands(node, lowering)
        x, y, result = operands.params
        dividend, divisor = (y, x) if operands.is_reversed else (x, y)
        out, limit = quotient_requant(dividend, divisor, result, self.fraction_bits)
        params = QuotientParams(
            **operands.loops,
            input_offset=x.offset,
            other_offset=y.offset,
            is_reversed=int(operands.is_reversed),
            fraction_bits=self.fraction_bits,
            limit=limit,
            out=out,
        )
        operands.call(DIV, params, lowering)
