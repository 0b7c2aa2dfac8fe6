"""Kernels of int16 networks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.convolution.conv2d_s16 import CONV2D_INT16, CONV2D_TWICE_INT16, CONV2D_WIDE_INT16, Conv2D16Params
from tinyglow.kernels.elementwise.add import ADD_INT16
from tinyglow.kernels.elementwise.addends import Addend16Params
from tinyglow.kernels.elementwise.broadcast import LOOPS, loop_fields, strides_of
from tinyglow.kernels.elementwise.dequantize import DEQUANTIZE_INT16
from tinyglow.kernels.elementwise.lookup import LOOKUP_INT16, Lookup16Params
from tinyglow.kernels.elementwise.max import MAX_INT16
from tinyglow.kernels.elementwise.min import MIN_INT16
from tinyglow.kernels.elementwise.mul import MUL_INT16, Product16Params
from tinyglow.kernels.elementwise.prelu import PRELU_INT16, PRelu16Params
from tinyglow.kernels.elementwise.quantize import QUANTIZE_INT16, Quantize16Params
from tinyglow.kernels.elementwise.rescale import RESCALE_INT16, Rescale16Params
from tinyglow.kernels.fully_connected.fully_connected_s16 import (
    FULLY_CONNECTED_INT16,
    FULLY_CONNECTED_WIDE_INT16,
    FullyConnected16Params,
)
from tinyglow.kernels.int16 import packed_bias, sum_bounds
from tinyglow.kernels.matmul.matmul_s16 import MATMUL_INT16, MatMul16Params
from tinyglow.kernels.pooling.avg_pool import AVG_POOL_INT16, AvgPool16Params
from tinyglow.kernels.pooling.max_pool import MAX_POOL_INT16, MaxPool16Params
from tinyglow.kernels.reduce.arg_max import ARG_MAX_S16, ArgMaxParams
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import REDUCE_MAX_INT16, ReduceMax16Params
from tinyglow.kernels.reduce.reduce_sum import REDUCE_SUM_INT16, ReduceSum16Params
from tinyglow.numerics import glow, wide
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, int8_arrays, int16_arrays, scales, weighted, windows


@st.composite
def _factors(draw: st.DrawFn, number: int, magnitude: int) -> tuple[tuple[int, ...], int]:
    """Multipliers and their shift: mostly of factors that map ``magnitude`` to about 2**15, else of any."""
    middle = 15 - math.ceil(math.log2(magnitude))
    fitting = scales(middle - 3, middle)
    near = draw(st.lists(weighted((6, fitting), (1, scales(-120, 60))), min_size=number, max_size=number))
    return wide.multipliers([factor * draw(st.sampled_from((1, 1, 1, -1))) for factor in near], magnitude)


@st.composite
def _bounds(draw: st.DrawFn) -> tuple[int, int]:
    """Limits of an activation: none, a ReLU's, or any."""
    values = st.integers(wide.INT16_MIN, wide.INT16_MAX)
    anything = st.tuples(values, values).map(lambda pair: (min(pair), max(pair)))
    ends = st.sampled_from(((wide.INT16_MIN, wide.INT16_MAX), (0, wide.INT16_MAX)))
    return draw(weighted((3, ends), (1, anything)))


@st.composite
def _activations(draw: st.DrawFn) -> dict[str, int]:
    low, high = draw(_bounds())
    (slope,), shift = draw(_factors(1, 2**17))
    leaky = draw(st.sampled_from((0, 0, 1)))
    # Slopes are for any int32, which leaves 62 bits.
    return {"act_min": low, "act_max": high, "leaky": leaky, "slope": slope, "slope_shift": shift}


