"""How operators become kernel calls with LiteRT's numerics, where that is more than a table or a layer."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tinyglow.ir.graph import Array, Node
from tinyglow.ir.op import Lowering, UnsupportedError
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.add_linear import ADD_LINEAR, equal_sum
from tinyglow.kernels.elementwise.add_tflite import ADD_TFLITE, LEFT_SHIFT, SumTfliteParams, add_tflite_s8
from tinyglow.kernels.elementwise.broadcast import lower_operands
from tinyglow.kernels.elementwise.lookup import LOOKUP, LookupParams
from tinyglow.kernels.elementwise.mul_tflite import MUL_TFLITE, ProductTfliteParams
from tinyglow.kernels.elementwise.prelu_tflite import PRELU_TFLITE, PReluTfliteParams
from tinyglow.kernels.pooling.avg_pool_tflite import (
    AVG_POOL_TFLITE,
    AVG_POOL_TFLITE_INT16,
    AVG_POOL_TFLITE_TIES_UP,
    AvgPoolTfliteParams,
)
from tinyglow.kernels.pooling.geometry import geometry
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_mean_tflite import (
    REDUCE_MEAN_TFLITE,
    REDUCE_MEAN_TFLITE_INT16,
    ReduceMeanTfliteParams,
    mean_multiplier,
)
from tinyglow.kernels.resize.ranges import FRACTION_BITS
from tinyglow.kernels.resize.resize_bilinear import RESIZE_BILINEAR, ResizeBilinearParams, pack_taps
from tinyglow.kernels.softmax.softmax_tflite import SOFTMAX_TFLITE, SoftMaxTfliteParams, distance_table
from tinyglow.kernels.softmax.softmax_tflm import MAX_COLUMNS, SOFTMAX_TFLM, SoftMaxTflmParams, exponentials
from tinyglow.kernels.window import Window
from tinyglow.numerics import tflite_tables
from tinyglow.numerics.names import HINT, TFLM
from tinyglow.numerics.tflite import Multiplier, float_ratio, multiplier_of
from tinyglow.operators.numerics import int8_ends


def lower_sum(node: Node, lowering: Lowering, sign: int = 1) -> None:
    """Add, and with ``sign`` -1 Sub (add.cc, sub.cc): the operands' scales over twice the larger one."""
    operands = lower_operands(node, lowering)
    x, y, result = operands.params
    in_float = sign < 0 and lowering.numerics == TFLM
    (own, other), out = sum_multipliers((x.scale, y.scale), result.scale, LEFT_SHIFT, in_float)
    signs = (1, sign)
    signs = signs[::-1] if operands.is_reversed else signs
    params = SumTfliteParams(
        **operands.loops,
        **_product_fields(x, y, result, out),
        input_shift=own.shift,
        other_shift=other.shift,
        input_sign=signs[0],
        other_sign=signs[1],
        input_multiplier=own.multiplier,
        other_multiplier=other.multiplier,
    )
    slopes = signs[0] * x.scale / result.scale, signs[1] * y.scale / result.scale
    linear = equal_sum(_every_result(params), slopes)
    if linear is None:
        operands.call(ADD_TFLITE, params, lowering)
    else:
        operands.call(ADD_LINEAR, linear.params(operands.loops), lowering)


def sum_multipliers(
    scales: tuple[float, float], result: float, left_shift: int, in_float: bool
) -> tuple[tuple[Multiplier, Multiplier], Multiplier]:
    """The multipliers of two operands of a sum, and of the sum. in_float: ratios are float32 (tflm, sub_common.cc)."""
    twice = 2 * max(scales)
    ratio = float_ratio if in_float else operator.truediv
    own, other = (multiplier_of(ratio(scale, twice)) for scale in scales)
    return (own, other), multiplier_of(ratio(twice, (1 << left_shift) * result))


def product_multiplier(x: float, y: float, result: float, numerics: str) -> Multiplier:
    """The multiplier of a product: in LiteRT a ratio of floats (mul.cc), in tflm of doubles (mul_common.cc)."""
    return multiplier_of(x * y / result if numerics == TFLM else float_ratio(x, result, y))


