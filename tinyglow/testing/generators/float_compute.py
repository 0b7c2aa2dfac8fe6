"""Layers with weights, arithmetic, reductions and functions in single precision."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from hypothesis import strategies as st

from tinyglow.ir.graph import Array
from tinyglow.ir.kernel import Kernel
from tinyglow.kernels.activation import Activation, float_activation
from tinyglow.kernels.convolution.conv2d_f32 import CONV2D_FLOAT, Conv2DFloatParams
from tinyglow.kernels.elementwise.add import ADD_FLOAT
from tinyglow.kernels.elementwise.broadcast import LOOPS, OrderedParams, loop_fields, strides_of
from tinyglow.kernels.elementwise.div import DIV_FLOAT
from tinyglow.kernels.elementwise.map import MapParams
from tinyglow.kernels.elementwise.max import MAX_FLOAT
from tinyglow.kernels.elementwise.min import MIN_FLOAT
from tinyglow.kernels.elementwise.mul import MUL_FLOAT
from tinyglow.kernels.elementwise.pow import POW
from tinyglow.kernels.elementwise.relu import RELU_FLOAT, ReluFloatParams
from tinyglow.kernels.elementwise.sqrt import SQRT
from tinyglow.kernels.elementwise.sub import SUB_FLOAT
from tinyglow.kernels.fully_connected.fully_connected_f32 import FULLY_CONNECTED_FLOAT, FullyConnectedFloatParams
from tinyglow.kernels.matmul.matmul import MATMUL_FLOAT, MatMulFloatParams
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import REDUCE_MAX_FLOAT, ReduceMaxFloatParams
from tinyglow.kernels.reduce.reduce_sum import REDUCE_SUM_FLOAT, ReduceSumFloatParams
from tinyglow.operators.abs import ABS
from tinyglow.operators.ceil import CEIL
from tinyglow.operators.erf import ERF
from tinyglow.operators.exp import EXP
from tinyglow.operators.floor import FLOOR
from tinyglow.operators.neg import NEG
from tinyglow.operators.round import ROUND
from tinyglow.testing.case import Case
from tinyglow.testing.registry import generates
from tinyglow.testing.values import counts, float32_arrays, scales, weighted, windows


@st.composite
def _floats(draw: st.DrawFn, size: int) -> Array:
    """Numbers of similar size, of either sign; now and then special ones, halves of integers, or any bits."""
    style = draw(st.integers(0, 5))
    if style == 0:
        return draw(float32_arrays(size, 1.0, 0))
    data = draw(float32_arrays(size, draw(scales(-9, 0)), 0))
    # One of many that is infinite, or not a number, spoils one result, and not all of them.
    rare = np.full(size, draw(st.sampled_from((math.inf, -math.inf, math.nan, -0.0))), np.float32)
    return np.where(np.arange(size) == draw(st.integers(0, max(0, size - 1))), rare, data) if style == 1 else data


@st.composite
def _activations(draw: st.DrawFn) -> Activation:
    kind = draw(st.sampled_from(("NONE", "RELU", "CLIP", "LEAKY_RELU")))
    first, second = (draw(st.floats(-100, 100, width=32, allow_subnormal=False)) for _ in range(2))
    return Activation(kind, {"CLIP": (min(first, second), max(first, second)), "LEAKY_RELU": (first,)}.get(kind, ()))


@generates(CONV2D_FLOAT)
@st.composite
def _conv2d(draw: st.DrawFn) -> Case:
    window, in_h, in_w = draw(windows(max_kernel=5, max_dilation=3))
    group, images = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    in_group, out_group = draw(st.one_of(st.just((1, 1)), st.tuples(st.integers(1, 5), st.integers(1, 4))))
    in_c, out_c = group * in_group, group * out_group
    out_h, out_w = window.output_size(in_h, in_w)
    params = Conv2DFloatParams(
        *(in_h, in_w, in_c, out_h, out_w, out_c),
        *(*window.kernel, *window.strides, *window.pads[:2], *window.dilation),
        group=group,
        images=images,
        **float_activation(draw(_activations())),
    )
    inputs = {
        "input": draw(_floats(images * in_h * in_w * in_c)),
        "filter": draw(_floats(out_c * math.prod(window.kernel) * in_group)),
        "bias": draw(_floats(out_c)),
    }
    return Case(CONV2D_FLOAT, params, inputs, {"output": images * out_h * out_w * out_c})


@generates(FULLY_CONNECTED_FLOAT)
@st.composite
def _fully_connected(draw: st.DrawFn) -> Case:
    rows, depth, units = draw(st.integers(1, 4)), draw(st.integers(1, 40)), draw(st.integers(1, 24))
    sizes = {"input": rows * depth, "weights": units * depth, "bias": units}
    inputs = {name: draw(_floats(size)) for name, size in sizes.items()}
    params = FullyConnectedFloatParams(rows, depth, units)
    return Case(FULLY_CONNECTED_FLOAT, params, inputs, {"output": rows * units})


@generates(MATMUL_FLOAT)
@st.composite
def _matmul(draw: st.DrawFn) -> Case:
    batch, rows, columns = (draw(st.integers(1, 5)) for _ in range(3))
    depth = draw(st.integers(1, 40))
    inputs = {"lhs": draw(_floats(batch * rows * depth)), "rhs": draw(_floats(batch * depth * columns))}
    params = MatMulFloatParams(batch, rows, depth, columns)
    return Case(MATMUL_FLOAT, params, inputs, {"output": batch * rows * columns})


def _binaries(kernel: Kernel) -> st.SearchStrategy[Case]:
    """One operand repeated along some dimensions."""

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=LOOPS)))
        if draw(st.booleans()):
            shape = (*shape[:-1], shape[-1] * draw(st.integers(1, 8)))
        other = tuple(draw(st.sampled_from((count, count, 1))) for count in shape)
        ordered = {"is_reversed": draw(st.integers(0, 1))} if kernel.params is OrderedParams else {}
        params = kernel.params(**loop_fields(strides_of(shape, other)), **ordered)
        inputs = {"input": draw(_floats(math.prod(shape))), "other": draw(_floats(math.prod(other)))}
        return Case(kernel, params, inputs, {"output": math.prod(shape)})

    return build()


for _kernel in (ADD_FLOAT, SUB_FLOAT, MUL_FLOAT, DIV_FLOAT, MAX_FLOAT, MIN_FLOAT):
    generates(_kernel)(partial(_binaries, _kernel))


@st.composite
def _exponents(draw: st.DrawFn, size: int) -> Array:
    """Of powers: mostly small numbers and integers of either sign."""
    exponents = weighted(
        (3, st.integers(-6, 6).map(float)),
        (2, st.floats(-4, 4, width=32, allow_subnormal=False)),
        (1, st.sampled_from((2.0**24, -(2.0**24) + 1, math.inf, -math.inf, math.nan, 2.0**-149, -0.0))),
    )
    return np.array([draw(exponents) for _ in range(min(size, 12))], np.float32)[np.arange(size) % min(size, 12)]


@generates(POW)
@st.composite
def _pow(draw: st.DrawFn) -> Case:
    size = draw(st.integers(1, 60))
    single, is_reversed = draw(st.booleans()), draw(st.integers(0, 1))
    params = OrderedParams(**loop_fields([(size, 0 if single else 1)]), is_reversed=is_reversed)
    first, second = size, 1 if single else size
    x, y = (_exponents(first), _floats(second)) if is_reversed else (_floats(first), _exponents(second))
    return Case(POW, params, {"input": draw(x), "other": draw(y)}, {"output": size})


@st.composite
def _reductions(draw: st.DrawFn) -> tuple[dict[str, int], Array, int]:
    """The loops of a reduction, its input and the terms of one result."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)))
    axes = tuple(axis for axis in range(len(shape)) if draw(st.booleans()))
    return reduce_loops(shape, axes), draw(_floats(math.prod(shape))), math.prod(shape[axis] for axis in axes)


@generates(REDUCE_SUM_FLOAT)
@st.composite
def _reduce_sum(draw: st.DrawFn) -> Case:
    loops, data, terms = draw(_reductions())
    params = ReduceSumFloatParams(**loops, divisor=draw(st.sampled_from((1, terms))))
    return Case(REDUCE_SUM_FLOAT, params, {"input": data}, {"output": data.size // terms})


@generates(REDUCE_MAX_FLOAT)
@st.composite
def _reduce_max(draw: st.DrawFn) -> Case:
    loops, data, terms = draw(_reductions())
    return Case(REDUCE_MAX_FLOAT, ReduceMaxFloatParams(**loops), {"input": data}, {"output": data.size // terms})


@generates(RELU_FLOAT)
@st.composite
def _relu(draw: st.DrawFn) -> Case:
    count = draw(counts())
    return Case(RELU_FLOAT, ReluFloatParams(count), {"input": draw(_floats(count))}, {"output": count})


def _maps(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        count = draw(counts())
        return Case(kernel, MapParams(count), {"input": draw(_floats(count))}, {"output": count})

    return build()


for _kernel in (EXP, SQRT, ERF, NEG, ABS, FLOOR, CEIL, ROUND):
    generates(_kernel)(partial(_maps, _kernel))
