"""Cases of the kernels that round as onnxruntime does."""

from __future__ import annotations

from hypothesis import strategies as st

from tinyglow.kernels.elementwise.mul import ProductParams
from tinyglow.kernels.elementwise.mul_onnx import MUL_ONNX
from tinyglow.kernels.reduce.reduce_mean_onnx import REDUCE_MEAN_ONNX, ReduceMeanOnnxParams
from tinyglow.testing.case import Case
from tinyglow.testing.epilogues.onnxi import constants
from tinyglow.testing.generators.arithmetic import reductions, two_operands
from tinyglow.testing.registry import generates
from tinyglow.testing.values import int8_arrays, offsets


@generates(MUL_ONNX)
@st.composite
def _mul(draw: st.DrawFn) -> Case:
    fields, inputs, outputs = draw(two_operands())
    params = ProductParams(**fields, out=draw(constants(255.0 * 64, draw(offsets()))))
    return Case(MUL_ONNX, params, inputs, outputs)


@generates(REDUCE_MEAN_ONNX)
@st.composite
def _reduce_mean(draw: st.DrawFn) -> Case:
    loops, size, terms = draw(reductions())
    offset = draw(offsets())
    out = draw(constants(255.0 * terms, draw(offsets())))
    params = ReduceMeanOnnxParams(**loops, start=-offset * terms, out=out)
    return Case(REDUCE_MEAN_ONNX, params, {"input": draw(int8_arrays(size, offset))}, {"output": size // terms})
