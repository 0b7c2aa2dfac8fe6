"""Operators on two tensors with broadcasting, matrix products, and reductions."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from tinyglow.ir.kernel import Kernel
from tinyglow.ir.types import QuantParams
from tinyglow.kernels.elementwise.add import ADD
from tinyglow.kernels.elementwise.addends import AddendParams
from tinyglow.kernels.elementwise.broadcast import LOOPS, loop_fields, strides_of
from tinyglow.kernels.elementwise.div import DIV, MAX_FRACTION_BITS, QuotientParams, quotient_requant
from tinyglow.kernels.elementwise.max import MAX
from tinyglow.kernels.elementwise.min import MIN
from tinyglow.kernels.elementwise.mul import MUL, ProductParams
from tinyglow.kernels.elementwise.sub import SUB
from tinyglow.kernels.int8 import product_requant
from tinyglow.kernels.matmul.matmul import MATMUL, MatMulParams
from tinyglow.kernels.reduce.loops import reduce_loops
from tinyglow.kernels.reduce.reduce_max import REDUCE_MAX, ReduceMaxParams
from tinyglow.kernels.reduce.reduce_sum import REDUCE_SUM, ReduceSumParams
from tinyglow.numerics.epilogue import Epilogue
from tinyglow.numerics.epilogues.glow import GLOW
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues import constants_of
from tinyglow.testing.registry import generates
from tinyglow.testing.values import any_requant, int8_arrays, offsets, requant_params, scales


@st.composite
def _shapes(draw: st.DrawFn) -> tuple[dict[str, int], int, int]:
    """Loops over an operand that is repeated along some dimensions; elements of the result and of that operand."""
    shape = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=LOOPS)))
    if draw(st.booleans()):
        shape = (*shape[:-1], shape[-1] * draw(st.integers(1, 8)))
    other = tuple(draw(st.sampled_from((count, count, 1))) for count in shape)
    return loop_fields(strides_of(shape, other)), math.prod(shape), math.prod(other)


@st.composite
def two_operands(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
    """The parameters that all such kernels have, their inputs and the size of their output."""
    loops, size, other_size = draw(_shapes())
    offset, other_offset = draw(offsets()), draw(offsets())
    inputs = {"input": draw(int8_arrays(size, offset)), "other": draw(int8_arrays(other_size, other_offset))}
    return {**loops, "input_offset": offset, "other_offset": other_offset}, inputs, {"output": size}


def _addends(kernel: Kernel) -> st.SearchStrategy[Case]:
    @st.composite
    def build(draw: st.DrawFn) -> Case:
        fields, inputs, outputs = draw(two_operands())
        own = draw(st.one_of(requant_params(255), requant_params(255), any_requant()))
        other = draw(st.one_of(requant_params(255), requant_params(255), any_requant()))
        is_reversed = draw(st.integers(0, 1)) if kernel is SUB else 0
        if kernel in (ADD, SUB):  # one operand brings the output's offset
            own, other = (replace(own, offset=0), other) if is_reversed else (own, replace(other, offset=0))
        params = AddendParams(**fields, is_reversed=is_reversed, input_scale=own, other_scale=other)
        return Case(kernel, params, inputs, outputs)

    return build()


@generates(ADD)
def _add() -> st.SearchStrategy[Case]:
    return _addends(ADD)


@generates(SUB)
def _sub() -> st.SearchStrategy[Case]:
    return _addends(SUB)


@generates(MAX)
def _max() -> st.SearchStrategy[Case]:
    return _addends(MAX)


@generates(MIN)
def _min() -> st.SearchStrategy[Case]:
    return _addends(MIN)


def _quants() -> st.SearchStrategy[QuantParams]:
    return st.builds(QuantParams, scales(-12, 4), offsets())


@generates(MUL)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    fitting = st.builds(product_requant, _quants(), _quants(), _quants())
    out = draw(st.one_of(fitting, requant_params(255 * 255), any_requant()))
    return Case(MUL, ProductParams(**fields, out=out), inputs, outputs)


@generates(DIV)
@st.composite
def _div(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    bits = draw(st.sampled_from((0, 0, 1, MAX_FRACTION_BITS)))
    out, limit = quotient_requant(draw(_quants()), draw(_quants()), draw(_quants()), bits)
    fields |= {"is_reversed": draw(st.integers(0, 1)), "fraction_bits": bits, "limit": limit, "out": out}
    return Case(DIV, QuotientParams(**fields), inputs, outputs)


@generates(MATMUL)
@st.composite
def _matmul(draw: st.DrawFn, epilogue: Epilogue = GLOW) -> Case:
    batch, rows, columns = (draw(st.integers(1, 5)) for _ in range(3))
    # 258 products of 255 * 255 are the most whose sum the reference may form in float32.
    depth = draw(st.one_of(st.integers(1, 40), st.integers(255, 262)))
    lhs_offset, rhs_offset = draw(offsets()), draw(offsets())
    out = draw(constants_of(epilogue, 255 * 128 * math.sqrt(depth), draw(offsets())))
    most = depth * 255 * 255
    assume(epilogue.holds_for([(-most, most)], [out]))
    inputs = {
        "lhs": draw(int8_arrays(batch * rows * depth, lhs_offset)),
        "rhs": draw(int8_arrays(batch * depth * columns, rhs_offset)),
    }
    params = MatMulParams(batch, rows, depth, columns, lhs_offset, rhs_offset, out)
    return Case(MATMUL, params, inputs, {"output": batch * rows * columns})


@st.composite
def reductions(draw: st.DrawFn) -> tuple[dict[str, int], int, int]:
    """The loops of a reduction, the elements of its input and the terms of one result."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)))
    axes = tuple(axis for axis in range(len(shape)) if draw(st.booleans()))
    return reduce_loops(shape, axes), math.prod(shape), math.prod(shape[axis] for axis in axes)


@generates(REDUCE_SUM)
@st.composite
def _reduce_sum(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    offset = draw(offsets())
    out = draw(requant_params(128 * math.sqrt(terms)))
    params = ReduceSumParams(**loops, start=-offset * terms, out=out)
    return Case(REDUCE_SUM, params, {"input": draw(int8_arrays(size, offset))}, {"output": size // terms})


@generates(REDUCE_MAX)
@st.composite
def _reduce_max(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    return Case(REDUCE_MAX, ReduceMaxParams(**loops), {"input": draw(int8_arrays(size))}, {"output": size // terms})