def _every_result(params: SumTfliteParams) -> Array:
    """int8 [256, 256]: the sums of each x and y from -128 to 127."""
    count = 256
    all_int8 = np.arange(-128, 128).astype(np.int8)
    loops = {"outer": 1, "middle": count, "inner": count, "outer_stride": 0, "middle_stride": 0, "inner_stride": 1}
    out = np.empty((1, count * count), np.int8)
    add_tflite_s8(replace(params, **loops), np.repeat(all_int8, count)[np.newaxis], all_int8[np.newaxis], out)
    return out.reshape(count, count)


def _product_fields(x: QuantParams, y: QuantParams, result: QuantParams, out: Multiplier) -> dict[str, int]:
    return {
        "input_offset": x.offset,
        "other_offset": y.offset,
        "out_offset": result.offset,
        "act_min": -128,
        "act_max": 127,
        "shift": out.shift,
        "multiplier": out.multiplier,
    }


def lower_product(node: Node, lowering: Lowering) -> None:
    """Mul (mul.cc)."""
    operands = lower_operands(node, lowering)
    x, y, result = operands.params
    out = product_multiplier(x.scale, y.scale, result.scale, lowering.numerics)
    params = ProductTfliteParams(**operands.loops, **_product_fields(x, y, result, out))
    operands.call(MUL_TFLITE, params, lowering)


def lower_prelu(node: Node, lowering: Lowering) -> None:
    """PRelu (prelu.cc): the slopes' scale is part of the multiplier below 0."""
    operands = lower_operands(node, lowering)
    x, slopes, result = operands.params
    if operands.is_reversed:
        raise UnsupportedError("slopes of a larger shape than the input", "slopes that broadcast", HINT)
    above = multiplier_of(x.scale / result.scale)
    below = multiplier_of(x.scale * slopes.scale / result.scale)
    params = PReluTfliteParams(
        **operands.loops,
        input_offset=x.offset,
        other_offset=slopes.offset,
        out_offset=result.offset,
        shift=above.shift,
        below_shift=below.shift,
        multiplier=above.multiplier,
        below_multiplier=below.multiplier,
    )
    operands.call(PRELU_TFLITE, params, lowering)