@st.composite
def _layer(draw: st.DrawFn, weights: Array, is_wide: bool) -> dict[str, Array]:
    """Bias and channels of a layer for weights [units, terms]: those of a network, and all that the proof allows."""
    units = len(weights)
    reach = sum_bounds(weights, np.zeros(units, np.int64))
    # A wide layer is one whose bias alone asks for it, or one of more terms than tests have time for.
    room = (wide.MAX_SUM if is_wide else wide.INT32_MAX) - reach
    style = draw(st.sampled_from(("near", "near", "zero", "limit")))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bias = np.zeros(units, np.int64)
    if style == "near":
        bias = np.clip(np.rint(generator.normal(0, 0.3, units) * reach).astype(np.int64), -room, room)
    elif style == "limit":
        bias = room * generator.choice((-1, 1), units)
    if is_wide:
        bias[0] = draw(st.sampled_from((-1, 1))) * draw(st.integers(2**31, int(room[0])))
    words = []
    for bound in (sum_bounds(weights, bias) + 1).tolist():
        middle = 15 - math.ceil(math.log2(bound))
        ratio = draw(weighted((6, scales(middle, middle + 4)), (1, scales())))
        (multiplier,), shift = wide.multipliers([ratio], min(bound, wide.MAX_SUM))
        words += [multiplier, shift]
    return {"bias": packed_bias(bias, is_wide), "channels": np.array(words, np.int32)}


@st.composite
def _conv_sizes(draw: st.DrawFn) -> tuple[dict[str, Any], int]:
    """The fields of ConvSizes, and the terms of one sum."""
    window, in_h, in_w = draw(windows(max_kernel=4, max_dilation=3))
    group = draw(st.integers(1, 3))
    in_group, out_group = draw(st.one_of(st.just((1, 1)), st.tuples(st.integers(1, 5), st.integers(1, 4))))
    out_h, out_w = window.output_size(in_h, in_w)
    fields = {
        **{"in_h": in_h, "in_w": in_w, "in_c": group * in_group},
        **{"out_h": out_h, "out_w": out_w, "out_c": group * out_group},
        **dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), window.strides, strict=True)),
        **dict(zip(("pad_top", "pad_left"), window.pads[:2], strict=True)),
        **dict(zip(("dilation_h", "dilation_w"), window.dilation, strict=True)),
        **{"group": group, "images": draw(st.integers(1, 2))},
    }
    return fields, window.kernel[0] * window.kernel[1] * in_group