def lower_mean(node: Node, lowering: Lowering, axes: tuple[int, ...] = (1, 2), divides: bool = True) -> None:
    """Means over dimensions, or sums (reduce.cc)."""
    source, result = int8_ends(node, lowering)
    shape, is_int16 = lowering.type_of(node.inputs[0]).shape, lowering.type_of(node.inputs[0]).dtype == "int16"
    terms = math.prod(shape[axis] for axis in axes)
    if terms << (16 if is_int16 else 8) >= 2**31:
        raise UnsupportedError(f"sums of {terms} elements", "sums that fit 32 bits")
    by = mean_multiplier(source.scale / result.scale, terms if divides else 1)
    params = ReduceMeanTfliteParams(
        **reduce_loops(shape, axes),
        start=-source.offset * terms,
        multiplier=by.multiplier,
        shift=by.shift,
        out_offset=result.offset,
    )
    kernel = REDUCE_MEAN_TFLITE_INT16 if is_int16 else REDUCE_MEAN_TFLITE
    lowering.call(kernel, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_bilinear(node: Node, lowering: Lowering, coordinates: str, sizes: Sequence[int]) -> None:
    """RESIZE_BILINEAR (resize_bilinear.h): coordinates of 10 fractional bits, one rounding, ties away from zero."""
    source, result = int8_ends(node, lowering)
    if source != result or not coordinates.startswith("tflite"):
        raise UnsupportedError("a resize with another scale, or as ONNX has it", "what LiteRT has", HINT)
    n, height, width, channels = lowering.type_of(node.inputs[0]).shape
    output = lowering.buffer(node.outputs[0])
    tables = [
        lowering.constant(f"{output}_{name}", bilinear_taps(coordinates, size, length))
        for name, size, length in (("rows", height, sizes[1]), ("columns", width, sizes[2]))
    ]
    half = 1 << (2 * FRACTION_BITS - 1)
    params = ResizeBilinearParams(height, width, channels, sizes[1], sizes[2], n, half - 1, half)
    lowering.call(RESIZE_BILINEAR, [lowering.buffer(node.inputs[0]), *tables, output], params)


def bilinear_taps(coordinates: str, size: int, length: int) -> Array:
    """The table of taps along a dimension (resize_bilinear.h, ComputeInterpolationValuesInteger)."""
    step = ((1 << 10) * size + length // 2) // length
    if coordinates == "tflite_align_corners" and length > 1:
        step = ((1 << 10) * (size - 1) + (length - 1) // 2) // (length - 1)
    places = np.arange(length, dtype=np.int64) * step
    if coordinates == "tflite_half_pixel":
        places += step // 2 - (1 << 9)
    first = np.minimum(np.maximum(places >> 10, 0), size - 1)
    second = np.minimum(np.maximum((places + 1023) >> 10, first), size - 1)
    weights = np.where(first == second, 0, places - (first << 10))
    return pack_taps(first, second, weights << (FRACTION_BITS - 10))


def lower_avg_pool(
    node: Node, lowering: Lowering, window: Window, count_include_pads: bool, of_uint8: bool = False
) -> None:
    """AVERAGE_POOL_2D (pooling.h), whose result has its input's parameters; another scale is a table after it."""
    source, result = int8_ends(node, lowering)
    if count_include_pads and any(window.pads):
        raise UnsupportedError("an average pool that counts its padding", "one that does not", HINT)
    image, type_ = (lowering.type_of(name) for name in (node.inputs[0], node.outputs[0]))
    output = lowering.buffer(node.outputs[0])
    if type_.dtype == "int16":
        _lower_avg_pool_int16(node, lowering, window)
        return
    mean = output if source == result else lowering.temporary(replace(type_, quant=source))
    params = AvgPoolTfliteParams(**geometry(window, image.shape, type_.shape), act_min=-128, act_max=127)
    kernel = AVG_POOL_TFLITE_TIES_UP if of_uint8 else AVG_POOL_TFLITE
    lowering.call(kernel, [lowering.buffer(node.inputs[0]), mean], params)
    if mean != output:
        entries = tflite_tables.rescale((source.scale, source.offset), (result.scale, result.offset))
        table = lowering.constant(f"{node.outputs[0]}_table", entries)
        lowering.call(LOOKUP, [mean, table, output], LookupParams(type_.elements))


def _lower_avg_pool_int16(node: Node, lowering: Lowering, window: Window) -> None:
    """Of int16, whose result has always its input's scale."""
    source, result = int8_ends(node, lowering)
    if source != result:
        raise UnsupportedError("an average pool of int16 with another scale", "the input's", HINT)
    image, type_ = (lowering.type_of(name) for name in (node.inputs[0], node.outputs[0]))
    params = AvgPoolTfliteParams(**geometry(window, image.shape, type_.shape), act_min=-(2**15), act_max=2**15 - 1)
    lowering.call(AVG_POOL_TFLITE_INT16, [lowering.buffer(node.inputs[0]), lowering.buffer(node.outputs[0])], params)


def lower_softmax(node: Node, lowering: Lowering) -> None:
    """SOFTMAX: in fixed point (reference/softmax.h); rows too long for that by floats, as the optimized kernel."""
    source, result = int8_ends(node, lowering)
    rows, columns = lowering.type_of(node.inputs[0]).shape
    if _has_fixed_point(source, result, columns):
        lower_softmax_tflm(node, lowering)
        return
    table = lowering.constant(f"{node.name}_exponentials", distance_table(source.scale))
    operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
    lowering.call(SOFTMAX_TFLITE, operands, SoftMaxTfliteParams(rows, columns, result.scale, result.offset))


def _has_fixed_point(source: QuantParams, result: QuantParams, columns: int) -> bool:
    return result == QuantParams(1 / 256, -128) and columns <= MAX_COLUMNS and source.scale >= 2.0**-26


def lower_softmax_tflm(node: Node, lowering: Lowering) -> None:
    """SOFTMAX in fixed point, whose result has one scale alone. CMSIS-NN has that of LiteRT's reference kernels."""
    source, result = int8_ends(node, lowering)
    rows, columns = lowering.type_of(node.inputs[0]).shape
    if not _has_fixed_point(source, result, columns):
        found = f"a softmax of {columns} elements with scale {result.scale:g}"
        raise UnsupportedError(found, f"at most {MAX_COLUMNS}, scale 1/256, zero point -128", HINT)
    table = lowering.constant(f"{node.name}_exponentials", exponentials(source.scale))
    operands = [lowering.buffer(node.inputs[0]), table, lowering.buffer(node.outputs[0])]
    lowering.call(SOFTMAX_TFLM, operands, SoftMaxTflmParams(rows, columns))