def _convolutions(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        fields, terms = draw(_conv_sizes())
        filters = draw(int8_arrays(fields["out_c"] * terms))
        constants = draw(_layer(filters.reshape(-1, terms), kernel is CONV2D_WIDE_INT16))
        data = draw(int16_arrays(math.prod(fields[key] for key in ("images", "in_h", "in_w", "in_c"))))
        inputs = {"input": data, "filter": filters, **constants}
        size = math.prod(fields[key] for key in ("images", "out_h", "out_w", "out_c"))
        return Case(kernel, Conv2D16Params(**fields, **draw(_activations())), inputs, {"output": size})

    return build()


@generates(CONV2D_INT16)
def _conv2d() -> st.SearchStrategy[Case]:
    return _convolutions(CONV2D_INT16)


@generates(CONV2D_TWICE_INT16)
@st.composite
def _conv2d_twice(draw: st.DrawFn) -> Case:
    """With multipliers for sums of 32 bits, which leave room for what is shifted to the left."""
    case = draw(_convolutions(CONV2D_TWICE_INT16))
    units = len(case.inputs["bias"])
    bounds = sum_bounds(case.inputs["filter"].reshape(units, -1), case.inputs["bias"].astype(np.int64))
    words = []
    for bound in bounds.tolist():
        left = max(0, 31 - bound.bit_length() - 1)
        shift = draw(st.integers(-20, min(left, 3)))
        words += [draw(st.integers(2**30, 2**31 - 1)), shift]
    return replace(case, inputs={**case.inputs, "channels": np.array(words, np.int32)})


@generates(CONV2D_WIDE_INT16)
def _conv2d_wide() -> st.SearchStrategy[Case]:
    return _convolutions(CONV2D_WIDE_INT16)


def _dense(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        is_wide = kernel is FULLY_CONNECTED_WIDE_INT16
        rows, units = draw(st.integers(1, 3)), draw(st.integers(1, 12))
        # 511 products are added in 32 bits at a time.
        many = st.sampled_from((510, 511, 512, 1022, 1023, 1100)) if is_wide else st.integers(200, 260)
        depth = draw(st.one_of(st.integers(1, 40), many))
        weights = draw(int8_arrays(units * depth)).reshape(units, depth)
        constants = draw(_layer(weights, is_wide))
        data = draw(int16_arrays(rows * depth))
        inputs = {"input": data, "weights": weights.ravel(), **constants}
        params = FullyConnected16Params(rows, depth, units, **draw(_activations()))
        return Case(kernel, params, inputs, {"output": rows * units})

    return build()


@generates(FULLY_CONNECTED_INT16)
def _fully_connected() -> st.SearchStrategy[Case]:
    return _dense(FULLY_CONNECTED_INT16)


@generates(FULLY_CONNECTED_WIDE_INT16)
def _fully_connected_wide() -> st.SearchStrategy[Case]:
    return _dense(FULLY_CONNECTED_WIDE_INT16)


@generates(MATMUL_INT16)
@st.composite
def _matmul(draw: st.DrawFn) -> Case:
    batch, rows, columns = (draw(st.integers(1, 4)) for _ in range(3))
    depth = draw(st.integers(1, 40))
    (multiplier,), shift = draw(_factors(1, depth * 2**30))
    inputs = {
        "lhs": draw(int16_arrays(batch * rows * depth)),
        "rhs": draw(int16_arrays(batch * depth * columns)),
    }
    params = MatMul16Params(batch, rows, depth, columns, multiplier, shift)
    return Case(MATMUL_INT16, params, inputs, {"output": batch * rows * columns})


@generates(RESCALE_INT16)
@st.composite
def _rescale(draw: st.DrawFn) -> Case:
    (positive, negative), shift = draw(_factors(2, 2**15))
    params = Rescale16Params(draw(counts()), positive, negative, shift, *draw(_bounds()))
    return Case(RESCALE_INT16, params, {"input": draw(int16_arrays(params.count))}, {"output": params.count})


@generates(PRELU_INT16)
@st.composite
def _prelu(draw: st.DrawFn) -> Case:
    count = draw(counts())
    (positive, negative), shift = draw(_factors(2, 2**15))
    inputs = {"input": draw(int16_arrays(count)), "product": draw(int16_arrays(count))}
    return Case(PRELU_INT16, PRelu16Params(count, positive, negative, shift), inputs, {"output": count})


@st.composite
def _reductions(draw: st.DrawFn) -> tuple[dict[str, int], int, int]:
    """The loops of a reduction, the elements of its input and the terms of one result."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)))
    axes = tuple(axis for axis in range(len(shape)) if draw(st.booleans()))
    return reduce_loops(shape, axes), math.prod(shape), math.prod(shape[axis] for axis in axes)


@generates(REDUCE_SUM_INT16)
@st.composite
def _reduce_sum(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(_reductions())
    (multiplier,), shift = draw(_factors(1, terms * 2**15))
    params = ReduceSum16Params(**loops, multiplier=multiplier, shift=shift)
    return Case(REDUCE_SUM_INT16, params, {"input": draw(int16_arrays(size))}, {"output": size // terms})


@generates(REDUCE_MAX_INT16)
@st.composite
def _reduce_max(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(_reductions())
    inputs = {"input": draw(int16_arrays(size))}
    return Case(REDUCE_MAX_INT16, ReduceMax16Params(**loops), inputs, {"output": size // terms})


@generates(ARG_MAX_S16)
@st.composite
def _arg_max(draw: st.DrawFn) -> Case:
    outer, length, inner = (draw(st.integers(1, 6)) for _ in range(3))
    params = ArgMaxParams(outer, length, inner, *(draw(st.integers(0, 1)) for _ in range(3)))
    data = draw(int16_arrays(outer * length * inner))
    return Case(ARG_MAX_S16, params, {"input": data}, {"output": (1 + params.wide) * outer * inner})


@generates(LOOKUP_INT16)
@st.composite
def _lookup(draw: st.DrawFn) -> Case:
    params = Lookup16Params(draw(counts()))
    inputs = {"input": draw(int16_arrays(params.count)), "table": draw(int16_arrays(513))}
    return Case(LOOKUP_INT16, params, inputs, {"output": params.count})


@st.composite
def two_int16_operands(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, Array], dict[str, int]]:
    """Loops over an operand that is repeated along some dimensions; inputs, and the size of the output."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=LOOPS)))
    other = tuple(draw(st.sampled_from((count, count, 1))) for count in shape)
    size = math.prod(shape)
    inputs = {"input": draw(int16_arrays(size)), "other": draw(int16_arrays(math.prod(other)))}
    return loop_fields(strides_of(shape, other)), inputs, {"output": size}


def _addends(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        loops, inputs, outputs = draw(two_int16_operands())
        (own, other), shift = draw(_factors(2, 2**16))
        return Case(
            kernel, Addend16Params(**loops, input_multiplier=own, other_multiplier=other, shift=shift), inputs, outputs
        )

    return build()


@generates(ADD_INT16)
def _add() -> st.SearchStrategy[Case]:
    return _addends(ADD_INT16)


@generates(MAX_INT16)
def _max() -> st.SearchStrategy[Case]:
    return _addends(MAX_INT16)


@generates(MIN_INT16)
def _min() -> st.SearchStrategy[Case]:
    return _addends(MIN_INT16)


@generates(MUL_INT16)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    loops, inputs, outputs = draw(two_int16_operands())
    (multiplier,), shift = draw(_factors(1, 2**30))
    return Case(MUL_INT16, Product16Params(**loops, multiplier=multiplier, shift=shift), inputs, outputs)


@st.composite
def _pools(draw: st.DrawFn, max_dilation: int) -> tuple[dict[str, int], tuple[int, int], Array, int]:
    """The fields of PoolGeometry, the dilation, the images and the elements of the result."""
    window, in_h, in_w = draw(windows(max_kernel=5, max_dilation=max_dilation))
    channels, images = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    out_h, out_w = window.output_size(in_h, in_w)
    fields = {
        **{"in_h": in_h, "in_w": in_w, "channels": channels, "out_h": out_h, "out_w": out_w, "images": images},
        **dict(zip(("kernel_h", "kernel_w"), window.kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), window.strides, strict=True)),
        **dict(zip(("pad_top", "pad_left"), window.pads[:2], strict=True)),
    }
    data = draw(int16_arrays(images * in_h * in_w * channels))
    return fields, window.dilation, data, images * out_h * out_w * channels


@generates(MAX_POOL_INT16)
@st.composite
def _max_pool(draw: st.DrawFn) -> Case:
    fields, (dilation_h, dilation_w), data, size = draw(_pools(3))
    params = MaxPool16Params(**fields, dilation_h=dilation_h, dilation_w=dilation_w)
    return Case(MAX_POOL_INT16, params, {"input": data}, {"output": size})


@generates(AVG_POOL_INT16)
@st.composite
def _avg_pool(draw: st.DrawFn) -> Case:
    fields, _, data, size = draw(_pools(1))
    area = fields["kernel_h"] * fields["kernel_w"]
    divide = draw(st.integers(0, 1))
    # Sums are scaled before they are divided; an element then has the magnitude of a sum.
    middle = 0 if divide else -math.ceil(math.log2(area))
    scale = draw(weighted((6, scales(middle - 2, middle)), (1, scales())))
    (multiplier,), shift = wide.multipliers([scale], area * 2**15)
    params = AvgPool16Params(**fields, divide=divide, multiplier=multiplier, shift=shift)
    return Case(AVG_POOL_INT16, params, {"input": data}, {"output": size})


def _float_scales() -> st.SearchStrategy[float]:
    """Mostly what models use; also subnormal ones, and those that make infinities of ordinary values."""
    return weighted((4, scales(-28, -4)), (1, scales(-149, -120)), (1, scales(107, 127)))


@generates(QUANTIZE_INT16)
@st.composite
def _quantize(draw: st.DrawFn) -> Case:
    params = Quantize16Params(draw(counts()), draw(_float_scales()))
    # ``float32_arrays`` has about 150 steps on either side; so many times as many reach the ends of int16.
    spread = draw(st.sampled_from((1.0, 230.0)))
    data = draw(float32_arrays(params.count, glow.multiply_float32(params.scale, spread), 0))
    return Case(QUANTIZE_INT16, params, {"input": data}, {"output": params.count})


@generates(DEQUANTIZE_INT16)
@st.composite
def _dequantize(draw: st.DrawFn) -> Case:
    params = Quantize16Params(draw(counts()), draw(_float_scales()))
    return Case(DEQUANTIZE_INT16, params, {"input": draw(int16_arrays(params.count))}, {"output": params.count})
